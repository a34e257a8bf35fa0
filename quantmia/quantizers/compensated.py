"""Error compensation: what rounding one input of a layer spoils, later inputs make up for."""

import torch
from jaxtyping import Float
from torch import Tensor

from quantmia.errors import QuantmiaError
from quantmia.quantizers.base import Quantizer
from quantmia.quantizers.layers import Given

BLOCK = 64  # columns whose errors are carried into the others at once


def compensated(
    scheme: Quantizer, weights: Float[Tensor, "runs out in"], given: Given
) -> Float[Tensor, "runs out in"]:
    """GPTQ (Frantar et al. 2023, algorithm 1) over a stack of layers, with any codebook.

    The codebook is what the scheme makes of the weights as they are; it stays the same while they
    change. Each is then rounded to what became of the nearest of the row's own weights, which asks
    nothing else of a scheme: a value that none of these has is not reached. Columns are rounded in
    the order of the size of their inputs.

    Args:
        scheme: rounds each weight by itself, with one codebook a tensor or an output channel.
        weights: of one layer of every run.
        given: what the layer is given.

    Raises:
        QuantmiaError: the scheme does not round each weight by itself.
    """
    order, factor = given.factor
    columns = order[:, None, :].expand_as(weights)
    rounding = _Rounding(scheme, weights)
    left = weights.double().gather(2, columns)
    rounded = torch.empty_like(left)
    for start in range(0, left.shape[2], BLOCK):
        stop = min(start + BLOCK, left.shape[2])
        errors = []
        for column in range(start, stop):
            rounded[:, :, column] = rounding(left[:, :, column])
            error = left[:, :, column] - rounded[:, :, column]
            error = error / factor[:, None, column, column]
            inside = factor[:, None, column, column + 1 : stop]
            left[:, :, column + 1 : stop] -= error[:, :, None] * inside
            errors.append(error)
        left[:, :, stop:] -= torch.stack(errors, 2) @ factor[:, start:stop, stop:]
    return torch.empty_like(rounded).scatter_(2, columns, rounded).to(weights.dtype)


class _Rounding:
    """Rounds any weight to what a scheme made of the nearest of a row's own."""

    def __init__(self, scheme: Quantizer, weights: Float[Tensor, "runs out in"]):
        self._rows = len(weights) if scheme.per == "tensor" else weights.shape[0] * weights.shape[1]
        own = weights.reshape(self._rows, -1)
        made = scheme.quantize_rows(own)
        own, order = own.double().sort(dim=1, stable=True)
        self._values = made.double().gather(1, order)
        if (self._values.diff(dim=1) < 0).any():
            raise QuantmiaError(
                f"quantizer: {scheme} does not round each weight by itself, so that no error can "
                "be made up for: use compensate=false"
            )
        self._edges = ((own[:, 1:] + own[:, :-1]) / 2).contiguous()

    def __call__(self, weights: Float[Tensor, "runs out"]) -> Float[Tensor, "runs out"]:
        """Values of the codebook of each row."""
        rows = weights.reshape(self._rows, -1).contiguous()
        return self._values.gather(1, torch.searchsorted(self._edges, rows)).reshape(weights.shape)
