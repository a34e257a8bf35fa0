"""What quantizing gains over stopping earlier: attacks compared at the same utility."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from quantmia.ranking.pareto import undominated
from quantmia.ranking.releases import Release
from quantmia.statistics import Bootstrap, Interval

Values = Float[np.ndarray, " _"]


@dataclass(frozen=True)
class Figures:
    """Utility of releases, and the advantage of an attack on them.

    Args:
        utility: of each.
        advantage: not cut at 0, as MIS is.
        utility_resampled: of every resample of runs and samples, the same for all releases.
        advantage_resampled: of the same.
    """

    utility: Float[np.ndarray, " releases"]
    advantage: Float[np.ndarray, " releases"]
    utility_resampled: Float[np.ndarray, "releases resamples"]
    advantage_resampled: Float[np.ndarray, "releases resamples"]

    @classmethod
    def of(cls, releases: Sequence[Release], attack: str) -> "Figures":
        """Those of releases.

        Args:
            releases: one or more.
            attack: whose advantage it is.
        """
        results = [each.results[attack] for each in releases]
        return cls(
            np.array([each.utility.value for each in releases]),
            np.array([each.advantage.value for each in results]),
            np.stack([each.resampled_utility for each in releases]),
            np.stack([each.resampled for each in results]),
        )

    def some(self, places: Sequence[int]) -> "Figures":
        """Those of some of the releases."""
        return Figures(*(value[list(places)] for value in vars(self).values()))

    @property
    def resamples(self) -> Iterator[tuple[Values, Values]]:
        """Utility and advantage of each release, one resample after another."""
        yield from zip(self.utility_resampled.T, self.advantage_resampled.T, strict=True)


def at_utility(utility: Values, advantage: Values, wanted: Values) -> Values:
    """Advantage of an attack that a front has at other utilities than those of its releases.

    In between two it is a line, as if training had been stopped in between; so it never falls where
    the utility rises. What is more or less useful than all of them is compared with the most or
    the least useful.

    Args:
        utility: of the releases that make the front, and of others that they beat.
        advantage: of an attack on the same.
        wanted: utilities.
    """
    front = undominated(-advantage, utility)
    utility, advantage = utility[front], advantage[front]
    order = np.argsort(utility, kind="stable")
    return np.interp(wanted, utility[order], advantage[order])


def gains(
    quantized: Figures, unquantized: Figures, guess: float, bootstrap: Bootstrap
) -> list[Interval]:
    """MIS of every quantized release, less that of full precision at the same utility.

    All releases of a run share it, and so do the resamples of runs and samples: what moves all of
    them alike falls out. The intervals hold all releases together, so that one may look for the
    best of them: the largest gain of some lies between the largest of their lower ends and the
    largest of their upper ends.

    Args:
        quantized: releases.
        unquantized: those of full precision.
        guess: utility of the best answer that looks at no sample, which gives nothing away. Where
            it is less useful than every release of full precision, stopping still earlier is
            on a line from it to the first of them.
        bootstrap: of the runs and samples.
    """

    def gained(theirs: tuple[Values, Values], ours: tuple[Values, Values]) -> Values:
        utility, advantage = theirs
        if guess < utility.min():
            utility, advantage = np.append(utility, guess), np.append(advantage, 0.0)
        return at_utility(utility, advantage, ours[0]) - ours[1]

    ours = quantized.utility, quantized.advantage
    values = gained((unquantized.utility, unquantized.advantage), ours)
    again = zip(unquantized.resamples, quantized.resamples, strict=True)
    found = bootstrap.simultaneous(values, np.stack([gained(*each) for each in again], axis=1))
    return [replace(each, low=max(each.low, -1.0), high=min(each.high, 1.0)) for each in found]
