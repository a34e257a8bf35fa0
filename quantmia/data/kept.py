"""Of which samples single losses and answers are kept, where keeping all would take too much."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

Places = Int[np.ndarray, " _"]  # ascending, the same for every run


@dataclass(frozen=True)
class OfReleases:
    """The samples that releases are compared on.

    Args:
        measured: places among the validation samples that measure.
        pool: places in the pool; the last checkpoint is scored on all of it besides.
    """

    measured: Places
    pool: Places


@dataclass(frozen=True)
class Kept:
    """The samples of which something is kept; None: all are.

    Args:
        losses: places among the validation samples: whose losses are kept for every checkpoint.
        releases: whose answers by releases are kept.
    """

    losses: Places | None = None
    releases: OfReleases | None = None

    @classmethod
    def of(cls, validation: int, pool: int, losses: int | None, releases: int | None) -> "Kept":
        """So many at most.

        Args:
            validation: how many validation samples there are.
            pool: samples in the pool.
            losses: kept for every checkpoint; None: of all.
            releases: kept for every release, of the pool and of those that measure; None: of all.
        """
        measuring = validation - validation // 2
        of_losses, of_releases = None, None
        if losses is not None and losses < validation:
            of_losses = _some(validation, losses)
        if releases is not None and releases < max(measuring, pool):
            of_releases = OfReleases(_some(measuring, releases), _some(pool, releases))
        return cls(of_losses, of_releases)


def _some(samples: int, at_most: int) -> NDArray[np.int64]:
    # Of another stream than the halves, so that either half has its share.
    order = np.random.default_rng([samples, 1]).permutation(samples)
    return np.sort(order[:at_most])
