"""The reference: no quantization."""

from dataclasses import dataclass

from quantmia.quantizers.base import Quantizer


@dataclass(frozen=True, kw_only=True)
class FullPrecision(Quantizer):
    """Every weight as it was trained, in float32."""

    @property
    def bits_per_weight(self) -> float:
        """32."""
        return 32.0

    def covers(self, value):
        """Nothing is changed."""
        return False

    def quantize_rows(self, weights):
        """The same weights."""
        return weights
