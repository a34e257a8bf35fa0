"""Inputs scaled before weights are rounded: those that are large keep more of their weights."""

import torch
from jaxtyping import Float
from torch import Tensor

from quantmia.quantizers.base import Quantizer
from quantmia.quantizers.layers import Given

TRIED = 20  # exponents, 0 among them, which scales nothing
SMALLEST = 1e-4  # scale, as in AWQ's own code


def scaled_inputs(
    scheme: Quantizer, weights: Float[Tensor, "runs out in"], given: Given
) -> Float[Tensor, "runs out in"]:
    """AWQ (Lin et al. 2024, equations 4 and 5) over a stack of layers, with any codebook.

    Weights are rounded after each input's are multiplied by a scale, by which they are divided
    again: Q(W s) / s. The scales are the mean magnitudes of the inputs to some power, the one of
    twenty that leaves the least squared error in the layer's outputs; they go into what comes
    before the layer, as AWQ does it, and are not stored. Of the rows they know means alone.

    Args:
        scheme: rounds weights.
        weights: of one layer of every run.
        given: what the layer is given.
    """
    x = given.inputs.double()
    magnitude = x.abs().mean(1)  # runs, in
    best, least = torch.empty_like(weights), torch.full((len(weights),), torch.inf).double()
    least = least.to(x.device)
    for step in range(TRIED):
        scale = magnitude.pow(step / TRIED).clamp(min=SMALLEST)
        scale = scale / (scale.amax(1, True) * scale.amin(1, True)).sqrt()
        own = scale[:, None].to(weights.dtype)
        rounded = scheme({"weight": weights * own})["weight"] / own
        error = (x @ (rounded - weights).double().mT).square().sum((1, 2))
        better = error < least if step else torch.ones_like(least, dtype=torch.bool)
        best[better], least[better] = rounded[better], error[better]
    return best
