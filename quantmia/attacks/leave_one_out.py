"""Statistics of shadow models, without the run that is attacked."""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from jaxtyping import Bool, Float

Runs = Float[np.ndarray, "runs samples"]
Chosen = Bool[np.ndarray, "runs samples"]


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
        weight = chosen.astype(np.float64)
        total = np.cumsum if only_earlier else partial(np.sum, keepdims=True)
        return LeaveOneOut(
            *(
                total(part, axis=0) - part
                for part in (weight, weight * values, weight * np.square(values))
            )
        )

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


def medians(values: Runs, chosen: Chosen, only_earlier: bool = False) -> Runs:
    """Median over the runs chosen for a sample, without the run of the row; NaN where none is.

    Args:
        values: one a run and sample.
        chosen: which of them count.
        only_earlier: leave out the runs after the row's too.
    """
    values = np.where(chosen, values, np.nan)
    found = np.full_like(values, np.nan)
    for run in range(1 if only_earlier else 0, len(values)):
        others = values[:run] if only_earlier else np.delete(values, run, 0)
        others = np.sort(others, axis=0)  # NaN last
        count = np.isfinite(others).sum(0)
        low, high = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
        columns = np.arange(values.shape[1])
        found[run] = (others[low, columns] + others[np.minimum(high, len(others) - 1), columns]) / 2
    return found
