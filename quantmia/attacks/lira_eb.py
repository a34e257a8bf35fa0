"""LiRA by empirical Bayes: what a few shadow models say of a sample, and what all samples say."""

from dataclasses import dataclass, fields
from functools import reduce
from typing import ClassVar, NamedTuple

import numpy as np

from quantmia.attacks.base import Attack, Observed, PerSample
from quantmia.attacks.leave_one_out import Runs
from quantmia.attacks.moderated import (
    Known,
    PerRun,
    moderated,
    variance_ratio,
    weighted_line,
    winsorised,
)
from quantmia.attacks.run_effects import adjusted_signals

STEPS = 8  # of the prior's estimate
STEEPEST = 1.9  # slope of the gap by the centre; at 2 one side would be 0 whatever the other is


@dataclass(frozen=True, kw_only=True)
class LiraEB(Attack):
    """Likelihood ratio of two predictive distributions, whose priors all samples tell together.

    A sample's signal varies around one mean over the runs that trained on it and around another
    over those that did not. Their gap has a prior that is linear in the sample's centre, as
    overfitting moves a hard sample farther than an easy one; how much a sample's own gap counts
    against it is estimated by likelihood. Variances are the sample's own, moderated (Smyth 2004),
    with one ratio between members and non-members. A Student's t has the uncertainty of both, so
    that a sample of which little is known scores near 0 and no sample decides for others. What all
    samples of a run share is taken out of the signal where that tells members better apart.

    For regression and classification, from 4 runs on.
    """

    min_runs: ClassVar[int] = 4

    def score(self, seen):
        """Log t(s; in) - log t(s; out); 0 where there is no evidence."""
        sides = reduce(_Sides.or_better, (_Sides.of(seen, s) for s in adjusted_signals(seen)))
        gap = sides.gap()
        outside = 1 - sides.share
        members = sides.log_density(
            sides.centre - outside * gap.mean,
            sides.ratio + 1 / sides.weight + np.square(outside) * gap.variance,
        )
        others = sides.log_density(
            sides.centre + sides.share * gap.mean,
            1 + 1 / sides.weight + np.square(sides.share) * gap.variance,
        )
        return np.nan_to_num(members - others, nan=0.0, posinf=0.0, neginf=0.0)


class _Gap(NamedTuple):
    """How far non-members lie above members.

    Args:
        mean: its expectation.
        variance: of what is not known of it, in variances of the sample.
    """

    mean: Runs
    variance: Runs


@dataclass(frozen=True)
class _Sides:
    """What the other runs say of each sample, on either side.

    Args:
        signal: that is to be scored.
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

    signal: PerSample
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
    def of(cls, seen: Observed, signal: PerSample) -> "_Sides":
        """From all runs but the one of a row."""
        inside = seen.leave_one_out(signal, seen.members)
        outside = seen.leave_one_out(signal, ~seen.members)
        ratio = variance_ratio(inside, outside)
        weight = np.maximum(inside.count / ratio + outside.count, 1e-300)
        centre = (inside.total / ratio + outside.total) / weight
        deviations = inside.deviations / ratio + outside.deviations
        variance, freedom = moderated(deviations, inside.freedom + outside.freedom, centre)
        both = (inside.count > 0) & (outside.count > 0)
        n_in, n_out = np.maximum(inside.count, 1), np.maximum(outside.count, 1)
        return cls(
            signal,
            ratio,
            weight,
            inside.count / ratio / weight,
            centre,
            variance,
            freedom,
            np.where(both, outside.total / n_out - inside.total / n_in, 0.0),
            both,
            ratio / n_in + 1 / n_out,
        )

    def or_better(self, other: "_Sides") -> "_Sides":
        """In every row the one that tells members better apart; membership of that row is unseen.

        Args:
            other: of another signal.
        """
        better = other._apart() > self._apart()
        pairs = {
            each.name: (getattr(self, each.name), getattr(other, each.name))
            for each in fields(self)
        }
        return _Sides(**{name: np.where(better, b, a) for name, (a, b) in pairs.items()})

    def _apart(self) -> PerRun:
        """Squared Hellinger distance of the sides, taken as normal; mean over the samples."""
        both_ways = 1 + self.ratio
        gap = np.nan_to_num(np.square(self.own) / (self.variance * both_ways))
        affinity = np.sqrt(2 * np.sqrt(self.ratio) / both_ways) * np.exp(-gap / 4)
        return _mean(1 - affinity, self.both.astype(np.float64))

    def gap(self) -> _Gap:
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
        return _Gap(prior + trust * (self.own - prior), strength * (1 - trust))

    def log_density(self, mean: Runs, spread: Runs) -> Runs:
        """Log density of the signal by Student's t, less what both sides share.

        Args:
            mean: of the side.
            spread: squared scale, in variances of the sample.
        """
        distance = np.square(self.signal - mean) / (self.variance * spread)
        log = np.log1p(distance / self.freedom)
        return -(self.freedom + 1) / 2 * log - np.log(spread) / 2


def _mean(values: Runs, weight: Runs) -> PerRun:
    """Weighted mean of a row, not below 0; 0 without weights."""
    total = weight.sum(1, keepdims=True)
    return np.maximum((weight * values).sum(1, keepdims=True) / np.maximum(total, 1e-300), 0.0)
