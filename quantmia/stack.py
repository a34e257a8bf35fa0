"""R models of one architecture as one: parameters with a leading axis of runs.

`torch.func` vectorises any `nn.Module`. What it computes for a given shape is captured once as a
graph of ATen operations and replayed, which saves functorch's and autograd's dispatch at every
step: half the time of a step of a small model.
"""

import copy
from collections.abc import Callable, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from quantmia.errors import QuantmiaError
from quantmia.tasks import Task

Params = dict[str, Tensor]
ROWS = 8192  # samples evaluated at once: bounds the activations held, not the result


class Stack:
    """Independent models of one architecture, evaluated and differentiated together.

    Args:
        factory: returns a fresh module; called once a run.
        seeds: one seed a run for its initialisation.
        task: gives the loss to differentiate.

    Raises:
        QuantmiaError: the module keeps buffers (BatchNorm), which a stack cannot share.
    """

    def __init__(self, factory: Callable[[], nn.Module], seeds: Sequence[int], task: Task):
        models = [_initialise(factory, seed) for seed in seeds]
        refuse_buffers(models[0])
        self.task = task
        self.initial: Params = {
            name: torch.stack([model.get_parameter(name).detach() for model in models])
            for name, _ in models[0].named_parameters()
        }
        self._skeleton = copy.deepcopy(models[0]).to("meta")
        self._graphs: dict[tuple, Callable] = {}

    def __call__(
        self, params: Params, x: Float[Tensor, "samples *features"]
    ) -> Float[Tensor, "runs samples out"]:
        """Raw outputs of every run on the same samples, in evaluation mode."""
        chunks = x.chunk(max(1, -(-len(x) // ROWS)))
        with torch.no_grad():
            outputs = [self._run("forward", params, chunk) for chunk in chunks]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)

    def gradients(
        self, params: Params, x: Float[Tensor, "runs batch *features"], y: Tensor
    ) -> list[Tensor]:
        """Gradient of each run's mean loss on its own batch, in the order of `params`."""
        return self._run("gradient", params, x, y)

    def _run(self, kind: str, params: Params, *args: Tensor):
        leaves = list(params.values())
        key = (kind, *params, *((leaf.shape, leaf.dtype) for leaf in (*leaves, *args)))
        if key not in self._graphs:
            build = self._forward if kind == "forward" else self._gradient
            self._skeleton.train(kind == "gradient")
            self._graphs[key] = _capture(build(list(params)), (*leaves, *args), self._skeleton)
        return self._graphs[key](*leaves, *args)

    def _forward(self, names: list[str]) -> Callable:
        def forward(*args):
            *leaves, x = args
            return functional_call(self._skeleton, dict(zip(names, leaves, strict=True)), (x,))

        return vmap(forward, in_dims=(*[0] * len(names), None))

    def _gradient(self, names: list[str]) -> Callable:
        def loss(leaves, x, y):
            params = dict(zip(names, leaves, strict=True))
            return self.task.loss(functional_call(self._skeleton, params, (x,)), y).mean()

        vectorised = vmap(grad(loss))
        return lambda *args: vectorised(list(args[:-2]), args[-2], args[-1])


def refuse_buffers(model: nn.Module) -> None:
    """Raise a QuantmiaError if a module keeps state besides its parameters."""
    for name, module in model.named_modules():
        if any(True for _ in module.buffers(recurse=False)):
            raise QuantmiaError(
                f"model: the module '{name or type(model).__name__}' ({type(module).__name__}) "
                "keeps buffers, which independent runs cannot train in one stack. Use a module "
                "without running statistics, such as nn.LayerNorm or nn.GroupNorm."
            )


def _initialise(factory: Callable[[], nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return factory()


def _capture(function: Callable, args: tuple, skeleton: nn.Module) -> Callable:
    try:
        graph = make_fx(function)(*args)
    except RuntimeError as error:
        raise QuantmiaError(
            f"model: {type(skeleton).__name__} cannot be trained as a stack of runs: "
            f"{str(error).splitlines()[0]} Modules that draw random numbers, change their input "
            "in place or branch on values need another formulation."
        ) from error
    return _simplify(graph)


def _simplify(graph: GraphModule) -> Callable:
    """Remove the operations that change nothing; vmap leaves dozens of them in a step."""
    aten = torch.ops.aten
    reshapes = (aten.expand.default, aten.view.default, aten._unsafe_view.default)
    for node in list(graph.graph.nodes):
        source = node.args[0] if node.args else None
        if node.op != "call_function" or not isinstance(source, Node):
            continue
        same_shape = node.target in reshapes and _shape(node) == _shape(source)
        times_one = node.target is aten.mul.Scalar and node.args[1] == 1
        twice = (
            node.target is aten.transpose.int
            and source.target is aten.transpose.int
            and node.args[1:] == source.args[1:]
        )
        if same_shape or times_one or twice:
            node.replace_all_uses_with(cast(Node, source.args[0] if twice else source))
            graph.graph.erase_node(node)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph.forward


def _shape(node: Node) -> torch.Size:
    return node.meta["val"].shape
