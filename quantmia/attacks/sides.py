"""What shadow models say of each sample on either side: trained on it, or not."""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from quantmia.attacks.leave_one_out import LeaveOneOut, Runs
from quantmia.attacks.moderated import (
    Known,
    PerRun,
    moderated,
    variance_ratio,
    weighted_line,
    winsorised,
)

STEPS = 8  # of the prior's estimate
STEEPEST = 1.9  # slope of the gap by the centre; at 2 one side would be 0 whatever the other is


class Gap(NamedTuple):
    """How far non-members lie above members.

    Args:
        mean: its expectation.
        variance: of what is not known of it, in variances of the sample.
    """

    mean: Runs
    variance: Runs


@dataclass(frozen=True)
class Sides:
    """Means, a gap between them and a moderated variance, of every sample in every row.

    Args:
        ratio: variance of members by that of non-members.
        weight: runs that the centre is worth, in runs of non-members.
        share: of members in the centre.
        centre: mean signal, weighted.
        variance: of non-members, moderated.
        freedom: of the variance.
        own: gap between the sides; 0 where one is empty.
        both: where neither is.
        noise: variance of `own`, in variances of the sample.
    """

    ratio: PerRun
    weight: Runs
    share: Runs
    centre: Runs
    variance: Runs
    freedom: Runs
    own: Runs
    both: Known
    noise: Runs

    @classmethod
    def of(cls, inside: LeaveOneOut, outside: LeaveOneOut) -> "Sides":
        """From statistics of the signal.

        Args:
            inside: over the runs that trained on a sample.
            outside: over those that did not.
        """
        ratio = variance_ratio(inside, outside)
        weight = np.maximum(inside.count / ratio + outside.count, 1e-300)
        centre = (inside.total / ratio + outside.total) / weight
        deviations = inside.deviations / ratio + outside.deviations
        variance, freedom = moderated(deviations, inside.freedom + outside.freedom, centre)
        both = (inside.count > 0) & (outside.count > 0)
        n_in, n_out = np.maximum(inside.count, 1), np.maximum(outside.count, 1)
        return cls(
            ratio=ratio,
            weight=weight,
            share=inside.count / ratio / weight,
            centre=centre,
            variance=variance,
            freedom=freedom,
            own=np.where(both, outside.total / n_out - inside.total / n_in, 0.0),
            both=both,
            noise=ratio / n_in + 1 / n_out,
        )

    def where(self, chosen: Known, other: "Sides") -> "Sides":
        """Those of another in the rows that are chosen, and these in the rest.

        Args:
            chosen: [runs, 1].
            other: of as many runs and samples.
        """
        names = [each.name for each in fields(self)]
        return Sides(*(np.where(chosen, getattr(other, n), getattr(self, n)) for n in names))

    def apart(self) -> PerRun:
        """Squared Hellinger distance of the sides, taken as normal; mean over the samples."""
        both_ways = 1 + self.ratio
        gap = np.nan_to_num(np.square(self.own) / (self.variance * both_ways))
        affinity = np.sqrt(2 * np.sqrt(self.ratio) / both_ways) * np.exp(-gap / 4)
        return _mean(1 - affinity, self.both.astype(np.float64))

    def gap(self) -> Gap:
        """Posterior of the gap of every sample, under a prior that all samples of a row give.

        The prior is a line in the middle between the two sides. The middle is not seen where one
        side has more runs than the other, so that the line is solved for it. Around the line, gaps
        have `strength` variances of the sample. Both are found by scoring, with the weights of a
        Student's t.
        """
        prior, strength = np.zeros_like(self.own), np.ones_like(self.ratio)
        centre = winsorised(self.centre)
        for _ in range(STEPS):
            spread = self.noise + strength
            surprise = np.square(self.own - prior) / (self.variance * spread)
            weight = self.both * (self.freedom + 1) / (self.freedom + surprise)
            precision = np.nan_to_num(weight / (self.variance * spread))
            middle = centre + (self.share - 0.5) * prior
            intercept, slope = weighted_line(middle, self.own, precision)
            slope = np.clip(slope, -STEEPEST, STEEPEST)
            prior = (intercept + slope * centre) / (1 - slope * (self.share - 0.5))
            excess = weight * np.square(self.own - prior) / self.variance - self.noise
            information = self.both / np.square(spread)
            strength = _mean(np.nan_to_num(excess), information)
        trust = np.where(self.both, strength / (strength + self.noise), 0.0)
        return Gap(prior + trust * (self.own - prior), strength * (1 - trust))


def _mean(values: Runs, weight: Runs) -> PerRun:
    """Weighted mean of a row, not below 0; 0 without weights."""
    total = weight.sum(1, keepdims=True)
    return np.maximum((weight * values).sum(1, keepdims=True) / np.maximum(total, 1e-300), 0.0)
