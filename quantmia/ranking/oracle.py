"""Exact MIS of a learner with m possible samples and K possible models: the theory's test bed."""

from math import comb
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln, xlogy

TIE = 1e-12  # sums closer than this share of the largest loss sum are equal but for rounding

Losses = Float[np.ndarray, "models points"]
Probabilities = Float[np.ndarray, " points"]


def exact_mis(
    losses: Losses,
    probabilities: Probabilities,
    n: int,
    *,
    limit: int = 1_000_000,
    generator: np.random.Generator | None = None,
    draws: int = 100_000,
) -> float:
    """MIS = 1 - TV(P(theta_hat, z_1), P(theta_hat) x P(z)) of the empirical risk minimiser.

    The learner is theta_hat = argmin_k sum_j L[k, z_j]; among equal sums it takes the lowest k.
    Only the counts of the other n - 1 samples matter, which are multinomial. They are enumerated,
    or drawn where there are too many; the same draws serve every z_1, which keeps their noise out
    of the differences that the total variation is made of.

    Args:
        losses: loss of every model at every point, float64.
        probabilities: of the points; they sum to 1.
        n: samples the learner sees, at least 1.
        limit: count vectors enumerated at most, C(n + m - 2, m - 1) of them.
        generator: draws the counts where there are more than `limit`.
        draws: count vectors drawn then.

    Raises:
        ValueError: ill-posed, or too large to enumerate and no generator is given.
    """
    losses, probabilities = _checked(losses, probabilities)
    points = len(probabilities)
    if n < 1:
        raise ValueError(f"n must be at least 1; got {n}.")
    vectors = comb(n + points - 2, points - 1)
    if vectors <= limit:
        counts = _count_vectors(n - 1, points)
        logs = gammaln(n) + (xlogy(counts, probabilities) - gammaln(counts + 1.0)).sum(1)
        weights = np.exp(logs) / np.exp(logs).sum()
    elif generator is not None:
        counts = generator.multinomial(n - 1, probabilities, draws)
        weights = np.full(draws, 1.0 / draws)
    else:
        raise ValueError(f"{vectors} count vectors exceed limit={limit}; give a generator.")
    given = np.empty((points, len(losses)))  # P(k | z_1 = z)
    for z in range(points):
        counts[:, z] += 1
        given[z] = np.bincount(_learn(losses, counts), weights, minlength=len(losses))
        counts[:, z] -= 1
    variation = np.abs(given - probabilities @ given).sum(1)
    return float(1.0 - probabilities @ variation / 2.0)


def population_rate(
    losses: Losses,
    probabilities: Probabilities,
    variant: Literal["rate", "paper"] = "rate",
) -> float:
    """The rate r at which 1 - MIS decays like exp(-n r), from the moments of the losses.

    delta_k is how far model k's mean loss is above the best one's, sigma_k^2 the variance of the
    difference between their losses. `rate` is min_k delta_k^2 / (2 sigma_k^2), the Gaussian limit
    (small delta / sigma) of the large-deviation rate; `paper` is delta_2^2 / (2 max_k sigma_k^2),
    never above it (Aubinais et al. 2025, Algorithm 1).

    Args:
        losses: loss of every model at every point, float64.
        probabilities: of the points.
        variant: `rate` or `paper`.

    Raises:
        ValueError: an unknown variant, or fewer than two models with different losses.
    """
    if variant not in ("rate", "paper"):
        raise ValueError(f"variant must be 'rate' or 'paper'; got {variant!r}.")
    losses, probabilities = _checked(losses, probabilities)
    support = probabilities > 0
    distinct = np.unique(losses[:, support], axis=0)
    if len(distinct) < 2:
        raise ValueError("All models have the same losses; a rate needs two different ones.")
    p = probabilities[support]
    distinct = distinct[np.argsort(distinct @ p, kind="stable")]
    excess = distinct[1:] - distinct[0]
    delta = excess @ p
    sigma2 = np.square(excess - delta[:, None]) @ p
    with np.errstate(divide="ignore"):  # a constant excess: infinite, it never wins
        rates = delta**2 / (2.0 * (sigma2 if variant == "rate" else sigma2.max(keepdims=True)))
    return float(rates.min() if variant == "rate" else rates[0])


def _learn(
    losses: Losses, counts: Int[np.ndarray, "vectors points"]
) -> Int[np.ndarray, " vectors"]:
    sums = counts @ losses.T
    slack = TIE * np.abs(sums).max(1, keepdims=True)
    return np.argmax(sums <= sums.min(1, keepdims=True) + slack, axis=1)


def _count_vectors(total: int, cells: int) -> Int[np.ndarray, "vectors cells"]:
    """All ways to put `total` samples into the cells."""
    vectors, left = np.empty((1, 0), np.int64), np.array([total])
    for _ in range(cells - 1):
        rows = np.repeat(np.arange(len(left)), left + 1)
        first = np.cumsum(left + 1) - (left + 1)
        here = np.arange(len(rows)) - first[rows]
        vectors, left = np.column_stack([vectors[rows], here]), left[rows] - here
    return np.column_stack([vectors, left])


def _checked(losses: Losses, probabilities: Probabilities) -> tuple[Losses, Probabilities]:
    losses = np.asarray(losses, np.float64)
    probabilities = np.asarray(probabilities, np.float64)
    if losses.ndim != 2 or probabilities.shape != losses.shape[1:] or not np.isfinite(losses).all():
        raise ValueError("losses must be finite [models, points], probabilities [points].")
    if (probabilities < 0).any() or abs(probabilities.sum() - 1.0) > 1e-9:
        raise ValueError(f"probabilities must not be negative and sum to 1; got {probabilities}.")
    return losses, probabilities / probabilities.sum()
