"""What quantizing gains over stopping earlier: attacks compared at the same utility."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from quantmia.ranking.pareto import undominated
from quantmia.ranking.releases import Release
from quantmia.statistics import Bootstrap, Interval

Values = Float[np.ndarray, " _"]


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
    quantized: Sequence[Release],
    unquantized: Sequence[Release],
    guess: float,
    attack: str,
    bootstrap: Bootstrap,
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
        attack: whose advantage is compared; not cut at 0, as MIS is.
        bootstrap: of the runs and samples.
    """

    def gained(theirs: tuple[Values, Values], ours: tuple[Values, Values]) -> Values:
        utility, advantage = theirs
        if guess < utility.min():
            utility, advantage = np.append(utility, guess), np.append(advantage, 0.0)
        return at_utility(utility, advantage, ours[0]) - ours[1]

    values = gained(_figures(unquantized, attack), _figures(quantized, attack))
    again = zip(_resampled(unquantized, attack), _resampled(quantized, attack), strict=True)
    found = bootstrap.simultaneous(values, np.stack([gained(*each) for each in again], axis=1))
    return [replace(each, low=max(each.low, -1.0), high=min(each.high, 1.0)) for each in found]


def _figures(releases: Sequence[Release], attack: str) -> tuple[Values, Values]:
    """Utility and advantage of each."""
    return (
        np.array([each.utility.value for each in releases]),
        np.array([each.results[attack].advantage.value for each in releases]),
    )


def _resampled(releases: Sequence[Release], attack: str) -> Iterator[tuple[Values, Values]]:
    """The same of every resample."""
    utility = np.stack([each.resampled_utility for each in releases], axis=1)
    advantage = np.stack([each.results[attack].resampled for each in releases], axis=1)
    yield from zip(utility, advantage, strict=True)
