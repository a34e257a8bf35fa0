"""How well an attack did, with intervals over runs and samples."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.stats import rankdata

from quantmia.attacks.base import Members, PerSample
from quantmia.attacks.leave_one_out import blocks
from quantmia.attacks.roc import roc_curve
from quantmia.statistics import Bootstrap, Interval

FALSE_POSITIVE_RATES = (0.01, 0.001)
MAX_FOLDS = 20


@dataclass(frozen=True)
class AttackResult:
    """Figures of one attack on one quantizer.

    Args:
        auc: mean over the attacked models of their ROC-AUC.
        advantage: mean of TPR - FPR at a threshold chosen on other runs.
        mis: 1 - advantage, within [0, 1]: an upper bound of the membership inference security.
        balanced_accuracy: (1 + advantage) / 2.
        roc: true positive rate by false positive rate, over the scores of all runs; NaN where not
            resolvable. Its intervals resample runs alone.
        resampled: advantage of every resample.
        resampled_auc: AUC of the same.
    """

    auc: Interval
    advantage: Interval
    mis: Interval
    balanced_accuracy: Interval
    roc: dict[float, Interval]
    resampled: Float[np.ndarray, " resamples"]
    resampled_auc: Float[np.ndarray, " resamples"]


def assess(
    scores: PerSample, members: Members, bootstrap: Bootstrap, with_roc: bool = True
) -> AttackResult:
    """All figures of an attack's scores.

    Args:
        scores: higher = member.
        members: who is one.
        bootstrap: of runs and samples.
        with_roc: whether the curve is wanted, which takes as long as the rest.
    """
    aucs, of_auc = _auc(scores, members)
    advantages, of_advantage = _advantage(cross_fitted_guesses(scores, members), members)
    resampled_auc = bootstrap.two_way_means(aucs, of_auc)
    auc = _within(bootstrap.interval(aucs.mean(), resampled_auc), 0.0)
    resampled = bootstrap.two_way_means(advantages, of_advantage)
    advantage = _within(bootstrap.interval(advantages.mean(), resampled), -1.0)
    balanced = Interval(*((1 + end) / 2 for end in vars(advantage).values()))
    roc = roc_curve(scores, members, bootstrap) if with_roc else {}
    mis = _mis(advantage)
    return AttackResult(auc, advantage, mis, balanced, roc, resampled, resampled_auc)


def _within(found: Interval, least: float) -> Interval:
    """Ends that the linear form of resampling has pushed beyond what a figure can be."""
    return Interval(*(float(np.clip(end, least, 1.0)) for end in vars(found).values()))


def security(advantage):
    """MIS = 1 - advantage; a negative advantage (worse than guessing) is no security beyond 1."""
    return np.clip(1 - advantage, 0.0, 1.0)


def mis_upper(results: Sequence[AttackResult], bootstrap: Bootstrap) -> float:
    """Upper confidence limit of MIS from several attacks together.

    One minus the largest lower limit of an advantage, each at the error divided by the number of
    attacks (Bonferroni), because the best of several is chosen after looking.
    """
    error = (1 - bootstrap.confidence) / len(results)
    lower = [bootstrap.lower(result.resampled, error) for result in results]
    return float(security(np.max(lower)))


def cross_fitted_guesses(scores: PerSample, members: Members) -> Members:
    """Who each run's attack calls a member, at the threshold that is best on the other folds' runs.

    Leave-one-out up to 20 runs, 20 folds beyond. Chosen and measured on the same run, noise
    alone would have an advantage.
    """
    n_runs, flat = len(scores), scores.ravel()
    order, vote_ends = _descending(flat)
    vote = np.where(members.ravel()[order], 1 / members.sum(), -1 / (~members).sum())
    fold = np.arange(n_runs) % min(n_runs, MAX_FOLDS)
    whose = np.repeat(fold.astype(np.int8), scores.shape[1])[order]
    guessed, curve = np.empty(scores.shape, bool), np.empty_like(vote)
    for held_out in range(min(n_runs, MAX_FOLDS)):
        np.multiply(vote, whose != held_out, out=curve)
        np.cumsum(curve, out=curve)
        best = _largest(curve, vote_ends)
        threshold = flat[order[best]] if curve[best] > 0 else np.inf
        mine = fold == held_out
        guessed[mine] = scores[mine] >= threshold
    return guessed


def _descending(flat: Float[np.ndarray, " scores"]):
    """Order, and where the last of equal ones stands, which fall on one side; None: nowhere."""
    order = np.argsort(-flat)
    value = flat[order]
    if (value[1:] != value[:-1]).all():
        return order, None
    order = np.argsort(-flat, kind="stable")  # slower: the order of equal ones is told
    value = flat[order]
    return order, np.flatnonzero(np.append(value[1:] != value[:-1], True))


def _largest(curve: Float[np.ndarray, " scores"], ends: Int[np.ndarray, " some"] | None) -> int:
    """Place of the largest value, of those that count."""
    return int(np.argmax(curve) if ends is None else ends[np.argmax(curve[ends])])


def mean_advantage(scores: PerSample, members: Members) -> float:
    """TPR - FPR at the cross-fitted threshold, mean over the runs."""
    return float(_advantage(cross_fitted_guesses(scores, members), members)[0].mean())


def mean_auc(scores: PerSample, members: Members) -> float:
    """ROC-AUC, mean over the runs: by rank sums (Mann and Whitney 1947)."""
    inside = members.sum(1)
    below = (rankdata(scores, axis=1) * members).sum(1) - inside * (inside + 1) / 2
    return float((below / (inside * (~members).sum(1))).mean())


def _advantage(guessed: Members, members: Members):
    """TPR - FPR of every run, and each sample's influence on their mean."""

    def of_runs(rows: slice):
        inside, outside = _share(members[rows]), _share(~members[rows])
        tpr = (guessed[rows] * inside).sum(1, keepdims=True)
        fpr = (guessed[rows] * outside).sum(1, keepdims=True)
        influence = (guessed[rows] - tpr) * inside - (guessed[rows] - fpr) * outside
        return (tpr - fpr)[:, 0], influence

    return _by_blocks(of_runs, members.shape)


