"""Three values a weight, most of them zero if wished ("1.58 bits")."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from quantmia.quantizers.base import Quantizer, Rows
from quantmia.quantizers.order import partitioned

COUNTED = torch.float32  # exact up to 2^24, and in a half-precision type only up to a few hundred
Least = Float[Tensor, "rows 1"]


@dataclass(frozen=True, kw_only=True)
class Ternary(Quantizer):
    """Codebook {-s, 0, s}: the smallest magnitudes become zero, the rest keep their sign.

    Magnitudes equal to the smallest kept one are all kept, so that equal weights are treated
    alike; a row with many ties is then less sparse than asked for.

    With `scale: data` s is the mean magnitude of the kept weights, which minimises the squared
    error (Li and Liu 2016, equation 5).

    Args:
        sparsity: share of each row that becomes zero, in [0, 1).
        held: steps of a training (`training.qat`) for which the smallest kept magnitude is held,
            before it is sought again, which takes longer than all else; s is that of each step.
    """

    sparsity: float = 0.5
    held: int = 4

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.sparsity < 1:
            raise ValueError(f"sparsity={self.sparsity} must lie in [0, 1)")
        if self.held < 1:
            raise ValueError(f"held={self.held} must be 1 or more")

    @property
    def bits_per_weight(self) -> float:
        """log2(3)."""
        return math.log2(3)

    def quantize_rows(self, weights):
        """-s, 0 or s."""
        return self.with_least(weights)[0]

    def with_least(self, weights: Rows) -> tuple[Rows, Least]:
        """-s, 0 or s, and the smallest magnitude of every row that is kept.

        Args:
            weights: as `quantize_rows` is given them.
        """
        zeroed = math.floor(self.sparsity * weights.shape[1])
        magnitude = partitioned(weights.abs(), zeroed)
        # A zero has no sign to keep, and would count in the scale: above the smallest number.
        numbers = torch.finfo(weights.dtype)
        least = magnitude[:, zeroed : zeroed + 1].clamp(min=numbers.tiny * numbers.eps)
        total = magnitude[:, zeroed:].sum(1, dtype=torch.float64)
        kept, negative, count = _cut(weights, least, magnitude)
        tied = (count - (weights.shape[1] - zeroed)).clamp(min=0).double() * least[:, 0]
        # In float64 equal magnitudes average to themselves: quantizing twice changes no bit.
        fitted = ((total + tied) / count.clamp(min=1)).to(weights.dtype)
        return kept.sub_(negative).mul_(self.half_width(weights, fitted)), least

    def kept_from(self, weights: Rows, least: Least) -> Rows:
        """-s, 0 or s, of weights whose smallest kept magnitude is known.

        Args:
            weights: as `quantize_rows` is given them.
            least: of every row.
        """
        kept, negative, count = _cut(weights, least, torch.empty_like(weights))
        kept.sub_(negative)
        total = torch.mul(weights, kept, out=negative).sum(1)
        fitted = (total / count.clamp(min=1)).to(weights.dtype)
        return kept.mul_(self.half_width(weights, fitted))

    def in_steps(self):
        """The same where what is small is sought; for some steps then what is below that."""
        as_here = type(self).quantize_rows is Ternary.quantize_rows  # not that of one's own
        return _Held(self) if as_here else self


class _Held:
    """Quantizes the weights of step after step, and seeks what is small among them in a few."""

    def __init__(self, quantizer: Ternary):
        self._quantizer = quantizer
        self._step = 0
        self._least: list[Least] = []  # in the order in which rows come

    def __call__(self, params: dict[str, Tensor]) -> dict[str, Tensor]:
        if self._step % self._quantizer.held == 0:
            self._least, of_rows = [], self._sought
        else:
            held = iter(self._least)

            def of_rows(rows: Rows) -> Rows:
                return self._quantizer.kept_from(rows, next(held))

        self._step += 1
        return {name: self._quantizer.by_rows(value, of_rows) for name, value in params.items()}

    def _sought(self, rows: Rows) -> Rows:
        quantized, least = self._quantizer.with_least(rows)
        self._least.append(least)
        return quantized


def _cut(weights: Rows, least: Least, room: Rows) -> tuple[Rows, Rows, Float[Tensor, " rows"]]:
    """Which weights are kept for being positive, and for being negative, and how many are."""
    # 1 or 0 as numbers, which are several times faster than choices.
    negative = torch.le(weights, -least, out=room)
    kept = torch.ge(weights, least, out=torch.empty_like(weights))
    return kept, negative, kept.sum(1, dtype=COUNTED) + negative.sum(1, dtype=COUNTED)
