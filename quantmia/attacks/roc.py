"""ROC curves on a logarithmic grid of false positive rates, with bands."""

from typing import Any

import numpy as np
from jaxtyping import Float

from quantmia.attacks.base import Members, PerSample
from quantmia.statistics import Bootstrap

RATES = np.logspace(-4, 0, 41)
THRESHOLDS = 400  # that a curve is made of at most


def roc_curve(scores: PerSample, members: Members, bootstrap: Bootstrap) -> list[dict[str, Any]]:
    """True positive rate by false positive rate, over the scores of all runs together.

    Args:
        scores: higher = member.
        members: who is one.
        bootstrap: resamples runs.

    Returns:
        Rows `fpr, tpr, low, high`, for the rates that so many non-members resolve.
    """
    thresholds = _thresholds(scores, members)
    true, false = (_at_least(scores, chosen, thresholds) for chosen in (members, ~members))
    weights = np.vstack([np.ones(bootstrap.runs), bootstrap.weights])
    tpr = (weights @ true) / (weights @ members.sum(1))[:, None]
    fpr = (weights @ false) / (weights @ (~members).sum(1))[:, None]
    rows = []
    for rate in RATES[RATES * (~members).sum() >= 1]:
        within = (fpr <= rate * (1 + 1e-9)).sum(1)
        reached = np.where(within > 0, np.take_along_axis(tpr, within[:, None] - 1, 1)[:, 0], 0.0)
        rows.append({"fpr": float(rate)} | _ends(bootstrap, reached))
    return rows


def _ends(bootstrap: Bootstrap, reached: Float[np.ndarray, " resamples"]) -> dict[str, float]:
    interval = bootstrap.interval(float(reached[0]), reached[1:])
    return {"tpr": interval.value, "low": interval.low, "high": interval.high}


def _thresholds(scores: PerSample, members: Members) -> Float[np.ndarray, " thresholds"]:
    """Scores from high to low that let through numbers of non-members in geometric steps."""
    everything, outside = np.sort(scores, axis=None), np.sort(scores[~members])[::-1]
    ranks = np.geomspace(1, len(outside), THRESHOLDS).astype(int) - 1
    above = np.searchsorted(everything, outside[ranks], side="right")  # lets the others through
    lowest = np.zeros(1, int)
    kept = np.unique(np.concatenate([above[above < len(everything)], lowest]))
    return np.unique(everything[kept])[::-1]


def _at_least(
    scores: PerSample, chosen: Members, thresholds: Float[np.ndarray, " thresholds"]
) -> Float[np.ndarray, "runs thresholds"]:
    """How many of the chosen samples of each run score at least each threshold."""
    counts = [
        mine.sum() - np.searchsorted(np.sort(own[mine]), thresholds, side="left")
        for own, mine in zip(scores, chosen, strict=True)
    ]
    return np.array(counts, float)