def _auc(scores: PerSample, members: Members):
    """ROC-AUC of every run, and each sample's influence on their mean (DeLong et al. 1988)."""

    def of_runs(rows: slice):
        order = np.argsort(scores[rows], axis=1)
        ordered, mine = (np.take_along_axis(each[rows], order, 1) for each in (scores, members))
        others = ~mine
        # How many of the other kind score less than each; those that score the same count half.
        less = np.where(mine, *_less(ordered, others, mine))
        share = less / np.where(mine, others.sum(1, keepdims=True), mine.sum(1, keepdims=True))
        placement = np.empty(ordered.shape)
        np.put_along_axis(placement, order, np.where(mine, share, 1 - share), 1)
        inside, outside = _share(members[rows]), _share(~members[rows])
        auc = (placement * inside).sum(1, keepdims=True)
        return auc[:, 0], (placement - auc) * (inside + outside)

    return _by_blocks(of_runs, scores.shape)


def _by_blocks(
    of_runs: Callable[[slice], tuple[NDArray, NDArray]], shape: tuple[int, ...]
) -> tuple[NDArray, NDArray]:
    """A figure of every run, and each sample's influence on their mean, a few runs at a time."""
    figures, total = [], np.zeros(shape[1])
    for rows in blocks(shape):
        figure, influence = of_runs(rows)
        figures.append(figure)
        total += influence.sum(0)
    return np.concatenate(figures), total / shape[0] * shape[1]


def _less(ordered: PerSample, *counted: Members) -> Iterator[PerSample]:
    """How many of the counted values are less than each of a row's; equal ones count half."""
    runs, size = ordered.shape
    if (ordered[:, 1:] != ordered[:, :-1]).all():
        yield from (np.cumsum(each, axis=1) - each / 2 for each in counted)
        return
    begins = np.concatenate([np.ones((runs, 1), bool), ordered[:, 1:] != ordered[:, :-1]], axis=1)
    place = np.arange(size)
    first = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    ends = np.concatenate([begins[:, 1:], np.ones((runs, 1), bool)], axis=1)
    after = np.minimum.accumulate(np.where(ends, place + 1, size)[:, ::-1], axis=1)[:, ::-1]
    for each in counted:
        until = np.concatenate([np.zeros((runs, 1)), np.cumsum(each, axis=1)], axis=1)
        yield (np.take_along_axis(until, first, 1) + np.take_along_axis(until, after, 1)) / 2


def _share(chosen: Members) -> PerSample:
    """Weights that average over the samples chosen in a run."""
    return chosen / chosen.sum(1, keepdims=True)


def _mis(advantage: Interval) -> Interval:
    ends = (advantage.value, advantage.high, advantage.low)
    return Interval(*(float(security(end)) for end in ends))
