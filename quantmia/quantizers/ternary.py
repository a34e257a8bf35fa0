"""Three values a weight, most of them zero if wished ("1.58 bits")."""

import math
from dataclasses import dataclass

import torch

from quantmia.quantizers.base import Quantizer
from quantmia.quantizers.order import partitioned

COUNTED = torch.float32  # exact up to 2^24, and in a half-precision type only up to a few hundred


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
        zeroed = math.floor(self.sparsity * weights.shape[1])
        magnitude = partitioned(weights.abs(), zeroed)
        # A zero has no sign to keep, and would count in the scale: above the smallest number.
        numbers = torch.finfo(weights.dtype)
        least = magnitude[:, zeroed : zeroed + 1].clamp(min=numbers.tiny * numbers.eps)
        total = magnitude[:, zeroed:].sum(1, dtype=torch.float64)
        # 1 or 0 as numbers, which are several times faster than choices.
        negative = torch.le(weights, -least, out=magnitude)
        kept = torch.ge(weights, least, out=torch.empty_like(weights))
        count = kept.sum(1, dtype=COUNTED) + negative.sum(1, dtype=COUNTED)
        tied = (count - (weights.shape[1] - zeroed)).clamp(min=0).double() * least[:, 0]
        # In float64 equal magnitudes average to themselves: quantizing twice changes no bit.
        fitted = ((total + tied) / count.clamp(min=1)).to(weights.dtype)
        return kept.sub_(negative).mul_(self.half_width(weights, fitted))
