"""Of which samples single losses and answers are kept, where keeping all would take too much."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from quantmia.data.split import halves

Places = Int[np.ndarray, " _"]  # as many of each as are wanted


@dataclass(frozen=True)
class Kept:
    """Places of the samples that are kept, ascending, the same for every run; None: all are.

    Args:
        losses: among the validation samples: whose losses are kept for every checkpoint.
        measured: among the validation samples that measure releases: whose answers are kept.
        pool: in the pool: on which releases before the last checkpoint are attacked. Both or none
            of these two are None.
    """

    losses: Places | None = None
    measured: Places | None = None
    pool: Places | None = None

    @classmethod
    def of(cls, validation: int, pool: int, losses: int | None, releases: int | None) -> "Kept":
        """So many at most.

        Args:
            validation: how many validation samples there are.
            pool: samples in the pool.
            losses: kept for every checkpoint; None: of all.
            releases: kept for every release, of the pool and of those that measure; None: of all.
        """
        of_losses = None
        if losses is not None and losses < validation:
            of_losses = _some(validation, losses)
        measuring = len(halves(validation)[1])
        if releases is None or releases >= max(measuring, pool):
            return cls(of_losses)
        return cls(of_losses, _some(measuring, releases), _some(pool, releases))


def _some(samples: int, at_most: int) -> NDArray[np.int64]:
    # Of another stream than the halves, so that either half has its share.
    order = np.random.default_rng([samples, 1]).permutation(samples)
    return np.sort(order[:at_most])
