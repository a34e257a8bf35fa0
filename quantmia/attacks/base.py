"""The protocol of an attack: what it sees of all runs, and the scores it gives."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Shaped

PerSample = Float[np.ndarray, "runs pool"]
Members = Bool[np.ndarray, "runs pool"]


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What attacks see: the final models of all runs, quantized by one quantizer.

    Args:
        signal: logit-scaled confidence of the true class, or signed residual.
        loss: per-sample loss.
        members: who was trained on.
        population: loss on the validation samples, on which no run trained.
        output: raw outputs.
        target: on the scale of the outputs.
        two_sided: whether members have a signal near 0 (residual) rather than a large one.
        features: of the pool and then of the validation samples; None where not at hand.
    """

    signal: PerSample
    loss: PerSample
    members: Members
    population: Float[np.ndarray, "runs validation"]
    output: Float[np.ndarray, "runs pool out"]
    target: Shaped[np.ndarray, "runs pool"]
    two_sided: bool
    features: tuple[Float[np.ndarray, "pool d"], Float[np.ndarray, "validation d"]] | None = None


@dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """A membership inference attack on every run, with the other runs as shadow models."""

    min_runs: ClassVar[int]
    wants_features: ClassVar[bool] = False

    @abstractmethod
    def score(self, seen: Observed) -> PerSample:
        """How likely each sample was trained on by each run; higher = member.

        A run's score never uses that run's own membership.
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
    def of(values: PerSample, chosen: Members) -> "LeaveOneOut":
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


def require(key: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise a ValueError that names what a setting may be."""
    if value not in allowed:
        raise ValueError(f"{key}={value}: has to be one of {', '.join(allowed)}")
