"""The likelihood-ratio attack in its variants, leave-one-out."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import norm

from quantmia.attacks.base import Attack, Members, Observed, PerSample, require
from quantmia.attacks.leave_one_out import Totals, blocks

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
        one_sided = self.mode == "offline_one_sided"
        signal = -np.abs(seen.signal) if one_sided and seen.two_sided else seen.signal
        outside = _Side(seen, signal, ~seen.members)
        inside = _Side(seen, signal, seen.members) if self.mode == "online" else None
        scores = np.empty(signal.shape)
        for rows in blocks(signal.shape):
            if one_sided:
                centre, variance = self._gaussian(outside, rows)
                scores[rows] = (signal[rows] - centre) / np.sqrt(variance)
            elif inside is None:
                scores[rows] = -self._log_density(outside, rows)
            else:
                scores[rows] = self._log_density(inside, rows) - self._log_density(outside, rows)
        return np.nan_to_num(scores, copy=False, nan=0.0, posinf=0.0, neginf=0.0)

    def _log_density(self, side: "_Side", rows: slice) -> PerSample:
        centre, variance = self._gaussian(side, rows)
        return np.asarray(norm.logpdf(side.signal[rows], centre, np.sqrt(variance)))

    def _gaussian(self, side: "_Side", rows: slice) -> tuple[PerSample, PerSample]:
        """Centre and variance a sample, NaN where there is no run to estimate it from."""
        others = side.totals.without(rows)
        centre, deviations = others.mean, others.deviations
        if self.centre == "median":
            centre = side.seen.medians(side.signal, side.chosen, rows)
            deviations = deviations + others.count * np.square(np.nan_to_num(centre - others.mean))
        freedom = np.maximum(others.count - 1, 0)
        variance = deviations.sum(1, keepdims=True) / np.maximum(freedom.sum(1, keepdims=True), 1)
        variance = np.broadcast_to(variance, centre.shape)
        many = len(side.signal) >= ENOUGH_FOR_SAMPLE_VARIANCE
        if self.variance == "sample" or (self.variance == "auto" and many):
            own = deviations / np.maximum(freedom, 1)
            variance = np.where((freedom > 0) & (own > 0), own, variance)
        return centre, np.where(variance > 0, variance, np.nan)


class _Side:
    """Shadow models that trained on a sample, or that did not."""

    def __init__(self, seen: Observed, signal: PerSample, chosen: Members):
        self.seen, self.signal, self.chosen = seen, signal, chosen
        self.totals: Totals = seen.totals(signal, chosen)
