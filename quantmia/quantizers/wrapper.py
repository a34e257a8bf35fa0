"""Quantizers that are made of another one, whose weights they make up for or evaluate otherwise."""

from dataclasses import dataclass

from quantmia.quantizers.base import CODEBOOK, Quantizer
from quantmia.quantizers.data_aware import DataAware


@dataclass(frozen=True, kw_only=True)
class Wrapper(DataAware):
    """What is a scheme's own is asked of the scheme; it may be shown rows of data.

    Args:
        scheme: the quantizer of the weights.
    """

    scheme: Quantizer

    def __post_init__(self):
        super().__post_init__()
        for name in CODEBOOK:
            if getattr(self, name) != getattr(Quantizer, name):
                raise ValueError(f"{name}: set scheme.{name}, it is the scheme's")

    @property
    def bits_per_weight(self) -> float:
        """The scheme's."""
        return self.scheme.bits_per_weight

    @property
    def bits_per_row(self) -> float:
        """The scheme's."""
        return self.scheme.bits_per_row

    def covers(self, value):
        """What the scheme covers."""
        return self.scheme.covers(value)

    def quantize_rows(self, weights):
        """The scheme's, which is all that can be done without data."""
        return self.scheme.quantize_rows(weights)
