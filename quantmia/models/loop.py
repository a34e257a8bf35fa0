"""Models trained one after another: slower than a stack, but any module will do."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from jaxtyping import Float
from torch import Tensor, nn

from quantmia.models.rounded import rounding_inputs
from quantmia.models.skeleton import filled
from quantmia.models.stack import ROWS, Factory, Params, initialise, trained_of
from quantmia.quantizers.shipped import Inputs
from quantmia.tasks import Task


class Loop:
    """What `Stack` does, run by run, so that buffers and random numbers are each run's own.

    The parameters it works on hold the buffers too; `parameters` names those that are none, and
    `trained` what of them is not frozen.

    Args:
        factory: returns a fresh module; called once a run.
        seeds: one seed a run, for its initialisation and all that it draws while it trains.
        task: gives the loss to differentiate.
        device: where they are trained.
    """

    def __init__(
        self,
        factory: Factory,
        seeds: Sequence[int],
        task: Task,
        device: torch.device | str = "cpu",
    ):
        self.task = task
        self._models = [initialise(factory, seed).to(device) for seed in seeds]
        self._device = torch.device(device)
        self._random = [torch.Generator(device).manual_seed(seed).get_state() for seed in seeds]
        states = [_state(model) for model in self._models]
        self.parameters = [name for name, _ in self._models[0].named_parameters()]
        self.trained = trained_of(self._models[0])
        self.initial: Params = {
            name: torch.stack([state[name].detach() for state in states]) for name in states[0]
        }

    def __call__(
        self, params: Params, x: Float[Tensor, "samples *features"], inputs: Inputs | None = None
    ) -> Float[Tensor, "runs samples out"]:
        """Raw outputs of every run on the same samples, in evaluation mode.

        Args:
            params: of every run.
            x: features.
            inputs: how those of linear layers are rounded, if they are.
        """
        outputs = []
        with torch.no_grad():
            for run, model in enumerate(self._models):
                self._load(run, params)
                model.eval()
                chunks = x.chunk(max(1, -(-len(x) // ROWS)))
                with self._rounded(model, inputs, run):
                    outputs.append(torch.cat([model(chunk) for chunk in chunks]))
        return torch.stack(outputs)

    def module(self, params: Params) -> nn.Module:
        """A run's model by itself, in evaluation mode.

        Args:
            params: its own, with its buffers, without an axis of runs.
        """
        return filled(self._models[0], params)

    def gradients(
        self,
        params: Params,
        x: Float[Tensor, "runs batch *features"],
        y: Tensor,
        weights: Float[Tensor, "runs batch"] | None = None,
        inputs: Inputs | None = None,
    ) -> list[Tensor]:
        """Gradient of each run's mean loss on its own batch, in the order of `trained`.

        Buffers in `params` change as the modules change them.

        Args:
            params: of every run.
            x: features.
            y: targets.
            weights: for a weighted sum in place of the mean; what has none is left out.
            inputs: how those of linear layers are rounded, if they are.
        """
        rows = []
        for run, model in enumerate(self._models):
            model.train()
            self._load(run, params)
            with self._stream(run), self._rounded(model, inputs, run):
                rows.append(self._gradient(model, x[run], y[run], weights, run))
            for name, buffer in model.named_buffers():
                params[name][run] = buffer
        return [torch.stack(each) for each in zip(*rows, strict=True)]

    def _rounded(
        self, model: nn.Module, inputs: Inputs | None, run: int
    ) -> AbstractContextManager[None]:
        if inputs is None:
            return nullcontext()
        ranges = inputs.ranges
        own = None if ranges is None else {name: each[run] for name, each in ranges.items()}
        return rounding_inputs(model, inputs.rounding, own)

    @contextmanager
    def _stream(self, run: int) -> Iterator[None]:
        """Random numbers come from the run's own stream."""
        if self._device.type == "cuda":
            with torch.random.fork_rng(devices=[self._device]):
                torch.cuda.set_rng_state(self._random[run], self._device)
                yield
                self._random[run] = torch.cuda.get_rng_state(self._device)
        else:
            with torch.random.fork_rng(devices=[]):
                torch.set_rng_state(self._random[run])
                yield
                self._random[run] = torch.get_rng_state()

    def _gradient(
        self, model: nn.Module, x: Tensor, y: Tensor, weights: Tensor | None, run: int
    ) -> tuple[Tensor, ...]:
        moving = [value for value in model.parameters() if value.requires_grad]
        if weights is None:
            loss = self.task.loss(model(x), y).mean()
        else:
            there = weights[run] > 0
            loss = (self.task.loss(model(x[there]), y[there]) * weights[run][there]).sum()
        return torch.autograd.grad(loss, moving, materialize_grads=True)

    @torch.no_grad()
    def _load(self, run: int, params: Params) -> None:
        for name, own in _state(self._models[run]).items():
            own.copy_(params[name][run])


def _state(model: nn.Module) -> Params:
    """Parameters and buffers, those too that a state_dict leaves out."""
    return dict(model.named_parameters()) | dict(model.named_buffers())
