"""The indicator r_Q = delta^2 / (2 sigma^2) of one run's quantized checkpoints (Algorithm 1)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
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
        first: which of those that are kept are of the first half.
    """

    samples: int
    means: Float[np.ndarray, " checkpoints"]
    halves: Float[np.ndarray, "two checkpoints"]
    first: Bool[np.ndarray, " kept"]

    def on_grid(self, every: int) -> "Whole":
        """Of every `every`-th checkpoint, counted from 1."""
        kept = slice(every - 1, None, every)
        return replace(self, means=self.means[kept], halves=self.halves[:, kept])

    def of_half(self, half: int) -> "Whole":
        """With the means over one half alone."""
        return replace(self, means=self.halves[half])


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


def order(losses: Losses, models: Models, whole: Whole | None = None) -> Order:
    """Drop exact duplicates, sort by mean loss and compare everything with the best, in float64.

    Args:
        losses: of every checkpoint on the validation samples, or on those that are kept.
        models: index of the first checkpoint with the very same quantized parameters.
        whole: means over all validation samples, where not all are kept.
    """
    _, distinct = np.unique(models, return_index=True)
    losses = losses[distinct].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        means = losses.mean(1) if whole is None else whole.means[distinct]
        ranked = np.argsort(means, kind="stable")
        best, others = ranked[0], ranked[1:]
        variances = np.var(losses[others] - losses[best], axis=1, ddof=1)
        gaps = means[others] - means[best]
    return Order(gaps, variances, bool(distinct[best] == len(models) - 1))


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


def noise(losses: Losses, models: Models, ordered: Order, whole: Whole | None = None) -> Noise:
    """How far r is the held-out samples' doing.

    Args:
        losses: of every checkpoint on the validation samples, or on those that are kept.
        models: index of the first checkpoint with the very same quantized parameters.
        ordered: the same, in order.
        whole: means over all validation samples, where not all are kept.
    """
    samples = losses.shape[1] if whole is None else whole.samples
    z = math.nan
    if len(ordered.gaps) and ordered.variances[0] > 0:
        z = float(ordered.gaps[0] / math.sqrt(ordered.variances[0] / samples))
    if samples < 4:
        return Noise(z, (math.nan, math.nan))
    if whole is None:
        orders = [order(losses[:, half], models) for half in halves(samples)]
    else:
        mine = (whole.first, ~whole.first)
        orders = [order(losses[:, h], models, whole.of_half(k)) for k, h in enumerate(mine)]
    first, second = (indicator(each, "paper").r for each in orders)
    return Noise(z, (first, second))


def on_grid(
    losses: Losses, models: Models, every: int
) -> tuple[Float[np.ndarray, "kept samples"], Int[np.ndarray, " kept"]]:
    """What a coarser grid would have kept: every `every`-th checkpoint, counted from 1."""
    return losses[every - 1 :: every], models[every - 1 :: every]


def pooled(
    read: Sequence[Callable[[], tuple[Losses, Models]]], means: Sequence[NDArray[np.float64]]
) -> Indicator:
    """`paper` over the checkpoints of all runs in one pool, reading one run at a time.

    Unusable as a ranking (it varies by orders of magnitude between repetitions); reported
    because it is the other reading of the paper.

    Args:
        read: gives each run's losses, on the samples that are kept, and models.
        means: mean loss of every checkpoint over all samples, a run each.
    """
    best_run = int(np.argmin([m.min() for m in means]))
    place = int(np.argmin(means[best_run]))
    best, least = read[best_run]()[0][place].astype(np.float64), means[best_run][place]
    gaps, variances = [], []
    for run, get in enumerate(read):
        losses, models = get()
        for k in np.unique(models, return_index=True)[1]:
            if run == best_run and models[k] == models[place]:
                continue
            gaps.append(means[run][k] - least)
            variances.append(np.var(losses[k] - best, ddof=1))
    ranked = np.argsort(gaps, kind="stable")
    return indicator(Order(np.array(gaps)[ranked], np.array(variances)[ranked], False), "paper")


def _ratio(delta: float, variance: float) -> float:
    if delta == 0:
        return 0.0
    return math.inf if variance == 0 else float(delta**2 / (2 * variance))
