"""R models of one architecture as one: parameters with a leading axis of runs.

`torch.func` vectorises any `nn.Module` that is a function of its input and parameters. What it
computes for a given shape is captured once as a graph of operations and replayed
(`quantmia.models.graph`). For other modules there is `quantmia.models.loop`.
"""

from collections.abc import Callable, Hashable, Sequence
from contextlib import nullcontext
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from quantmia.errors import QuantmiaError
from quantmia.models.clipped import Clipped, NotOfLayersError, by_layers, by_samples
from quantmia.models.graph import capture
from quantmia.models.rounded import rounding_inputs
from quantmia.models.skeleton import filled, skeleton
from quantmia.quantizers.shipped import Inputs, Rounds
from quantmia.tasks import Task

Params = dict[str, Tensor]
Factory = Callable[[], nn.Module]  # of fresh modules
WAY_OUT = "training.vectorize=false trains any module, one run after another"
TRIED = 4  # samples of a batch
FORWARD = "forward"
RANGE = "range of "  # what a layer is given in: before the name of its weight
ROWS = 8192  # samples evaluated at once: bounds the activations held, not the result


class Stack:
    """Independent models of one architecture, evaluated and differentiated together.

    Args:
        factory: returns a fresh module; called once a run.
        seeds: one seed a run for its initialisation.
        task: gives the loss to differentiate.
        device: where the parameters go once they are made, the same on all.

    `parameters` names what the models are made of, `trained` what of it is not frozen.

    Raises:
        QuantmiaError: the module keeps buffers (BatchNorm) or draws random numbers (Dropout).
    """

    def __init__(
        self,
        factory: Factory,
        seeds: Sequence[int],
        task: Task,
        device: torch.device | str = "cpu",
    ):
        models = [initialise(factory, seed) for seed in seeds]
        refuse_stateful(models[0])
        self.task = task
        self.initial: Params = {
            name: torch.stack([model.get_parameter(name).detach() for model in models]).to(device)
            for name, _ in models[0].named_parameters()
        }
        self.parameters = list(self.initial)
        self.trained = trained_of(models[0])
        self._skeleton = skeleton(models[0])
        self._graphs: dict[tuple, Callable] = {}
        self._clipped: dict[float, Clipped] = {}

    def __call__(
        self, params: Params, x: Float[Tensor, "samples *features"], inputs: Inputs | None = None
    ) -> Float[Tensor, "runs samples out"]:
        """Raw outputs of every run on the same samples, in evaluation mode.

        Args:
            params: of every run.
            x: features.
            inputs: how those of linear layers are rounded, if they are.
        """
        kind: Hashable = FORWARD
        build = self._forward
        if inputs is not None:
            found = inputs.ranges is None
            kind = FORWARD, inputs.rounding, found
            build = partial(self._rounded, inputs.rounding, found)
            params = params | {RANGE + name: each for name, each in (inputs.ranges or {}).items()}
        chunks = x.chunk(max(1, -(-len(x) // ROWS)))
        with torch.no_grad():
            outputs = [self._run(kind, build, params, chunk, training=False) for chunk in chunks]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)

    def module(self, params: Params) -> nn.Module:
        """A run's model by itself, in evaluation mode.

        Args:
            params: its own, without an axis of runs.
        """
        return filled(self._skeleton, params)

    def gradients(
        self,
        params: Params,
        x: Float[Tensor, "runs batch *features"],
        y: Tensor,
        weights: Float[Tensor, "runs batch"] | None = None,
        inputs: Inputs | None = None,
    ) -> list[Tensor]:
        """Gradient of each run's mean loss on its own batch, in the order of `trained`.

        Args:
            params: of every run.
            x: features.
            y: targets.
            weights: for a weighted sum in place of the mean.
            inputs: how those of linear layers are rounded, within ranges found at the time, if
                they are.
        """
        given = [x, y] if weights is None else [x, y, weights]
        if inputs is None:
            return self._run("gradient", self._gradient, params, *given)
        build = partial(self._gradient, rounding=inputs.rounding)
        return self._run(("gradient", inputs.rounding), build, params, *given)

    def clipped(
        self,
        params: Params,
        x: Float[Tensor, "runs batch *features"],
        y: Tensor,
        weights: Float[Tensor, "runs batch"],
        bound: float,
    ) -> list[Tensor]:
        """Sum of each run's gradients of single samples, clipped to a norm, in that order.

        Args:
            params: of every run.
            x: features.
            y: targets.
            weights: 1 of what is in a run's batch, 0 of what is not.
            bound: L2 norm over all trained parameters that each gradient is clipped to.
        """
        if bound not in self._clipped:
            self._clipped[bound] = self._quickest(params, x, y, bound)

        def build(names: list[str]) -> Callable:
            vectorised, n = vmap(self._clipped[bound]), len(names)
            return lambda *args: vectorised(dict(zip(names, args[:n], strict=True)), *args[n:])

        return self._run(f"clipped to {bound}", build, params, x, y, weights)

    def _quickest(self, params: Params, x: Tensor, y: Tensor, bound: float) -> Clipped:
        """Layer by layer where that gives what samples by themselves give, as it has to."""
        self._skeleton.train()
        tried = (params, x[:, :TRIED], y[:, :TRIED], torch.ones_like(y[:, :TRIED]).to(x.dtype))
        slow = by_samples(self._skeleton, self.task, self.trained, bound, runs=len(x))
        try:
            quick = by_layers(self._skeleton, self.task, self.trained, bound)
            return quick if alike(vmap(quick)(*tried), vmap(slow)(*tried)) else slow
        except NotOfLayersError:
            return slow

    def _run(
        self,
        kind: Hashable,
        build: Callable,
        params: Params,
        *args: Tensor,
        training: bool = True,
    ):
        given = [*params.values(), *args]
        key = (kind, *params, *[(each.shape, each.dtype) for each in given])
        graph = self._graphs.get(key)
        if graph is None:
            self._skeleton.train(training)
            called = type(self._skeleton).__name__
            try:
                graph = self._graphs[key] = capture(
                    build(list(params)),
                    tuple(given),
                    f"model: {called} cannot be trained as a stack of runs",
                )
            except QuantmiaError as error:
                raise QuantmiaError(f"{error} {WAY_OUT}.") from error
        return graph(*given)

    def _forward(self, names: list[str]) -> Callable:
        def forward(*args):
            *leaves, x = args
            return functional_call(self._skeleton, dict(zip(names, leaves, strict=True)), (x,))

        return vmap(forward, in_dims=(*[0] * len(names), None))

    def _rounded(self, rounding: Rounds, found: bool, names: list[str]) -> Callable:
        """Where ranges are not found at the time, they stand among the numbers."""

        def forward(*args):
            *leaves, x = args
            given = dict(zip(names, leaves, strict=True))
            ranged = [each for each in names if each.startswith(RANGE)]
            ranges = {each.removeprefix(RANGE): given.pop(each) for each in ranged}
            with rounding_inputs(self._skeleton, rounding, None if found else ranges):
                return functional_call(self._skeleton, given, (x,))

        return vmap(forward, in_dims=(*[0] * len(names), None))

    def _gradient(self, names: list[str], rounding: Rounds | None = None) -> Callable:
        trained = [names.index(name) for name in self.trained]

        def loss(moving, leaves, x, y, *weights):
            params = dict(zip(names, leaves, strict=True))
            params |= dict(zip(self.trained, moving, strict=True))
            with rounding_inputs(self._skeleton, rounding) if rounding else nullcontext():
                output = functional_call(self._skeleton, params, (x,))
            losses = self.task.loss(output, y)
            return (losses * weights[0]).sum() if weights else losses.mean()

        vectorised, n = vmap(grad(loss)), len(names)
        return lambda *args: vectorised([args[i] for i in trained], list(args[:n]), *args[n:])


def alike(some: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    """Whether tensors are the same but for rounding, each by the size of its largest number.

    Args:
        some: computed in one way.
        others: in another.
    """
    return all(
        torch.allclose(a, b, rtol=1e-3, atol=1e-3 * float(b.abs().max()) + 1e-12, equal_nan=True)
        for a, b in zip(some, others, strict=True)
    )


def refuse_stateful(model: nn.Module) -> None:
    """See that a module is a function of its parameters and input alone.

    Args:
        model: any.

    Raises:
        QuantmiaError: it keeps buffers or draws random numbers; each such part has a sentence.
    """
    faults = []
    for name, module in model.named_modules():
        called = f"the module '{name or type(model).__name__}' ({type(module).__name__})"
        if any(True for _ in module.buffers(recurse=False)):
            faults.append(
                f"{called} keeps buffers, which independent runs cannot train in one stack (a "
                "module without running statistics, such as nn.LayerNorm or nn.GroupNorm, can)"
            )
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0:
            faults.append(
                f"{called} draws random numbers, which runs in one stack would share "
                "(training.weight_decay needs none)"
            )
    if faults:
        raise QuantmiaError("model: " + "; ".join(faults) + f". {WAY_OUT}.")


def trained_of(model: nn.Module) -> list[str]:
    """Names of the parameters that are not frozen (`requires_grad_(False)`), each once.

    Args:
        model: any.
    """
    return [name for name, value in model.named_parameters() if value.requires_grad]


def initialise(factory: Factory, seed: int) -> nn.Module:
    """A fresh module whose initialisation a seed decides; no other random stream moves."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return factory()
