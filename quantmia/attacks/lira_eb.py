"""LiRA by empirical Bayes: what a few shadow models say of a sample, and what all samples say."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quantmia.attacks.base import Attack, Observed, PerSample
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
        signal, sides = _best_told_apart(seen)
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
        return np.nan_to_num(members - others, nan=0.0, posinf=0.0, neginf=0.0)


def _best_told_apart(seen: Observed) -> tuple[PerSample, Sides]:
    """For every run the signal by which the other runs tell members best apart, and their sides."""
    signals = list(adjusted_signals(seen))
    found = [
        Sides.of(*(seen.leave_one_out(each, chosen) for chosen in (seen.members, ~seen.members)))
        for each in signals
    ]
    signal, sides = signals[0], found[0]
    for another, other in zip(signals[1:], found[1:], strict=True):
        better = other.apart() > sides.apart()
        signal, sides = np.where(better, another, signal), sides.where(better, other)
    return signal, sides
