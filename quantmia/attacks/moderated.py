"""Variances of many samples from few shadow models each, moderated by what all of them have.

Empirical Bayes as Smyth (2004) and limma do it for genes: the variances of the samples come from a
scaled inverse chi-squared distribution, whose degrees of freedom and scale are estimated from the
spread of the log variances. A sample's own variance is drawn toward it, the more so the fewer
shadow models it has. Quartiles and medians in place of moments keep a handful of samples from
deciding.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import polygamma
from scipy.stats import chi2

from quantmia.attacks.leave_one_out import LeaveOneOut, Runs

Known = Bool[np.ndarray, "runs samples"]
PerRun = Float[np.ndarray, "runs 1"]
NORMAL_QUARTILES = 1.349  # how far apart they are, in standard deviations
FARTHEST = 4.0  # standard deviations from the middle that a value of a line's x counts
LEAST_SPREAD = 0.05  # of log variances: 41 degrees of freedom at most, so that outliers show
ROUNDS = 4  # of Tukey's weights
TUKEY = 4.685  # standard deviations beyond which a residual does not pull
SMALLEST = 1e-12  # variance of a sample, as a share of the median


def variance_ratio(inside: LeaveOneOut, outside: LeaveOneOut) -> PerRun:
    """Variance over the runs that trained on a sample, by that over those that did not.

    The same for all samples; 1 where a side has no sample with two runs.

    Args:
        inside: statistics of the runs that did.
        outside: of those that did not.
    """
    logs = [_centred_logs(side.deviations, side.freedom) for side in (inside, outside)]
    ratio = np.exp(median(*logs[0]) - median(*logs[1]))
    return np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)


def moderated(deviations: Runs, freedom: Runs, centre: Runs) -> tuple[Runs, Runs]:
    """Variance of every sample, drawn toward a prior that may rise or fall with its centre.

    Args:
        deviations: sums of squared deviations.
        freedom: degrees of freedom that they have.
        centre: of each sample's signal.

    Returns:
        Variances, NaN in a row without any, and their degrees of freedom.
    """
    logs, known = _centred_logs(deviations, freedom)
    trend = robust_line(centre, logs, known)
    rest = logs - trend
    low, middle, high = _quantiles(rest, known, (0.25, 0.5, 0.75))
    spread = np.square((high - low) / NORMAL_QUARTILES)
    noise = np.where(known, _of_chi2(_log_quartiles, freedom), 0).sum(1, keepdims=True)
    noise = noise / np.maximum(known.sum(1, keepdims=True), 1)
    prior = 2 * _inverse_trigamma(np.maximum(np.nan_to_num(spread - noise), LEAST_SPREAD))
    scale = np.exp(trend + middle + np.log(chi2.median(prior) / prior))
    return (prior * scale + deviations) / (prior + freedom), prior + freedom


def _centred_logs(deviations: Runs, freedom: Runs) -> tuple[Runs, Known]:
    """Log variances, less the median that chance alone gives them, and where there are any."""
    known = freedom > 0
    variance = deviations / np.maximum(freedom, 1)
    floor = SMALLEST * median(variance, known)
    known = known & (floor > 0)
    logs = np.log(np.where(known, np.maximum(variance, floor), 1.0))
    return logs - _of_chi2(_log_median, freedom), known


def robust_line(x: Runs, y: Runs, known: Known) -> Runs:
    """Values of a straight line a run, by Tukey's weights, of which no sample is a long lever.

    Args:
        x: of each sample; winsorised.
        y: of each sample.
        known: which samples count.
    """
    x, weight = winsorised(x), known.astype(np.float64)
    fitted = np.zeros_like(y)
    for again in range(ROUNDS):
        if again:
            weight = bisquare(y - fitted, known)
        intercept, slope = weighted_line(x, y, weight)
        fitted = intercept + slope * x
    return fitted


def winsorised(values: Runs) -> Runs:
    """Values brought in to where a row's quartiles let a normal one lie: no lever is too long.

    Args:
        values: of each sample.
    """
    everywhere = np.ones(values.shape, bool)
    low, middle, high = _quantiles(values, everywhere, (0.25, 0.5, 0.75))
    reach = FARTHEST * (high - low) / NORMAL_QUARTILES
    return np.clip(values, middle - reach, middle + reach)


def bisquare(distance: Runs, known: Known) -> Runs:
    """Tukey's weights: what is far from the line does not pull at all (Beaton and Tukey 1974).

    Args:
        distance: from what is fitted; its scale is found by the median of a row.
        known: which samples count.
    """
    size = np.abs(distance)
    scale = TUKEY * 1.4826 * np.nan_to_num(median(size, known))
    share = size / np.where(scale > 0, scale, np.inf)
    return known * np.square(np.maximum(1 - np.square(share), 0.0))


def weighted_line(x: Runs, y: Runs, weight: Runs) -> tuple[PerRun, PerRun]:
    """Intercept and slope of a run's samples by weighted least squares; a slope of 0 if x is one.

    Args:
        x: of each sample.
        y: of each sample.
        weight: of each sample; 0 leaves it out.
    """
    total = np.maximum(weight.sum(1, keepdims=True), 1e-300)
    x_mean, y_mean = ((weight * each).sum(1, keepdims=True) / total for each in (x, y))
    from_mean = x - x_mean
    moment = (weight * np.square(from_mean)).sum(1, keepdims=True)
    product = (weight * from_mean * (y - y_mean)).sum(1, keepdims=True)
    slope = np.where(moment > 0, product / np.where(moment > 0, moment, 1.0), 0.0)
    return y_mean - slope * x_mean, slope


def _of_chi2(function, freedom: Runs) -> Runs:
    """A function of degrees of freedom."""
    return _of_numbers(function, int(freedom.max()) + 1)[np.maximum(freedom, 1).astype(int) - 1]


@cache
def _of_numbers(function, last: int):
    """A function of whole numbers from 1 on, which takes its time and is asked for often."""
    return function(np.arange(1, last + 1))


def _log_median(freedom):
    return np.log(chi2.median(freedom) / freedom)


def _log_quartiles(freedom):
    """Squared spread of a log variance by chance alone, as its quartiles tell it."""
    low, high = (np.log(chi2.ppf(share, freedom)) for share in (0.25, 0.75))
    return np.square((high - low) / NORMAL_QUARTILES)


def _inverse_trigamma(value: PerRun) -> PerRun:
    """Newton's method on 1 / trigamma, which is convex (Smyth 2004, appendix)."""
    found = 0.5 + 1 / value
    for _ in range(20):
        trigamma = polygamma(1, found)
        found = found + trigamma * (1 - trigamma / value) / polygamma(2, found)
    return found


def median(values: Runs, known: Known) -> PerRun:
    """Median of a row's known values; NaN where nothing is known.

    Args:
        values: of each sample.
        known: which of them count.
    """
    return _quantiles(values, known, (0.5,))[0]


def _quantiles(values: Runs, known: Known, shares: Sequence[float]) -> list[PerRun]:
    """Of what is known in a row, between neighbours in proportion; NaN if nothing is known."""
    ordered = np.where(known, values, np.inf)
    ordered.sort(axis=1)
    rows, last = np.arange(len(ordered)), known.sum(1) - 1
    place = np.maximum(np.multiply.outer(shares, last), 0)
    low, highest = np.floor(place).astype(int), np.maximum(last, 0)
    below, above = (ordered[rows, np.minimum(each, highest)] for each in (low, low + 1))
    with np.errstate(invalid="ignore"):
        value = below + (place - low) * (above - below)
    return list(np.where(last >= 0, value, np.nan)[..., None])
