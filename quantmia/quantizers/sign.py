"""One bit a weight."""

from dataclasses import dataclass

import torch

from quantmia.quantizers.base import Quantizer


@dataclass(frozen=True, kw_only=True)
class Sign(Quantizer):
    """Codebook {-s, s}: the sign of each weight, zero counted as positive.

    With `scale: data` s is the mean magnitude of the row, which minimises the squared error
    (Rastegari et al. 2016, equation 6).
    """

    @property
    def bits_per_weight(self) -> float:
        """1."""
        return 1.0

    def quantize_rows(self, weights):
        """-s or s."""
        weights = weights.detach()  # what is written into has no gradient
        values = weights.abs()
        # In float64 equal magnitudes average to themselves: quantizing twice changes no bit.
        fitted = values.mean(1, dtype=torch.float64).to(weights.dtype)
        torch.add(weights, 0.0, out=values)  # -0.0 + 0.0 is 0.0
        return torch.copysign(self.half_width(weights, fitted), values, out=values)
