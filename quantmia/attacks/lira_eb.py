"""LiRA by empirical Bayes: what a few shadow models say of a sample, and what all samples say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from quantmia.attacks.base import Attack, PerSample
from quantmia.attacks.leave_one_out import Totals, blocks
from quantmia.attacks.run_effects import adjusted_signals
from quantmia.attacks.sides import Sides


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
        both = seen.members, ~seen.members
        candidates = [
            _Candidate(signal, *(seen.totals(signal, chosen) for chosen in both))
            for signal in adjusted_signals(seen)
        ]
        scores = np.empty(seen.signal.shape)
        for rows in blocks(scores.shape):
            scores[rows] = _ratio(*_best_told_apart(candidates, rows))
        return np.nan_to_num(scores, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


class _Candidate(NamedTuple):
    """A signal of every run, and its sums over the runs on either side of a sample."""

    signal: PerSample
    inside: Totals
    outside: Totals

    def sides(self, rows: slice) -> Sides:
        """What the peers of some runs say."""
        return Sides.of(self.inside.without(rows), self.outside.without(rows))


def _best_told_apart(candidates: Sequence[_Candidate], rows: slice) -> tuple[PerSample, Sides]:
    """For some runs the signal by which their peers tell members best apart, and their sides."""
    signal, sides = candidates[0].signal[rows], candidates[0].sides(rows)
    for each in candidates[1:]:
        other = each.sides(rows)
        better = other.apart() > sides.apart()
        signal, sides = np.where(better, each.signal[rows], signal), sides.where(better, other)
    return signal, sides


def _ratio(signal: PerSample, sides: Sides) -> PerSample:
    """Log likelihood ratio of two predictive distributions."""
    gap, outside = sides.gap(), 1 - sides.share

    def log_density(mean, spread):
        """By Student's t, less what both sides share; the spread in variances of the sample."""
        distance = np.square(signal - mean) / (sides.variance * spread)
        log = np.log1p(distance / sides.freedom)
        return -(sides.freedom + 1) / 2 * log - np.log(spread) / 2

    members = log_density(
        sides.centre - outside * gap.mean,
        sides.ratio + 1 / sides.weight + np.square(outside) * gap.variance,
    )
    others = log_density(
        sides.centre + sides.share * gap.mean,
        1 + 1 / sides.weight + np.square(sides.share) * gap.variance,
    )
    return members - others
