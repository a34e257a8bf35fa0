"""LiRA for very few runs."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quantmia.attacks.base import Attack, PerSample
from quantmia.attacks.leave_one_out import LeaveOneOut, blocks


@dataclass(frozen=True, kw_only=True)
class LiraShrunk(Attack):
    """Online LiRA whose per-sample means are shrunk toward the sample's overall mean.

    One variance for all samples, so that it drops out; leave-one-out over the runs. A sample that
    no other run trained on (or every one) falls back on the overall gap between members and
    non-members.

    Args:
        strength: lambda, the number of runs that the prior is worth.
    """

    strength: float = 2.0
    min_runs: ClassVar[int] = 4

    def score(self, seen) -> PerSample:
        """(s - mu_out)^2 - (s - mu_in)^2."""
        sides = [seen.totals(seen.signal, chosen) for chosen in (seen.members, ~seen.members)]
        scores = np.empty(seen.signal.shape)
        for rows in blocks(scores.shape):
            inside, outside = (side.without(rows) for side in sides)
            middle = (inside.total + outside.total) / np.maximum(inside.count + outside.count, 1)
            gap = _overall_mean(inside) - _overall_mean(outside)
            mu_in = self._shrink(inside, middle + gap / 2)
            mu_out = self._shrink(outside, middle - gap / 2)
            signal = seen.signal[rows]
            scores[rows] = np.square(signal - mu_out) - np.square(signal - mu_in)
        return scores

    def _shrink(self, side: LeaveOneOut, prior):
        return (side.total + self.strength * prior) / (side.count + self.strength)


def _overall_mean(side: LeaveOneOut):
    return side.total.sum(1, keepdims=True) / np.maximum(side.count.sum(1, keepdims=True), 1)
