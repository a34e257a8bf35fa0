"""A function of one's own as a quantizer."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from quantmia.errors import QuantmiaError
from quantmia.quantizers.base import Quantizer


@dataclass(frozen=True, kw_only=True)
class Function(Quantizer):
    """What a function makes of rows of weights.

    Args:
        function: from float32 [rows, weights] to codebook values of the same shape; each row by
            itself.
        bits: a weight, for the tables.
    """

    function: Callable[[Tensor], Tensor]
    bits: float = math.nan

    @property
    def bits_per_weight(self) -> float:
        """What was stated; NaN where nothing was, and then values are counted."""
        return float(self.bits)

    @property
    def bits_per_row(self) -> float:
        """Unknown, and counted in what was stated."""
        return 0.0

    def quantize_rows(self, weights):
        """The function's values."""
        quantized = self.function(weights)
        return quantized.to(weights.dtype) if isinstance(quantized, Tensor) else quantized

    def _checked(self, rows):
        quantized = super()._checked(rows)
        if torch.isfinite(rows).all() and not torch.isfinite(quantized).all():
            raise QuantmiaError(
                f"quantizer: {self.function} returned NaN or infinite weights for finite "
                "ones. 'quantmia check quantizer=NAME' says for which."
            )
        return quantized
