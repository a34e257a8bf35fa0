"""The indicator r_Q = delta^2 / (2 sigma^2) of one run's quantized checkpoints (Algorithm 1)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from quantmia.data.split import halves
from quantmia.vocabulary import Variant

Losses = Float[np.ndarray, "checkpoints samples"]
Models = Int[np.ndarray, " checkpoints"]


@dataclass(frozen=True)
class Indicator:
    """r_Q of one run and what it was made of.

    Args:
        r: delta^2 / (2 sigma2); NaN where undefined, never infinite.
        delta: gap of mean losses, in units of the loss.
        sigma2: variance of the loss differences.
        dominating_position: place in the loss order (2 = second best) of the model that gave
            sigma2; 0 where r is undefined.
        distinct: number of distinct quantized models.
    """

    r: float
    delta: float
    sigma2: float
    dominating_position: int
    distinct: int


@dataclass(frozen=True)
class Noise:
    """What the choice of the held-out samples does to r of one run.

    Args:
        z: gap between the best two models in standard errors of it over the samples.
        halves: r from each of two disjoint halves of the samples.
    """

    z: float
    halves: tuple[float, float]


@dataclass(frozen=True)
class Whole:
    """Mean losses over all held-out samples, where single losses are kept of some of them.

    Args:
        samples: how many there are.
        means: of every checkpoint.
        halves: the same over each of two halves of the samples.
        places: of those that are kept, which are in the first half and which in the second.
    """

    samples: int
    means: Float[np.ndarray, " checkpoints"]
    halves: Float[np.ndarray, "two checkpoints"]
    places: tuple[Int[np.ndarray, " first"], Int[np.ndarray, " second"]]


@dataclass(frozen=True)
class HeldOut:
    """Losses of one run's checkpoints on the held-out samples.

    Args:
        losses: float32, of all samples, or of those that are kept.
        models: index of the first checkpoint with the very same quantized parameters.
        whole: means over all samples; None where all are kept.
    """

    losses: Losses
    models: Models
    whole: Whole | None = None

    @property
    def samples(self) -> int:
        """How many are held out."""
        return self.losses.shape[1] if self.whole is None else self.whole.samples

    @property
    def means(self) -> Float[np.ndarray, " checkpoints"]:
        """Mean loss of every checkpoint over all samples."""
        return self.losses.mean(1, dtype=np.float64) if self.whole is None else self.whole.means

    def on_grid(self, every: int) -> "HeldOut":
        """What a coarser grid would have kept: every `every`-th checkpoint, counted from 1."""
        kept = slice(every - 1, None, every)
        whole = self.whole and replace(
            self.whole, means=self.whole.means[kept], halves=self.whole.halves[:, kept]
        )
        return HeldOut(self.losses[kept], self.models[kept], whole)

    def of_halves(self) -> "tuple[HeldOut, HeldOut]":
        """What each of two disjoint halves of the samples would be by itself."""
        whole = self.whole
        if whole is None:
            first, second = halves(self.samples)
            parts = (None, None)
        else:
            first, second = whole.places
            parts = tuple(replace(whole, means=each) for each in whole.halves)
        return (
            HeldOut(self.losses[:, first], self.models, parts[0]),
            HeldOut(self.losses[:, second], self.models, parts[1]),
        )


@dataclass(frozen=True)
class Order:
    """Distinct models of one run sorted by mean loss, the best first, with its differences.

    Args:
        gaps: m_k - m_1 for k >= 2.
        variances: unbiased Var(L_k - L_1) over the samples for k >= 2.
        best_is_last: whether the best model is that of the last checkpoint.
    """

    gaps: Float[np.ndarray, " others"]
    variances: Float[np.ndarray, " others"]
    best_is_last: bool

    @property
    def distinct(self) -> int:
        """Number of distinct models."""
        return len(self.gaps) + 1


def order(held: HeldOut) -> Order:
    """Drop exact duplicates, sort by mean loss and compare everything with the best, in float64.

    Args:
        held: losses of a run.
    """
    _, distinct = np.unique(held.models, return_index=True)
    losses = held.losses[distinct].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        means = losses.mean(1) if held.whole is None else held.means[distinct]
        ranked = np.argsort(means, kind="stable")
        best, others = ranked[0], ranked[1:]
        variances = np.var(losses[others] - losses[best], axis=1, ddof=1)
        gaps = means[others] - means[best]
    return Order(gaps, variances, bool(distinct[best] == len(held.models) - 1))


def indicator(ordered: Order, variant: Variant, low_loss_models: int = 10) -> Indicator:
    """R of one run in one variant.

    Args:
        ordered: the run's models.
        variant: `paper` (conservative bound of Algorithm 1), `rate` (exact large-deviation rate
            of a finite set of models) or `low_loss` (`paper` over the K best models only).
        low_loss_models: K, the best model included.
    """
    gaps, variances = ordered.gaps, ordered.variances
    if not len(gaps):
        return Indicator(math.nan, math.nan, math.nan, 0, ordered.distinct)
    if variant == "rate":
        k = int(np.argmin([_ratio(g, v) for g, v in zip(gaps, variances, strict=True)]))
        delta = gaps[k]
    elif variant in ("paper", "low_loss"):
        considered = variances if variant == "paper" else variances[: max(1, low_loss_models - 1)]
        k = int(np.argmax(considered))
        delta = gaps[0]
    else:
        raise ValueError(f"{variant} is not a variant of a single run")
    r = _ratio(delta, variances[k])
    return Indicator(
        r if math.isfinite(r) else math.nan,
        float(delta),
        float(variances[k]),
        k + 2,
        ordered.distinct,
    )


def noise(held: HeldOut, ordered: Order) -> Noise:
    """How far r is the held-out samples' doing.

    Args:
        held: losses of a run.
        ordered: the same, in order.
    """
    z = math.nan
    if len(ordered.gaps) and ordered.variances[0] > 0:
        z = float(ordered.gaps[0] / math.sqrt(ordered.variances[0] / held.samples))
    if held.samples < 4:
        return Noise(z, (math.nan, math.nan))
    first, second = (indicator(order(half), "paper").r for half in held.of_halves())
    return Noise(z, (first, second))


def pooled(
    read: Sequence[Callable[[], HeldOut]], means: Sequence[NDArray[np.float64]]
) -> Indicator:
    """`paper` over the checkpoints of all runs in one pool, reading one run at a time.

    Unusable as a ranking (it varies by orders of magnitude between repetitions); reported
    because it is the other reading of the paper.

    Args:
        read: gives each run's losses.
        means: mean loss of every checkpoint, a run each.
    """
    best_run = int(np.argmin([m.min() for m in means]))
    place = int(np.argmin(means[best_run]))
    best, least = read[best_run]().losses[place].astype(np.float64), means[best_run][place]
    gaps, variances = [], []
    for run, get in enumerate(read):
        held = get()
        for k in np.unique(held.models, return_index=True)[1]:
            if run == best_run and held.models[k] == held.models[place]:
                continue
            gaps.append(means[run][k] - least)
            variances.append(np.var(held.losses[k] - best, ddof=1))
    ranked = np.argsort(gaps, kind="stable")
    return indicator(Order(np.array(gaps)[ranked], np.array(variances)[ranked], False), "paper")


def _ratio(delta: float, variance: float) -> float:
    if delta == 0:
        return 0.0
    return math.inf if variance == 0 else float(delta**2 / (2 * variance))
