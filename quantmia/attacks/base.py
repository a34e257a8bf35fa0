"""The protocol of an attack: what it sees of all runs, and the scores it gives."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

PerSample = Float[np.ndarray, "runs pool"]


@dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """A membership inference attack on every run, with the other runs as shadow models."""

    min_runs: ClassVar[int]

    @abstractmethod
    def score(
        self, signal: PerSample, loss: PerSample, members: Bool[np.ndarray, "runs pool"]
    ) -> PerSample:
        """How likely each sample was trained on by each run; higher = member.

        A run's score never uses that run's own membership.

        Args:
            signal: logit-scaled confidence of the true class, or signed residual.
            loss: per-sample loss.
            members: who was trained on.
        """


@dataclass(frozen=True)
class LeaveOneOut:
    """Per-sample statistics of the other runs that did, and that did not, train on a sample.

    Args:
        count: how many such runs, [runs, pool].
        total: sum of their values.
        squares: sum of their squared values.
    """

    count: PerSample
    total: PerSample
    squares: PerSample

    @staticmethod
    def of(values: PerSample, chosen: Bool[np.ndarray, "runs pool"]) -> "LeaveOneOut":
        """Statistics over the runs chosen for a sample, without the run of the row."""
        weight = chosen.astype(np.float64)
        return LeaveOneOut(
            *(
                part.sum(0, keepdims=True) - part
                for part in (weight, weight * values, weight * np.square(values))
            )
        )

    @property
    def mean(self) -> PerSample:
        """Mean, NaN where there is no such run."""
        return self.total / np.where(self.count > 0, self.count, np.nan)

    @property
    def deviations(self) -> PerSample:
        """Sum of squared deviations from the mean, 0 where there is no such run."""
        mean = np.where(self.count > 0, self.total / np.maximum(self.count, 1), 0.0)
        return np.maximum(self.squares - self.total * mean, 0.0)
