"""What a function computes for tensors of given shapes, captured once and replayed.

Replaying saves functorch's and autograd's dispatch at every step: half the time of a step of a
small model.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from quantmia.errors import QuantmiaError


def capture(function: Callable, args: tuple[Tensor, ...], refusal: str) -> Callable:
    """A faster equivalent of a function for tensors like these.

    Args:
        function: of tensors; must not branch on values.
        args: examples, whose shapes, types and devices it is captured for.
        refusal: how the message begins if it cannot be captured.

    Raises:
        QuantmiaError: the function draws random numbers or branches on values.
    """
    try:
        graph = make_fx(function)(*args)
    except RuntimeError as error:
        raise QuantmiaError(
            f"{refusal}. Modules that draw random numbers, change what they keep or branch on "
            f"values cannot ({str(error).strip().splitlines()[0]})."
        ) from error
    return _simplify(graph)


def _simplify(graph: GraphModule) -> Callable:
    """Compute constants once, drop what changes nothing and fuse biases into products.

    vmap and autograd leave dozens of such operations in a step. A graph that writes into a tensor
    is replayed as it is: the tensor may be a constant, or the same memory as another.
    """
    if any(_writes(node) for node in graph.graph.nodes):
        return graph.forward
    constants: dict[Node, Tensor] = {}
    for node in list(graph.graph.nodes):
        if node.op != "call_function":
            continue
        folded = _constant(node, constants)
        if folded is not None:
            constants[node] = folded
            continue
        source = _unchanged(node)
        if source is None and _is_biased_product(node):
            bias, product = cast(tuple[Node, Node], node.args)
            with graph.graph.inserting_before(node):
                source = graph.graph.call_function(
                    torch.ops.aten.baddbmm.default, (bias, *product.args)
                )
            source.meta["val"] = node.meta["val"]
        if source is not None:
            node.replace_all_uses_with(source)
            graph.graph.erase_node(node)
    for node, value in constants.items():
        if any(user not in constants for user in node.users):
            graph.register_buffer(node.name, value.contiguous())
            with graph.graph.inserting_before(node):
                node.replace_all_uses_with(graph.graph.get_attr(node.name))
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph.forward


def _writes(node: Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


def _constant(node: Node, constants: dict[Node, Tensor]) -> Tensor | None:
    """The value of a node that depends on shapes alone."""
    aten = torch.ops.aten
    like: dict[object, Callable[..., Tensor]] = {
        aten.ones_like.default: torch.ones,
        aten.zeros_like.default: torch.zeros,
    }
    if node.target in like:
        value = node.meta["val"]
        return like[node.target](value.shape, dtype=value.dtype, device=value.device)
    if not node.all_input_nodes or any(each not in constants for each in node.all_input_nodes):
        return None
    args, kwargs = torch.fx.map_arg((node.args, node.kwargs), lambda each: constants[each])
    return cast(Callable, node.target)(*args, **kwargs)


def _unchanged(node: Node) -> Node | None:
    """The earlier node that a node merely repeats."""
    aten = torch.ops.aten
    source = node.args[0] if node.args else None
    if not isinstance(source, Node):
        return None
    if node.target in (aten.expand.default, aten.view.default, aten._unsafe_view.default):
        return source if _shape(node) == _shape(source) else None
    if node.target is aten.mul.Scalar and node.args[1] == 1:
        return source
    twice = node.target is source.target is aten.transpose.int and node.args[1:] == source.args[1:]
    return cast(Node, source.args[0]) if twice else None


def _is_biased_product(node: Node) -> bool:
    """Whether a node is `bias + product`, which `baddbmm` computes in one pass."""
    aten = torch.ops.aten
    if node.target is not aten.add.Tensor or node.kwargs:
        return False
    bias, product = node.args
    return (
        isinstance(bias, Node)
        and isinstance(product, Node)
        and product.target is aten.bmm.default
        and len(product.users) == 1
        and bias.meta["val"].dtype == product.meta["val"].dtype
        and len(_shape(bias)) == 3
        and torch.broadcast_shapes(_shape(bias), _shape(product)) == _shape(product)
    )


def _shape(node: Node) -> torch.Size:
    return node.meta["val"].shape
