"""Eight-bit floating point, by PyTorch's own types."""

from dataclasses import dataclass
from typing import Literal

import torch

from quantmia.quantizers.base import Quantizer

TYPES = {"e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2}


@dataclass(frozen=True, kw_only=True)
class Float8(Quantizer):
    """Rounding to an 8-bit float (Micikevicius et al. 2022) with a power of two as scale.

    With `scale: data` it is the power of two that brings the largest magnitude of a row within
    the type's range, else the one that brings the constant there, and larger weights are clipped.
    It moves no bit of a weight: without over- or underflow the result is that of a plain cast.

    Args:
        format: `e4m3`, three mantissa bits up to 448; or `e5m2`, two up to 57344.
    """

    format: Literal["e4m3", "e5m2"] = "e4m3"

    def __post_init__(self):
        super().__post_init__()
        if self.format not in TYPES:
            raise ValueError(f"format={self.format} must be e4m3 or e5m2")

    @property
    def bits_per_weight(self) -> float:
        """8."""
        return 8.0

    @property
    def bits_per_row(self) -> float:
        """The exponent of the scale."""
        return 8.0 if self.scale == "data" else 0.0

    def quantize_rows(self, weights):
        """The nearest number of the type, ties to even."""
        dtype = TYPES[self.format]
        largest = torch.finfo(dtype).max
        width = self.half_width(weights, weights.abs().amax(1))
        mantissa, exponent = torch.frexp(width / largest)
        # A row that reaches the end of a range stays in it, so that a second pass changes nothing.
        exponent = exponent - (mantissa == 0.5).to(exponent.dtype)
        # ldexp of older versions multiplies by the power of two, which has to be a float32.
        exponent = torch.where(width > 0, exponent, 0).clamp(min=-126)
        codes = torch.ldexp(weights, -exponent).clamp(-largest, largest).to(dtype)
        return torch.ldexp(codes.to(weights.dtype), exponent)
