"""Intervals by bootstrap over runs, ranks and rank correlations."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from scipy.stats import beta, binom, norm, rankdata, t

IN_DOUBLE = 2**24  # weights of resamples that are kept so: 128 MiB
MOST = 2**14  # samples, or groups of them, that are resampled


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; the ends are NaN where none can be given."""

    value: float
    low: float
    high: float

    def cells(self, name: str) -> dict[str, float]:
        """As the columns `name, name_low, name_high` of a row."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    @classmethod
    def of_cells(cls, row: Mapping[Any, Any], name: str) -> "Interval":
        """Of the columns `name, name_low, name_high` of a row."""
        return cls(*(float(row[f"{name}{end}"]) for end in ("", "_low", "_high")))


class Bootstrap:
    """Percentile bootstrap; the same resamples for every quantity, so that differences pair.

    Two sources of chance: which runs were trained, and which samples the pool holds. What is
    averaged over runs alone resamples runs. What is averaged over both resamples both
    independently (Owen 2007, The pigeonhole bootstrap; the sample axis in its linear form), which
    is on the wide side: the noise of a single run on a single sample counts on both axes. Runs
    alone would be too narrow, because every run is a shadow model of the others. Percentiles are
    taken further out than their name says, so that with few runs an interval is as wide as
    Student's (Hesterberg 2015, the expanded percentile interval).

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
        self._sample_seed = int(rng.integers(2**62))
        self._sample_weights: dict[tuple[int, bool], NDArray[np.floating]] = {}

    def means(self, values: Float[np.ndarray, "*some runs"]) -> Float[np.ndarray, "*some samples"]:
        """Mean over the runs of every resample; runs where a value is NaN are left out."""
        defined = np.isfinite(values)
        total = np.where(defined, values, 0.0) @ self.weights.T
        count = defined.astype(float) @ self.weights.T
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)

    def two_way_means(
        self,
        values: Float[np.ndarray, " runs"],
        influence: Float[np.ndarray, " samples"],
        held_out: bool = False,
    ) -> Float[np.ndarray, " resamples"]:
        """Means over resampled runs and resampled samples.

        Beyond `MOST` samples, so many groups of them are resampled in their place, to which they
        are dealt in turn. Of independent samples the spread is the same, and memory is bounded.

        Args:
            values: of every run.
            influence: of every sample on the mean of `values`; its own mean is 0.
            held_out: whether the samples are held out, which are resampled by themselves.
        """
        weights = self._over_samples(len(influence), held_out)
        groups = np.bincount(np.arange(len(influence)) % weights.shape[1], influence)
        return self.means(values) + weights @ groups / len(influence)

    def _over_samples(self, samples: int, held_out: bool) -> NDArray[np.floating]:
        size = min(samples, MOST)
        if (size, held_out) not in self._sample_weights:
            rng = np.random.default_rng([self._sample_seed, size, *([1] if held_out else [])])
            drawn = rng.multinomial(size, np.full(size, 1 / size), size=len(self.weights))
            # What is in single precision is turned into double at every product.
            precision = np.float64 if drawn.size <= IN_DOUBLE else np.float32
            self._sample_weights[size, held_out] = drawn.astype(precision)
        return self._sample_weights[size, held_out]

    def lower(self, resampled: NDArray, error: float) -> float:
        """One-sided lower limit that the estimand is below with probability `error`."""
        if self.runs < 2:
            return float("nan")
        return float(np.quantile(resampled, _expanded(self.runs, error)))

    def simultaneous(
        self,
        values: Float[np.ndarray, " several"],
        resampled: Float[np.ndarray, "several resamples"],
    ) -> list[Interval]:
        """Intervals that hold all of several estimates together (max-t; Westfall and Young 1993).

        As many standard errors wide as the farthest of them strays in the resamples, and with few
        runs wider, as Student's are. An estimate that no resample moves has no width.

        Args:
            values: the estimates.
            resampled: of each.
        """
        if self.runs < 2:
            return [Interval(float(value), np.nan, np.nan) for value in values]
        error = resampled.std(axis=1, ddof=1)
        moving = error > 0
        tail = (1 - self.confidence) / 2
        wider = norm.ppf(_expanded(self.runs, tail)) / norm.ppf(tail)
        strays = np.abs(resampled - values[:, None])[moving] / error[moving, None]
        width = wider * np.quantile(strays.max(0), self.confidence) if moving.any() else 0.0
        reach = width * error
        return [
            Interval(*map(float, (v, v - r, v + r))) for v, r in zip(values, reach, strict=True)
        ]

    def interval(self, value: float, resampled: NDArray) -> Interval:
        """The percentile interval of an estimate from its resampled values."""
        resampled = resampled[np.isfinite(resampled)]
        if self.runs < 2 or not len(resampled) or not np.isfinite(value):
            return Interval(float(value), np.nan, np.nan)
        tail = _expanded(self.runs, (1 - self.confidence) / 2)
        low, high = np.quantile(resampled, [tail, 1 - tail])
        return Interval(float(value), float(low), float(high))


@cache
def _expanded(runs: int, tail: float) -> float:
    """How far out a percentile is taken for so many runs (Hesterberg 2015); asked for often."""
    freedom = runs - 1
    return float(norm.cdf(math.sqrt(runs / freedom) * t.ppf(tail, freedom)))


def mean_defined(values: Float[np.ndarray, "*some runs"]) -> NDArray[np.float64]:
    """Arithmetic mean over the runs where the value is defined; NaN where it never is."""
    defined = np.isfinite(values)
    count = defined.sum(-1)
    total = np.where(defined, values, 0.0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def exact_share(count: float, of: int, confidence: float) -> Interval:
    """A share with the interval of Clopper and Pearson (1934).

    Args:
        count: that are so; no integer where each is so in part.
        of: all; of none nothing is known.
        confidence: of the interval.
    """
    if not of:
        return Interval(float("nan"), 0.0, 1.0)
    tail = (1 - confidence) / 2
    low = beta.ppf(tail, count, of - count + 1) if count > 0 else 0.0
    high = beta.ppf(1 - tail, count + 1, of - count) if count < of else 1.0
    return Interval(count / of, float(low), float(high))


def median_interval(values: Float[np.ndarray, " some"], confidence: float) -> Interval:
    """The median of what is defined, with the exact interval between two order statistics.

    It holds the median of any continuous distribution at least as often as it says, however heavy
    its tails; of fewer values than that takes (six for 95 %) there is none.

    Args:
        values: independent draws.
        confidence: of the interval.
    """
    ordered = np.sort(values[np.isfinite(values)])
    if not len(ordered):
        return Interval(np.nan, np.nan, np.nan)
    # How many draws at each end can be left out: fewer than so many are below the median.
    outer = int(binom.ppf((1 - confidence) / 2, len(ordered), 0.5))
    if binom.cdf(outer, len(ordered), 0.5) > (1 - confidence) / 2:
        outer -= 1
    middle = float(np.median(ordered))
    if outer < 0:
        return Interval(middle, np.nan, np.nan)
    return Interval(middle, float(ordered[outer]), float(ordered[-1 - outer]))


def ranks(privacy: Shaped[np.ndarray, "quantizers *some"]) -> NDArray[np.float64]:
    """Rank along the first axis, 1 = largest = most private; ties share, undefined come last."""
    return rankdata(np.where(np.isfinite(privacy), -privacy, np.inf), axis=0)


def spearman(
    a: Float[np.ndarray, "quantizers *#some"], b: Float[np.ndarray, "quantizers *#some"]
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
