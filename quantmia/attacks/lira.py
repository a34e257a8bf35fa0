"""The likelihood-ratio attack, online, leave-one-out."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from quantmia.attacks.base import Attack, LeaveOneOut, PerSample

ENOUGH_FOR_SAMPLE_VARIANCE = 64  # shadow models, as in Carlini et al. 2022, section VI-D


@dataclass(frozen=True, kw_only=True)
class Lira(Attack):
    """Online LiRA (Carlini et al. 2022, Algorithm 1) with every other run as a shadow model.

    Two Gaussians a sample: of the signal over the runs that trained on it, and over those that
    did not. A sample without a run on either side scores 0: no evidence.

    Args:
        variance: `sample` estimates it for every sample, `global` once a side, around each
            sample's own mean; `auto` takes `global` below 64 runs.
    """

    variance: Literal["auto", "sample", "global"] = "auto"
    min_runs: ClassVar[int] = 8

    def score(self, signal, loss, members):
        """Log N(s; in) - log N(s; out)."""
        inside = _log_density(signal, LeaveOneOut.of(signal, members), self._per_sample(signal))
        outside = _log_density(signal, LeaveOneOut.of(signal, ~members), self._per_sample(signal))
        return np.nan_to_num(inside - outside, nan=0.0, posinf=0.0, neginf=0.0)

    def _per_sample(self, signal: PerSample) -> bool:
        enough = len(signal) >= ENOUGH_FOR_SAMPLE_VARIANCE
        return self.variance == "sample" or (self.variance == "auto" and enough)


def _log_density(signal: PerSample, others: LeaveOneOut, per_sample: bool) -> PerSample:
    freedom = np.maximum(others.count - 1, 0)
    everywhere = others.deviations.sum(1, keepdims=True) / np.maximum(
        freedom.sum(1, keepdims=True), 1
    )
    variance = everywhere
    if per_sample:
        own = others.deviations / np.maximum(freedom, 1)
        variance = np.where((freedom > 0) & (own > 0), own, everywhere)
    variance = np.where(variance > 0, variance, np.nan)
    return -0.5 * (np.square(signal - others.mean) / variance + np.log(variance))
