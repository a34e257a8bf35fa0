"""Quantizers that are made of another one, whose weights they make up for or evaluate otherwise."""

from dataclasses import dataclass, fields

from quantmia.quantizers.base import Quantizer
from quantmia.vocabulary import Shown


@dataclass(frozen=True, kw_only=True)
class Wrapper(Quantizer):
    """What is a scheme's own is asked of the scheme; it may be shown rows of data.

    Args:
        scheme: the quantizer of the weights.
        rows: samples that each run is shown, at most.
        source: `members` of the run; `apart`: samples that nothing else sees
            (`split.calibration`); `noise`: standard normal numbers, which are nobody's.
    """

    scheme: Quantizer
    rows: int = 512
    source: Shown = "members"

    def __post_init__(self):
        super().__post_init__()
        for field in fields(Quantizer):
            if getattr(self, field.name) != field.default:
                raise ValueError(f"{field.name}: set scheme.{field.name}, it is the scheme's")
        if self.rows < 2:
            raise ValueError(f"rows={self.rows} must be 2 or more")

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
