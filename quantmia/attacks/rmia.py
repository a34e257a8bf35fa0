"""The robust attack that compares a sample with a population."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from quantmia.attacks.base import Attack, Members, Observed, PerSample, require


@dataclass(frozen=True, kw_only=True)
class Rmia(Attack):
    """RMIA (Zarifzadeh, Liu and Shokri 2024), with the validation samples as the population.

    Confidence is exp(-loss / temperature): the probability of the true class, or for regression a
    Gaussian likelihood. Scores are shares of the population, so equal scores occur.

    Args:
        mode: `online` averages the other runs that did and that did not train on a sample;
            `offline` uses those that did not.
        gamma: how much larger than the population's a sample's likelihood ratio has to be.
        a: offline, how much less confident non-members are: p(x) = ((1 + a) p_out + 1 - a) / 2.
        temperature: of the confidence; None: 1 for classification, and for regression twice the
            geometric mean of what the shadow models' members and their non-members lose, so that
            the confidence falls where the two part. Rounded to half octaves, because finer steps
            change nothing.
    """

    mode: str = "online"
    gamma: float = 1.0
    a: float = 0.3
    temperature: float | None = None
    min_runs: ClassVar[int] = 4

    def __post_init__(self) -> None:
        require("mode", self.mode, ("online", "offline"))
        if not self.gamma > 0:
            raise ValueError(f"gamma={self.gamma}: has to be above 0")
        if not 0 <= self.a <= 1:
            raise ValueError(f"a={self.a}: has to be within 0 and 1")
        if self.temperature is not None and not self.temperature > 0:
            raise ValueError(f"temperature={self.temperature}: has to be above 0")

    @property
    def wants_population(self):
        """Yes: a sample is compared with it."""
        return True

    def score(self, seen):
        """Share of the population z with (p(x|run) / p(x)) / (p(z|run) / p(z)) > gamma."""
        if seen.population is None:
            raise ValueError("RMIA needs a population")
        temperatures, scores = self._temperatures(seen), np.zeros(seen.loss.shape)
        for temperature in np.unique(temperatures):
            mine = temperatures == temperature
            scores[mine] = self._score_at(temperature, seen)[mine]
        return scores

    def _temperatures(self, seen: Observed) -> Float[np.ndarray, " runs"]:
        """Of every run; where it is chosen, by the run's peers alone."""
        if self.temperature is not None or not seen.two_sided:
            return np.full(len(seen.loss), self.temperature or 1.0)
        lost = np.stack([_mean(seen.loss, each) for each in (seen.members, ~seen.members)])
        peers = seen.peers.astype(float)
        among = lost @ (peers / np.maximum(peers.sum(1, keepdims=True), 1)).T
        found = 2 * np.sqrt(among.prod(0))
        halves = np.round(2 * np.log2(np.where(found > 0, found, 1.0)))
        return np.exp2(halves / 2)

    def _score_at(self, temperature: float, seen: Observed) -> PerSample:
        confidence = np.exp(-seen.loss / temperature)
        assert seen.population is not None
        of_population = np.exp(-seen.population / temperature)
        everyone = np.ones(of_population.shape, bool)
        others = seen.leave_one_out(of_population, everyone)
        ratio_x = _ratio(confidence, self._marginal(confidence, seen))
        ratio_z = _ratio(of_population, self._outside(others.mean))
        below = (
            np.searchsorted(np.sort(z), x / self.gamma, side="left")
            for x, z in zip(ratio_x, ratio_z, strict=True)
        )
        return np.stack(list(below)) / ratio_z.shape[1]

    def _marginal(self, confidence: PerSample, seen: Observed) -> PerSample:
        """P(x) without the run itself; a side without runs leaves the other one alone."""
        outside = seen.leave_one_out(confidence, ~seen.members).mean
        inside = seen.leave_one_out(confidence, seen.members).mean
        if self.mode == "offline":
            return np.where(np.isnan(outside), inside, self._outside(outside))
        both = (inside + outside) / 2
        return np.where(np.isnan(inside), outside, np.where(np.isnan(outside), inside, both))

    def _outside(self, p_out):
        return ((1 + self.a) * p_out + 1 - self.a) / 2 if self.mode == "offline" else p_out


def _mean(loss: PerSample, chosen: Members) -> Float[np.ndarray, " runs"]:
    return (loss * chosen).sum(1) / np.maximum(chosen.sum(1), 1)


def _ratio(confidence, marginal):
    """Both underflow to 0 where a sample is hopeless in every run: nothing can be said of it.

    Nor can it be of a run without any peer.
    """
    tiny = np.finfo(np.float64).tiny
    return (confidence + tiny) / (np.where(np.isnan(marginal), confidence, marginal) + tiny)
