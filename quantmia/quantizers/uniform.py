"""2^b equally spaced values."""

from dataclasses import dataclass

import torch

from quantmia.quantizers.base import Quantizer


@dataclass(frozen=True, kw_only=True)
class Uniform(Quantizer):
    """Rounding to the nearest of 2^b equally spaced values.

    With `scale: data` they run from each row's minimum to its maximum (affine min-max), else over
    the constant range, where weights outside take the outermost value.

    Args:
        bits: b, the bits a weight, from 1 to 16.
    """

    bits: int = 4

    def __post_init__(self):
        super().__post_init__()
        if not 1 <= self.bits <= 16:
            raise ValueError(f"bits={self.bits} must lie in 1..16")

    @property
    def bits_per_weight(self) -> float:
        """B."""
        return float(self.bits)

    @property
    def bits_per_row(self) -> float:
        """Two float32, the ends of the grid."""
        return 64.0 if self.scale == "data" else 0.0

    def quantize_rows(self, weights):
        """The nearest value of the grid."""
        steps = 2**self.bits - 1
        if self.scale == "data":
            # Each by itself, which torch does many times faster than both at once.
            edges = (edge(weights, 1, keepdim=True) for edge in (torch.amin, torch.amax))
            low, high = (edge + 0.0 for edge in edges)  # -0.0 + 0.0 is 0.0
        else:
            high = self.half_width(weights, weights[:, 0])
            low = -high
        width = torch.where(high > low, high - low, 1.0)
        # Divided first: the inverse of a very small width is infinite.
        code = weights.sub(low).div_(width).mul_(steps).round_()
        if self.scale != "data":  # else none lies outside
            code.clamp_(0, steps)
        # lerp meets both ends exactly, so a second pass finds the same grid. It is vectorised with
        # one number a row, the upper end, and not with two.
        values = low.expand_as(code).contiguous()
        return values.lerp_(high.expand_as(code), code.div_(steps))
