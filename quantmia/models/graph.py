"""What a function computes for tensors of given shapes, captured once and replayed.

Replaying saves functorch's and autograd's dispatch at every step: half the time of a step of a
small model.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.fx import Graph, GraphModule, Node
from torch.fx.node import map_aggregate
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from quantmia.errors import QuantmiaError
from quantmia.models.eager import without_compiler
from quantmia.models.operations import Mode, called, memory, without_writing


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
        graph = _record(function, args)
    except RuntimeError as error:
        raise QuantmiaError(
            f"{refusal}. Modules that draw random numbers, change what they keep or branch on "
            f"values cannot ({str(error).strip().splitlines()[0]})."
        ) from error
    return _simplify(graph)


@dataclass(frozen=True)
class _Like:
    """What is kept of a tensor."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def of(cls, value: Tensor) -> "_Like":
        stride = value.stride() if value.layout is torch.strided else ()
        return cls(value.shape, stride, value.dtype, value.device)


def _record(function: Callable, args: Sequence[Tensor]) -> GraphModule:
    """The operations of a function, as they were called once."""
    recorder = _Recorder(args)
    with without_compiler(), recorder:
        outcome = function(*args)
    recorder.graph.output(map_aggregate(outcome, recorder.node))
    return GraphModule(recorder.constants, recorder.graph)


class _Recorder(Mode):
    """Notes each operation that is called, below functorch and autograd.

    `make_fx` notes the same in 35 times the time: it makes a fake of every tensor, which we have
    no use for.

    Args:
        args: of the function.
    """

    def __init__(self, args: Sequence[Tensor]):
        super().__init__()
        self.graph, self.constants = Graph(), nn.Module()
        self._nodes = WeakTensorKeyDictionary()
        self._fixed: set[Node] = set()  # what depends on no argument
        for number, each in enumerate(args):
            self._note(each, self.graph.placeholder(f"argument_{number}"))

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        """Called by PyTorch in place of the operation."""
        kwargs = kwargs or {}
        with self:
            parts = operation.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
        noted = map_aggregate((args, kwargs), self.node)
        fixed = all(each in self._fixed for each in tree_leaves(noted) if isinstance(each, Node))
        looks = torch.Tag.data_dependent_output in operation.tags
        if looks and not fixed:
            raise RuntimeError(f"{operation} looks at a value")
        if looks:
            return operation(*args, **kwargs)
        if writes := operation._schema.is_mutable:
            target, quick = self._fresh(operation, args, kwargs) or (operation, operation)
            outcome = operation(*args, **kwargs)
        else:
            target, (outcome, quick) = operation, called(operation, args, kwargs)
        node = self.graph.call_function(target, *cast(Any, noted))
        node.meta.update(wrote=writes, quick=quick)
        self._note(outcome, node, fixed)
        return outcome

    def _fresh(
        self, operation: OpOverload, args: tuple, kwargs: dict
    ) -> tuple[OpOverload, Callable] | None:
        """What returns what this one writes, and what calls it, if its memory is its own."""
        fresh, written = without_writing(operation), args[0] if args else None
        if fresh is None or not isinstance(written, Tensor) or written not in self._nodes:
            return None
        place = memory(written)
        others = (each for each in self._nodes if each is not written)  # that are still there
        if place is None or any(memory(each) == place for each in others):
            return None
        if self._nodes[written].op != "call_function":  # somebody else's
            return None
        outcome, quick = called(fresh, args, kwargs)
        return (fresh, quick) if _Like.of(outcome) == _Like.of(written) else None

    def node(self, value: object) -> Any:
        """Of a tensor the node that made it, of anything else itself."""
        if not isinstance(value, Tensor):
            return value
        if value not in self._nodes:  # it was there before the function was called
            name = f"constant_{len(list(self.constants.buffers()))}"
            self.constants.register_buffer(name, value)
            self._note(value, self.graph.get_attr(name), fixed=True)
        return self._nodes[value]

    def _note(self, value: object, node: Node, fixed: bool = False) -> None:
        if fixed:
            self._fixed.add(node)
        if isinstance(value, Tensor):
            node.meta["val"] = _Like.of(value)
            self._nodes[value] = node
        elif isinstance(value, tuple | list):
            for number, each in enumerate(value):
                part = self.graph.call_function(operator.getitem, (node, number))
                self._note(each, part, fixed)


def _simplify(graph: GraphModule) -> Callable:
    """Compute constants once, everything else at most once, and fuse biases into products.

    vmap and autograd leave dozens of operations in a step that need not be there. A graph that
    writes into a tensor is replayed as it is: the tensor may be a constant, or the same memory as
    another.
    """
    nodes = graph.graph.nodes
    if not any(_writes(node) for node in nodes):
        # The last bits of models whose loss writes would be others with a fused bias.
        _reduce(graph, fuse=not any(node.meta.get("wrote") for node in nodes))
    for node in nodes:
        node.target = node.meta.get("quick", node.target)
    graph.recompile()
    # As plain attributes, which a module finds at once; buffers it looks for elsewhere first.
    vars(graph).update({name: graph._buffers.pop(name) for name in list(graph._buffers)})
    return graph.forward


def _reduce(graph: GraphModule, fuse: bool) -> None:
    constants: dict[Node, Tensor] = {}
    seen: dict[tuple, Node] = {}
    for node in list(graph.graph.nodes):
        if node.op != "call_function":
            continue
        folded = _constant(node, constants)
        if folded is not None:
            constants[node] = folded
            continue
        source = _unchanged(node) or _again(node, seen)
        if source is None and fuse and _is_biased_product(node):
            bias, product = cast(tuple[Node, Node], node.args)
            with graph.graph.inserting_before(node):
                source = graph.graph.call_function(
                    torch.ops.aten.baddbmm.default, (bias, *product.args)
                )
            source.meta.update(val=node.meta["val"], quick=torch.baddbmm)
        if source is not None:
            node.replace_all_uses_with(source)
            graph.graph.erase_node(node)
    for node, value in constants.items():
        if any(user not in constants for user in node.users):
            graph.register_buffer(node.name, value.contiguous())
            with graph.graph.inserting_before(node):
                node.replace_all_uses_with(graph.graph.get_attr(node.name))
    graph.graph.eliminate_dead_code()


def _again(node: Node, seen: dict[tuple, Node]) -> Node | None:
    """The earlier node that computes the same of the same."""
    target = node.target
    if isinstance(target, OpOverload) and torch.Tag.nondeterministic_seeded in target.tags:
        return None
    # As text, in which nodes have their names and 1 is not 1.0.
    first = seen.setdefault((target, str(node.args), str(node.kwargs)), node)
    return None if first is node else first


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
    if node.target is aten.fill.Scalar:
        value = node.meta["val"]
        number = cast(float, node.args[1])
        return torch.full(value.shape, number, dtype=value.dtype, device=value.device)
    if node.target is aten.scalar_tensor.default:
        return cast(Callable, node.target)(*node.args, **node.kwargs)
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
    if node.target is aten.clone.default:
        return source if node.meta["val"].stride == source.meta["val"].stride else None
    if node.target in (aten.mul.Scalar, aten.pow.Tensor_Scalar) and node.args[1] == 1:
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
        # NumPy's, because PyTorch's imports SymPy.
        and np.broadcast_shapes(_shape(bias), _shape(product)) == _shape(product)
    )


def _shape(node: Node) -> torch.Size:
    return node.meta["val"].shape
