"""The protocol of an attack: what it sees of all runs, and the scores it gives."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Shaped

from quantmia.attacks.white_box import WhiteBox

PerSample = Float[np.ndarray, "runs pool"]
Members = Bool[np.ndarray, "runs pool"]
Peers = Bool[np.ndarray, "runs runs"]
PER_SAMPLE = ("signal", "loss", "members", "population", "output", "target")


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
        white_box: the models themselves; None where not at hand.
        only_earlier: whether a run's score may use the runs before it alone, not all others.
    """

    signal: PerSample
    loss: PerSample
    members: Members
    population: Float[np.ndarray, "runs validation"]
    output: Float[np.ndarray, "runs pool out"]
    target: Shaped[np.ndarray, "runs pool"]
    two_sided: bool
    features: tuple[Float[np.ndarray, "pool d"], Float[np.ndarray, "validation d"]] | None = None
    white_box: WhiteBox | None = None
    only_earlier: bool = False

    @property
    def peers(self) -> Peers:
        """Which runs (columns) the score of a run (row) may use as shadow models."""
        everyone = np.ones((len(self.loss), len(self.loss)), bool)
        return np.tril(everyone, -1) if self.only_earlier else ~np.eye(len(everyone), dtype=bool)

    def of(self, runs: Shaped[np.ndarray, " some"]) -> "Observed":
        """The same of some of the runs."""
        parts = {name: getattr(self, name)[runs] for name in PER_SAMPLE}
        return replace(self, **parts, white_box=self.white_box and self.white_box.of(runs))


@dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """A membership inference attack on every run, with the other runs as shadow models.

    `min_runs` is the smallest number of runs that it can be used with.
    """

    min_runs: ClassVar[int]

    @property
    def wants_features(self) -> bool:
        """Whether it reads `seen.features`."""
        return False

    @property
    def wants_models(self) -> bool:
        """Whether it reads `seen.white_box`."""
        return False

    @abstractmethod
    def score(self, seen: Observed) -> PerSample:
        """How likely each sample was trained on by each run; higher = member.

        A run's score uses the membership of its `seen.peers` alone, never its own.
        """


@dataclass(frozen=True)
class LeaveOneOut:
    """Per-sample statistics of a run's peers that did, or that did not, train on a sample.

    Args:
        count: how many such peers, [runs, pool].
        total: sum of their values.
        squares: sum of their squared values.
    """

    count: PerSample
    total: PerSample
    squares: PerSample

    @staticmethod
    def of(values: PerSample, chosen: Members, only_earlier: bool = False) -> "LeaveOneOut":
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
