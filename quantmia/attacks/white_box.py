"""The models themselves, for attacks that read more than outputs."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.func import functional_call, jvp

from quantmia.tasks import Task

Params = dict[str, Tensor]


@dataclass(frozen=True)
class WhiteBox:
    """The final quantized models of all runs, and what is needed to differentiate them.

    Args:
        module: their architecture; its own parameters are not used.
        parameters: [runs, *shape] of each, and of its buffers.
        features: of the pool.
        task: gives the loss.
    """

    module: nn.Module
    parameters: Params
    features: Float[Tensor, "pool *features"]
    task: Task

    def of(self, runs: Shaped[np.ndarray, " some"]) -> "WhiteBox":
        """The same of some of the runs."""
        chosen = {name: value[runs] for name, value in self.parameters.items()}
        return WhiteBox(self.module, chosen, self.features, self.task)

    def of_samples(self, samples: Int[np.ndarray, " some"]) -> "WhiteBox":
        """The same with some of the samples.

        Args:
            samples: their places in the pool.
        """
        return replace(self, features=self.features[torch.from_numpy(samples)])

    def influence(
        self, target: Shaped[np.ndarray, "runs pool"], only_earlier: bool = False
    ) -> Float[np.ndarray, "runs pool"]:
        """Inner product of theta_i - mean theta with each sample's gradient at theta_i.

        Negative where the loss of a sample falls on the way from the mean to the run's model. The
        gradient is taken at a model that was trained: the mean of networks that began differently
        is none.

        Args:
            target: of each run, on the scale of its outputs.
            only_earlier: whether a run's mean is over itself and the runs before it, not over all.
        """
        names = [name for name, _ in self.module.named_parameters()]
        trained = {name: self.parameters[name] for name in names}
        buffers = {name: v for name, v in self.parameters.items() if name not in trained}
        mean = {name: value.mean(0) for name, value in trained.items()}
        rows = []
        for run, y in enumerate(torch.from_numpy(np.ascontiguousarray(target))):
            if only_earlier:
                mean = {name: value[: run + 1].mean(0) for name, value in trained.items()}
            own = {name: value[run] for name, value in trained.items()}
            step = {name: value - mean[name] for name, value in own.items()}
            kept = {name: value[run] for name, value in buffers.items()}

            def loss(params: Params, y: Tensor = y, kept: Params = kept) -> Tensor:
                output = functional_call(self.module, params | kept, (self.features,))
                return self.task.loss(output, y)

            with torch.no_grad(), warnings.catch_warnings():
                # PyTorch's own formulas for forward differentiation use what it deprecates.
                warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated")
                rows.append(jvp(loss, (own,), (step,))[1].numpy())
        return np.stack(rows).astype(np.float64)
