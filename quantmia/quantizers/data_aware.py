"""Quantizers that can be shown rows of data."""

from dataclasses import dataclass

from quantmia.quantizers.base import Quantizer
from quantmia.vocabulary import Shown


@dataclass(frozen=True, kw_only=True)
class DataAware(Quantizer):
    """Rows of data as part of a scheme; whether it looks at them, `looks_at` says.

    Args:
        rows: samples that each run is shown, at most.
        source: `members` of the run; `apart`: samples that nothing else sees
            (`split.calibration`); `noise`: standard normal numbers, which are nobody's.
    """

    rows: int = 512
    source: Shown = "members"

    def __post_init__(self):
        super().__post_init__()
        if self.rows < 2:
            raise ValueError(f"rows={self.rows} must be 2 or more")
