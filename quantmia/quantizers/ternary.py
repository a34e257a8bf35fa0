"""Three values a weight, most of them zero if wished ("1.58 bits")."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from quantmia.quantizers.base import Quantizer, Rows


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
        # A zero has no sign to keep, and would count in the scale.
        kept = (magnitude >= _order_statistic(magnitude, zeroed)) & (magnitude > 0)
        if self.scale == "data":
            # In float64 equal magnitudes average to themselves: quantizing twice changes no bit.
            total = (magnitude * kept).sum(1, dtype=torch.float64)
            fitted = (total / kept.sum(1).clamp(min=1)).to(weights.dtype)
        else:
            fitted = magnitude[:, 0]
        s = self.half_width(weights, fitted)
        return torch.where(kept, torch.copysign(s, weights), 0.0)


def _order_statistic(values: Rows, k: int) -> Float[Tensor, "rows 1"]:
    """The (k+1)-th smallest value of each row."""
    if values.device.type == "cpu":  # numpy selects four times faster than torch does
        return torch.from_numpy(np.partition(values.numpy(), k, axis=1)[:, k : k + 1].copy())
    return values.kthvalue(k + 1, dim=1, keepdim=True).values
