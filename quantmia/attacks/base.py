"""The protocol of an attack: what it sees of all runs, and the scores it gives."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from quantmia.attacks.leave_one_out import LeaveOneOut, Runs, Totals, medians
from quantmia.attacks.white_box import WhiteBox

PerSample = Float[np.ndarray, "runs pool"]
Members = Bool[np.ndarray, "runs pool"]
Peers = Bool[np.ndarray, "runs runs"]
PER_SAMPLE = ("signal", "loss", "members", "output", "target")


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What attacks see: the final models of all runs, quantized by one quantizer.

    Args:
        signal: logit-scaled confidence of the true class, or signed residual.
        loss: per-sample loss.
        members: who was trained on.
        population: loss on the validation samples, on which no run trained; None where not at hand.
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
    population: Float[np.ndarray, "runs validation"] | None
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
        population = None if self.population is None else self.population[runs]
        white_box = self.white_box and self.white_box.of(runs)
        return replace(self, **parts, population=population, white_box=white_box)

    def without(self, samples: Int[np.ndarray, " few"]) -> "Observed":
        """The same of all samples of the pool but some.

        Args:
            samples: their places in the pool.
        """
        kept = np.delete(np.arange(self.loss.shape[1]), samples)
        parts = {name: getattr(self, name)[:, kept] for name in PER_SAMPLE}
        features = self.features and (self.features[0][kept], self.features[1])
        white_box = self.white_box and self.white_box.of_samples(kept)
        return replace(self, **parts, features=features, white_box=white_box)

    def leave_one_out(self, values: Runs, chosen: Bool[np.ndarray, "runs some"]) -> LeaveOneOut:
        """Statistics of each run's peers that are chosen for a sample.

        Args:
            values: one a run and sample.
            chosen: which runs count for which sample.
        """
        return LeaveOneOut.of(values, chosen, self.only_earlier)

    def totals(self, values: Runs, chosen: Bool[np.ndarray, "runs some"]) -> Totals:
        """What `leave_one_out` is made of, for those who want it of a few runs at a time.

        Args:
            values: one a run and sample.
            chosen: which runs count for which sample.
        """
        return Totals(values, chosen, self.only_earlier)

    def medians(
        self, values: Runs, chosen: Bool[np.ndarray, "runs some"], rows: slice = slice(None)
    ) -> Float[np.ndarray, "rows some"]:
        """Median of each run's peers that are chosen for a sample; NaN where there is none.

        Args:
            values: one a run and sample.
            chosen: which runs count for which sample.
            rows: of which runs it is wanted.
        """
        return medians(values, chosen, self.only_earlier, rows)

    def influence(self) -> PerSample:
        """How far each run's step from the mean model raised each sample's loss.

        Raises:
            ValueError: the models are not at hand.
        """
        if self.white_box is None:
            raise ValueError("the influence of a sample needs the models")
        return self.white_box.influence(self.target, self.only_earlier)


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

    @property
    def wants_population(self) -> bool:
        """Whether it reads `seen.population`."""
        return False

    @abstractmethod
    def score(self, seen: Observed) -> PerSample:
        """How likely each sample was trained on by each run; higher = member.

        A run's score uses the membership of its `seen.peers` alone, never its own.
        """


def require(key: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise a ValueError that names what a setting may be."""
    if value not in allowed:
        raise ValueError(f"{key}={value}: has to be one of {', '.join(allowed)}")
