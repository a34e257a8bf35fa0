"""Weights in full precision of which the smallest are zero, one by one or in a structure."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from quantmia.quantizers.base import FLOAT, Quantizer
from quantmia.quantizers.order import partitioned

Structure = Literal["weights", "two_four", "inputs"]
OF_FOUR = 2.0  # bits that say which of four neighbours a kept one is


@dataclass(frozen=True, kw_only=True)
class Pruned(Quantizer):
    """Magnitude pruning: what is small becomes zero, the rest stays as it is.

    Of equal magnitudes all are kept, so that equal weights are treated alike.

    Args:
        structure: `weights` each by itself; `two_four`, two of every four neighbours in a row
            (Mishra et al. 2021), which hardware skips; `inputs`, whole columns of a layer by their
            norm: features of the first layer, hidden units of the others.
        sparsity: share that becomes zero, in [0, 1); 0.5 of `two_four`.
    """

    structure: Structure = "weights"
    sparsity: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.sparsity < 1:
            raise ValueError(f"sparsity={self.sparsity} must lie in [0, 1)")
        if self.structure == "two_four" and self.sparsity != 0.5:
            raise ValueError(f"sparsity={self.sparsity}: of two_four it is 0.5")
        if self.structure == "two_four" and self.per != "channel":
            raise ValueError(f"per={self.per}: neighbours are inputs of one output: channel")

    @property
    def bits_per_weight(self) -> float:
        """Of the kept weights, and of what says which they are."""
        where = {"weights": 1.0, "two_four": OF_FOUR * (1 - self.sparsity), "inputs": 0.0}
        return FLOAT * (1 - self.sparsity) + where[self.structure]

    @property
    def bits_per_row(self) -> float:
        """None."""
        return 0.0

    def covers(self, value):
        """Of `inputs` no biases, which have none."""
        return super().covers(value) and (self.structure != "inputs" or value.ndim > 2)

    def quantize_rows(self, weights):
        """A weight, or 0; a row by itself is a layer with one output."""
        if self.structure == "two_four":
            whole = weights.shape[1] // 4 * 4  # what a row has beyond stays
            fours = weights[:, :whole].reshape(-1, 4)
            kept = _largest(fours, 2).reshape(len(weights), whole)
            return torch.cat([kept, weights[:, whole:]], 1)
        return _largest(weights, math.floor(self.sparsity * weights.shape[1]))

    def _quantize(self, value: Tensor) -> Tensor:
        if self.structure != "inputs" or not self.covers(value):
            return super()._quantize(value)
        # In float64 a column's norm does not depend on how many others there are.
        norms = value.double().square().transpose(1, 2).flatten(2).sum(2).sqrt()
        kept = _largest(norms, math.floor(self.sparsity * norms.shape[1])) != 0
        shape = (len(value), 1, value.shape[2], *[1] * (value.ndim - 3))
        return torch.where(kept.reshape(shape), value, 0.0)


def _largest(values: Tensor, zeroed: int) -> Tensor:
    """Rows without so many of their smallest magnitudes."""
    if not zeroed:
        return values.clone()
    least = partitioned(values.abs(), zeroed)[:, zeroed : zeroed + 1]
    return torch.where(values.abs() >= least, values, 0.0)
