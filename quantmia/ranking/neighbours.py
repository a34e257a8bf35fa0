"""Whether neighbours in a ranking can be told apart, and how many runs that would take."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import norm, t

from quantmia.attacks import Attack, Observed
from quantmia.attacks.metrics import mean_auc
from quantmia.statistics import Interval

GROWTH = 1.25  # from one look to the next


def auc_of_groups(attack: Attack, seen: Observed) -> Float[np.ndarray, " groups"]:
    """AUC in each of the disjoint groups of as few runs as the attack can be used with.

    Every group is a small audit of its own: its runs are shadow models of each other alone, so
    that groups are independent draws (given the data), which the runs of one large audit are not.

    Args:
        attack: scores the runs.
        seen: of one quantizer; runs that fill no group are left out.
    """
    size = attack.min_runs
    found = []
    for start in range(0, len(seen.loss) - size + 1, size):
        group = seen.of(np.arange(start, start + size))
        found.append(mean_auc(attack.score(group), group.members))
    return np.array(found)


def neighbours(
    order: Sequence[str],
    groups: Mapping[str, Float[np.ndarray, " groups"]],
    error: float,
    tolerance: float,
) -> pd.DataFrame:
    """Verdict on every two neighbours of a ranking, by Student's interval of their difference.

    Args:
        order: quantizers, most private first.
        groups: AUC in every group, of each quantizer.
        error: probability that any verdict is wrong, divided among the pairs (Bonferroni).
        tolerance: differences of AUC within it count as none.

    Returns:
        Rows `quantizer, other, difference, low, high, verdict`: by how much the AUC of the other
        is larger; the verdict is `separated` (in this order), `equal` (within the tolerance) or
        `open`.
    """
    rows = []
    for a, b in pairwise(order):
        difference = groups[b] - groups[a]
        mean, half = float(difference.mean()), math.inf
        if len(difference) > 1:
            quantile = t.ppf(1 - error / (len(order) - 1) / 2, len(difference) - 1)
            half = float(quantile * difference.std(ddof=1) / math.sqrt(len(difference)))
        low, high = mean - half, mean + half
        verdict = "open"
        if low > 0:
            verdict = "separated"
        elif -tolerance <= low and high <= tolerance:
            verdict = "equal"
        rows.append((a, b, mean, low, high, verdict))
    return pd.DataFrame(
        rows, columns=["quantizer", "other", "difference", "low", "high", "verdict"]
    )


def runs_to_separate(
    difference: float, resampled: Float[np.ndarray, " resamples"], runs: int, confidence: float
) -> Interval:
    """About how many runs a pair takes until the interval of its difference leaves 0 out.

    Its width goes down with the square root of the number of runs. How large the difference is
    is known no better than its own error says, and the number of runs goes with its square.

    Args:
        difference: of the two.
        resampled: the same in every resample of the runs.
        runs: how many there are.
        confidence: of the interval of the difference.

    Returns:
        How many in all, and how many if the difference were a standard error larger or smaller
        than it looks, which holds the truth two times in three (an interval of 95 % would begin
        below `runs` for every pair that is open, and end nowhere). Infinite where there is no
        difference, NaN for a single run.
    """
    if runs < 2:
        return Interval(math.nan, math.nan, math.nan)
    error, size = float(resampled.std()), abs(difference)
    reach = float(norm.ppf((1 + confidence) / 2)) * error

    def needed(size: float) -> float:
        return math.ceil(runs * (reach / size) ** 2) if size > 0 else math.inf

    return Interval(needed(size), needed(size + error), needed(size - error))


def looks(stack: int, runs_max: int) -> list[int]:
    """Numbers of runs after which `runs=auto` looks: whole stacks, ever further apart."""
    found = [min(stack, runs_max)]
    while found[-1] < runs_max:
        stacks = max(found[-1] // stack + 1, math.ceil(GROWTH * found[-1] / stack))
        found.append(min(stacks * stack, runs_max))
    return found
