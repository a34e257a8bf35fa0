"""The nearest of given values: any published table of levels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from quantmia.quantizers.base import Quantizer

# NormalFloat4 (Dettmers et al. 2023, appendix E): quantiles of a Gaussian, zero among them.
NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
# One sign, two exponent and one mantissa bit (OCP Microscaling Formats 1.0, table 5), over 6.
FP4 = tuple(sign * level / 6 for sign in (-1, 1) for level in (0, 0.5, 1, 1.5, 2, 3, 4, 6))
TABLES = {"nf4": NF4, "fp4": FP4}


@dataclass(frozen=True, kw_only=True)
class Codebook(Quantizer):
    """Rounding to the nearest of given levels, times the largest magnitude of the row.

    A weight halfway between two levels takes the lower one.

    Args:
        levels: `nf4`, `fp4`, or numbers in [-1, 1].
    """

    levels: Literal["nf4", "fp4"] | Sequence[float] = "nf4"

    def __post_init__(self):
        super().__post_init__()
        if isinstance(self.levels, str) and self.levels not in TABLES:
            raise ValueError(f"levels={self.levels} must be nf4, fp4 or a list of numbers")
        if len(self.table) < 2 or not all(abs(level) <= 1 for level in self.table):
            raise ValueError(f"levels={self.levels} must hold two numbers or more in [-1, 1]")

    @property
    def table(self) -> tuple[float, ...]:
        """The levels in ascending order, each once."""
        levels = TABLES[self.levels] if isinstance(self.levels, str) else self.levels
        return tuple(sorted({float(level) + 0.0 for level in levels}))

    @property
    def bits_per_weight(self) -> float:
        """Whole bits that number the levels: 4 for both tables, though fp4 has two zeros."""
        return float((len(self.table) - 1).bit_length())

    def quantize_rows(self, weights):
        """A level times the row's scale."""
        levels = torch.tensor(self.table, dtype=weights.dtype, device=weights.device)
        scale = self.half_width(weights, weights.abs().amax(1))
        # Divided weight by weight: the inverse of a very small scale is infinite.
        unit = torch.where(scale > 0, weights / torch.where(scale > 0, scale, 1.0), 0.0)
        edges = (levels[1:].double() + levels[:-1].double()) / 2
        return levels[torch.bucketize(unit.double(), edges)] * scale
