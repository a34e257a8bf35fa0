"""Sharpness-aware minimisation: gradients where the loss of a batch is worst nearby."""

import torch
from torch import Tensor

from quantmia.models.loop import Loop
from quantmia.models.stack import Params, Stack

LEAST = 1e-12  # added to a norm, so that a run whose gradient is zero stays where it is


class SharpnessAware:
    """Gradients at parameters moved towards a larger loss (SAM, Foret et al. 2021, algorithm 1).

    Each run moves by `radius * g / ||g||` (equation 2), g being the gradient of its batch over all
    of its trained parameters, whoever else is in the stack. The optimiser then changes the
    parameters that were not moved. Weight decay is the optimiser's and moves nothing here.

    Of a loop's modules, buffers (BatchNorm) are those of the first of the two passes, at the
    parameters themselves; what is random (Dropout) is drawn anew in the second.

    Args:
        stack: the models.
        radius: rho, how far the parameters of a run are moved, as an L2 norm.
    """

    def __init__(self, stack: Stack | Loop, radius: float):
        self.stack, self.radius = stack, radius

    def __call__(
        self, params: Params, x: Tensor, y: Tensor, weights: Tensor | None
    ) -> list[Tensor]:
        """Those of a batch, in the order of the stack's trained parameters.

        Args:
            params: of every run.
            x: features, [runs, batch, *features].
            y: targets, [runs, batch].
            weights: of the loss, [runs, batch]; None for the mean.
        """
        gradients = self.stack.gradients(params, x, y, weights)
        squares = [gradient.flatten(1).square().sum(1) for gradient in gradients]
        lengths = self.radius / (torch.stack(squares).sum(0).sqrt() + LEAST)  # [runs]
        moved = {
            name: torch.addcmul(params[name], gradient, _beside(lengths, gradient))
            for name, gradient in zip(self.stack.trained, gradients, strict=True)
        }
        # A second pass would count the batch twice in what a module keeps of its inputs.
        buffers = {name: params[name].clone() for name in params.keys() - self.stack.parameters}
        return self.stack.gradients(params | buffers | moved, x, y, weights)


def _beside(of_runs: Tensor, values: Tensor) -> Tensor:
    """Numbers of the runs with the axes that a parameter has besides theirs."""
    return of_runs.reshape(-1, *(1 for _ in values.shape[1:]))
