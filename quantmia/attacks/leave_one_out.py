"""Statistics of shadow models, without the run that is attacked."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

Runs = Float[np.ndarray, "runs samples"]
Chosen = Bool[np.ndarray, "runs samples"]
BLOCK = 1 << 21  # numbers of an array that are computed with at once: bounds the memory


@dataclass(frozen=True)
class LeaveOneOut:
    """Per-sample statistics of a run's peers that did, or that did not, train on a sample.

    Args:
        count: how many such peers, [runs, samples].
        total: sum of their values.
        squares: sum of their squared values.
    """

    count: Runs
    total: Runs
    squares: Runs

    @staticmethod
    def of(values: Runs, chosen: Chosen, only_earlier: bool = False) -> "LeaveOneOut":
        """Statistics over the runs chosen for a sample, without the run of the row.

        Args:
            values: one a run and sample.
            chosen: which of them count.
            only_earlier: leave out the runs after the row's too.
        """
        return Totals(values, chosen, only_earlier).without(slice(len(values)))

    @property
    def freedom(self) -> Runs:
        """Degrees of freedom of `deviations`."""
        return np.maximum(self.count - 1, 0.0)

    @property
    def mean(self) -> Runs:
        """Mean, NaN where there is no such run."""
        return self.total / np.where(self.count > 0, self.count, np.nan)

    @cached_property
    def deviations(self) -> Runs:
        """Sum of squared deviations from the mean, 0 where there is no such run."""
        mean = np.where(self.count > 0, self.total / np.maximum(self.count, 1), 0.0)
        return np.maximum(self.squares - self.total * mean, 0.0)


class Totals:
    """Sums over the runs chosen for a sample, from which a run's own part is taken out.

    Args:
        values: one a run and sample.
        chosen: which of them count.
        only_earlier: of a run leave out the runs after it too.
    """

    def __init__(self, values: Runs, chosen: Chosen, only_earlier: bool = False):
        self._values, self._chosen, self._only_earlier = values, chosen, only_earlier
        self._of_all = self._sums(len(values))

    def without(self, rows: slice) -> LeaveOneOut:
        """Statistics of the peers of some runs.

        Args:
            rows: the runs, each of which is left out of its own.
        """
        parts = self._parts(rows)
        if self._only_earlier:
            before = self._sums(rows.indices(len(self._values))[0])
            sums = [np.cumsum([b, *p], axis=0)[1:] for b, p in zip(before, parts, strict=True)]
        else:
            sums = self._of_all
        return LeaveOneOut(*(total - part for total, part in zip(sums, parts, strict=True)))

    def _sums(self, runs: int) -> list[Float[np.ndarray, " samples"]]:
        """Number, sum and sum of squares over the first runs."""
        sums = [np.zeros(self._values.shape[1:]) for _ in range(3)]
        for rows in blocks(self._values[:runs].shape):
            for total, part in zip(sums, self._parts(rows), strict=True):
                total += part.sum(0)
        return sums

    def _parts(self, rows: slice) -> tuple[Runs, Runs, Runs]:
        """What each of some runs adds to these."""
        weight, values = self._chosen[rows].astype(np.float64), self._values[rows]
        return weight, weight * values, weight * np.square(values)


def blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Successive runs that are computed with at once, because memory is bounded.

    Args:
        shape: (runs, samples).
    """
    runs, samples = shape
    size = max(1, BLOCK // max(samples, 1))
    yield from (slice(first, min(first + size, runs)) for first in range(0, runs, size))


def medians(
    values: Runs, chosen: Chosen, only_earlier: bool = False, rows: slice = slice(None)
) -> Float[np.ndarray, "rows samples"]:
    """Median over the runs chosen for a sample, without the run of the row; NaN where none is.

    Args:
        values: one a run and sample.
        chosen: which of them count.
        only_earlier: leave out the runs after the row's too.
        rows: of which it is wanted.
    """
    values = np.where(chosen, values, np.nan)
    found = np.full_like(values[rows], np.nan)
    for at, run in enumerate(range(len(values))[rows]):
        if only_earlier and run == 0:
            continue
        others = values[:run] if only_earlier else np.delete(values, run, 0)
        others = np.sort(others, axis=0)  # NaN last
        count = np.isfinite(others).sum(0)
        low, high = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
        columns = np.arange(values.shape[1])
        found[at] = (others[low, columns] + others[np.minimum(high, len(others) - 1), columns]) / 2
    return found
