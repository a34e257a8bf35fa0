"""Three values a weight, most of them zero if wished ("1.58 bits")."""

import math
from dataclasses import dataclass

import torch

from quantmia.quantizers.base import Quantizer
from quantmia.quantizers.order import order_statistic


@dataclass(frozen=True, kw_only=True)
class Ternary(Quantizer):
    """Codebook {-s, 0, s}: the smallest magnitudes become zero, the rest keep their sign.

    Magnitudes equal to the smallest kept one are all kept, so that equal weights are treated
    alike; a row with many ties is then less sparse than asked for.

    With `scale: data` s is the mean magnitude of the kept weights, which minimises the squared
    error (Li and Liu 2016, equation 5).

    Args:
        sparsity: share of each row that becomes zero, in [0, 1).
    """

    sparsity: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.sparsity < 1:
            raise ValueError(f"sparsity={self.sparsity} must lie in [0, 1)")

    @property
    def bits_per_weight(self) -> float:
        """log2(3)."""
        return math.log2(3)

    def quantize_rows(self, weights):
        """-s, 0 or s."""
        magnitude = weights.abs()
        zeroed = math.floor(self.sparsity * weights.shape[1])
        least = order_statistic(magnitude, zeroed)
        # A zero has no sign to keep, and would count in the scale.
        above_zero = torch.nextafter(torch.zeros_like(least), torch.ones_like(least))
        # 1 or 0 as a number: products are many times faster than choices.
        kept = torch.ge(magnitude, torch.maximum(least, above_zero), out=torch.empty_like(weights))
        if self.scale == "data":
            # In float64 equal magnitudes average to themselves: quantizing twice changes no bit.
            total = magnitude.mul_(kept).double().sum(1)
            count = kept.sum(1).clamp(min=1)  # exact up to 2^24
            fitted = (total / count).to(weights.dtype)
        else:
            fitted = magnitude[:, 0]
        s = self.half_width(weights, fitted)
        return torch.copysign(kept.mul_(s), weights).add_(0.0)  # -0.0 + 0.0 is 0.0
