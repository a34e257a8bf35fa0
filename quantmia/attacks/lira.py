"""The likelihood-ratio attack in its variants, leave-one-out."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import norm

from quantmia.attacks.base import Attack, Members, Observed, PerSample, require

ENOUGH_FOR_SAMPLE_VARIANCE = 64  # shadow models, as in Carlini et al. 2022, section VI-D


@dataclass(frozen=True, kw_only=True)
class Lira(Attack):
    """LiRA (Carlini et al. 2022) with every other run as a shadow model.

    Gaussians a sample: of the signal over the runs that trained on it, and over those that did
    not. All shadow models of a sample are used, however many there are on its side. A sample
    without evidence scores 0.

    Args:
        mode: `online` compares both sides (Algorithm 1); `offline` uses non-members alone and
            calls an unlikely signal a member; `offline_one_sided` calls a signal beyond those of
            the non-members one (section VI-A; for residuals, minus their size).
        variance: `sample` estimates it for every sample, `global` once a side, around each
            sample's own centre; `auto` takes `global` below 64 runs.
        centre: `mean` or `median` of the shadow models.
    """

    mode: str = "online"
    variance: str = "auto"
    centre: str = "mean"
    min_runs: ClassVar[int] = 8

    def __post_init__(self) -> None:
        require("mode", self.mode, ("online", "offline", "offline_one_sided"))
        require("variance", self.variance, ("auto", "sample", "global"))
        require("centre", self.centre, ("mean", "median"))

    def score(self, seen):
        """Log N(s; in) - log N(s; out), or offline -log N(s; out), or (s - mu_out) / sigma_out."""
        if self.mode == "offline_one_sided":
            signal = -np.abs(seen.signal) if seen.two_sided else seen.signal
            centre, variance = self._gaussian(seen, signal, ~seen.members)
            return _no_evidence((signal - centre) / np.sqrt(variance))
        outside = self._log_density(seen, ~seen.members)
        if self.mode == "offline":
            return _no_evidence(-outside)
        return _no_evidence(self._log_density(seen, seen.members) - outside)

    def _log_density(self, seen: Observed, chosen: Members) -> PerSample:
        centre, variance = self._gaussian(seen, seen.signal, chosen)
        return np.asarray(norm.logpdf(seen.signal, centre, np.sqrt(variance)))

    def _gaussian(
        self, seen: Observed, signal: PerSample, chosen: Members
    ) -> tuple[PerSample, PerSample]:
        """Centre and variance a sample, NaN where there is no run to estimate it from."""
        others = seen.leave_one_out(signal, chosen)
        centre, deviations = others.mean, others.deviations
        if self.centre == "median":
            centre = seen.medians(signal, chosen)
            deviations = deviations + others.count * np.square(np.nan_to_num(centre - others.mean))
        freedom = np.maximum(others.count - 1, 0)
        variance = deviations.sum(1, keepdims=True) / np.maximum(freedom.sum(1, keepdims=True), 1)
        variance = np.broadcast_to(variance, centre.shape)
        many = len(signal) >= ENOUGH_FOR_SAMPLE_VARIANCE
        if self.variance == "sample" or (self.variance == "auto" and many):
            own = deviations / np.maximum(freedom, 1)
            variance = np.where((freedom > 0) & (own > 0), own, variance)
        return centre, np.where(variance > 0, variance, np.nan)


def _no_evidence(scores: PerSample) -> PerSample:
    return np.nan_to_num(scores, nan=0.0, posinf=0.0, neginf=0.0)
