"""ROC curves on a logarithmic grid of false positive rates, with bands."""

import numpy as np
from jaxtyping import Float

from quantmia.attacks.base import Members, PerSample
from quantmia.statistics import Bootstrap, Interval

RATES = np.logspace(-4, 0, 41)  # ten a decade: 0.01 and 0.001 are among them
STEPS = 400


def roc_curve(scores: PerSample, members: Members, bootstrap: Bootstrap) -> dict[float, Interval]:
    """True positive rate by false positive rate, over the scores of all runs together.

    Exact at every rate. In the resamples of the runs it is that of the next of the thresholds.

    Args:
        scores: higher = member.
        members: who is one.
        bootstrap: resamples runs.

    Returns:
        An interval for each of `RATES`, NaN where there are too few non-members to resolve it.
    """
    thresholds = _thresholds(scores, members)
    true, false = (_at_least(scores, chosen, thresholds) for chosen in (members, ~members))
    weights = np.vstack([np.ones(bootstrap.runs), bootstrap.weights])
    tpr = (weights @ true) / (weights @ members.sum(1))[:, None]
    false, n_out = weights @ false, weights @ (~members).sum(1)
    curve = {}
    for rate in RATES:
        if rate * n_out[0] < 1:
            curve[float(rate)] = Interval(np.nan, np.nan, np.nan)
            continue
        within = (false <= rate * n_out[:, None]).sum(1)
        reached = np.where(within > 0, np.take_along_axis(tpr, within[:, None] - 1, 1)[:, 0], 0.0)
        curve[float(rate)] = bootstrap.interval(float(reached[0]), reached[1:])
    return curve


def tpr_at(rate: float, scores: PerSample, members: Members) -> float:
    """What `roc_curve` has at one rate, without an interval.

    Args:
        rate: of false positives.
        scores: higher = member.
        members: who is one.
    """
    outside = np.sort(scores[~members])[::-1]
    if rate * len(outside) < 1:
        return np.nan
    allowed = int(rate * len(outside))
    if allowed >= len(outside):
        return 1.0
    return float((scores[members] > outside[allowed]).mean())


def _thresholds(scores: PerSample, members: Members) -> Float[np.ndarray, " thresholds"]:
    """Scores from high to low: the best at each of the rates, and geometric steps between them."""
    everything, outside = np.sort(scores, axis=None), np.sort(scores[~members])[::-1]
    allowed = np.concatenate([RATES * len(outside), np.geomspace(1, len(outside), STEPS)])
    allowed = allowed[allowed < len(outside)].astype(int)
    above = np.searchsorted(everything, outside[allowed], side="right")  # keeps that one out
    return np.unique(np.append(everything[above[above < len(everything)]], everything[0]))[::-1]


def _at_least(
    scores: PerSample, chosen: Members, thresholds: Float[np.ndarray, " thresholds"]
) -> Float[np.ndarray, "runs thresholds"]:
    """How many of the chosen samples of each run score at least each threshold."""
    counts = [
        mine.sum() - np.searchsorted(np.sort(own[mine]), thresholds, side="left")
        for own, mine in zip(scores, chosen, strict=True)
    ]
    return np.array(counts, float)
