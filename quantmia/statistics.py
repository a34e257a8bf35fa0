"""Intervals by bootstrap over runs, ranks and rank correlations."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from scipy.stats import rankdata


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; the ends are NaN where none can be given."""

    value: float
    low: float
    high: float


class Bootstrap:
    """Percentile bootstrap over runs; the same resamples for every quantity, so that they pair.

    Args:
        runs: number of runs; with one there are no intervals.
        resamples: how many.
        confidence: of the intervals, in (0, 1).
        rng: draws them.
    """

    def __init__(self, runs: int, resamples: int, confidence: float, rng: np.random.Generator):
        self.runs = runs
        self.confidence = confidence
        self.weights = rng.multinomial(runs, np.full(runs, 1 / runs), size=resamples).astype(float)

    def means(self, values: Float[np.ndarray, "*some runs"]) -> Float[np.ndarray, "*some samples"]:
        """Mean over the runs of every resample; runs where a value is NaN are left out."""
        defined = np.isfinite(values)
        total = np.where(defined, values, 0.0) @ self.weights.T
        count = defined.astype(float) @ self.weights.T
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)

    def interval(self, value: float, resampled: NDArray) -> Interval:
        """The percentile interval of an estimate from its resampled values."""
        resampled = resampled[np.isfinite(resampled)]
        if self.runs < 2 or not len(resampled) or not np.isfinite(value):
            return Interval(float(value), np.nan, np.nan)
        tail = 50 * (1 - self.confidence)
        low, high = np.percentile(resampled, [tail, 100 - tail])
        return Interval(float(value), float(low), float(high))


def mean_defined(values: Float[np.ndarray, "*some runs"]) -> NDArray[np.float64]:
    """Arithmetic mean over the runs where the value is defined; NaN where it never is."""
    defined = np.isfinite(values)
    count = defined.sum(-1)
    total = np.where(defined, values, 0.0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def ranks(privacy: Shaped[np.ndarray, "quantizers *some"]) -> NDArray[np.float64]:
    """Rank along the first axis, 1 = largest = most private; ties share, undefined come last."""
    return rankdata(np.where(np.isfinite(privacy), -privacy, np.inf), axis=0)


def spearman(
    a: Float[np.ndarray, "quantizers *some"], b: Float[np.ndarray, "quantizers *some"]
) -> NDArray[np.float64]:
    """Spearman's rank correlation along the first axis; NaN for fewer than 3 or constant ranks."""
    if len(a) < 3:
        return np.full(np.broadcast_shapes(a.shape, b.shape)[1:], np.nan)
    ra = rankdata(a, axis=0)
    rb = rankdata(b, axis=0)
    ra, rb = ra - ra.mean(0), rb - rb.mean(0)
    scale = np.sqrt((ra**2).sum(0) * (rb**2).sum(0))
    undefined = (scale == 0) | ~np.isfinite(a + b).all(0)
    return np.where(undefined, np.nan, (ra * rb).sum(0) / np.where(scale == 0, 1, scale))


def half_split_stability(
    per_run: Float[np.ndarray, "quantizers runs"], halves: int, rng: np.random.Generator
) -> float:
    """Mean Spearman between the rankings of disjoint random halves of the runs.

    Args:
        per_run: r of every run.
        halves: how many random splits.
        rng: draws them.
    """
    n_runs = per_run.shape[1]
    if n_runs < 4:
        return float("nan")
    found = []
    for _ in range(halves):
        shuffled = rng.permutation(n_runs)
        first, second = shuffled[: n_runs // 2], shuffled[n_runs // 2 :]
        found.append(spearman(mean_defined(per_run[:, first]), mean_defined(per_run[:, second])))
    return float(mean_defined(np.array(found)))
