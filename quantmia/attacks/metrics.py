"""How well an attack did, with intervals over runs."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from quantmia.attacks.base import PerSample
from quantmia.statistics import Bootstrap, Interval
from quantmia.tasks import roc_auc

FALSE_POSITIVE_RATES = (0.01, 0.001)
MAX_FOLDS = 20
BLOCK = 1024  # scores at once, bounds memory

Members = Bool[np.ndarray, "runs pool"]


@dataclass(frozen=True)
class AttackResult:
    """Figures of one attack on one quantizer.

    Args:
        auc: mean over the attacked models of their ROC-AUC.
        advantage: mean of TPR - FPR at a threshold chosen on other runs.
        mis: 1 - advantage, within [0, 1]: an upper bound of the membership inference security.
        tpr: by false positive rate, over the scores of all runs; NaN where not resolvable.
        advantages: of every run.
    """

    auc: Interval
    advantage: Interval
    mis: Interval
    tpr: dict[float, Interval]
    advantages: Float[np.ndarray, " runs"]


def assess(scores: PerSample, members: Members, bootstrap: Bootstrap) -> AttackResult:
    """All figures of an attack's scores (higher = member)."""
    aucs = roc_auc(scores, members)
    advantages = cross_fitted_advantage(scores, members)
    auc = bootstrap.interval(aucs.mean(), bootstrap.means(aucs))
    advantage = bootstrap.interval(advantages.mean(), bootstrap.means(advantages))
    return AttackResult(
        auc, advantage, _mis(advantage), _tpr(scores, members, bootstrap), advantages
    )


def security(advantage):
    """MIS = 1 - advantage; a negative advantage (worse than guessing) is no security beyond 1."""
    return np.clip(1 - advantage, 0.0, 1.0)


def cross_fitted_advantage(scores: PerSample, members: Members) -> Float[np.ndarray, " runs"]:
    """TPR - FPR of every run at the threshold that is best on the runs of the other folds.

    Leave-one-out up to 20 runs, 20 folds beyond. Chosen and measured on the same run, noise
    alone would have an advantage.
    """
    n_runs = len(scores)
    order = np.argsort(-scores, axis=None, kind="stable")
    value, member = scores.ravel()[order], members.ravel()[order]
    run = order // scores.shape[1]
    vote_ends = np.append(value[1:] != value[:-1], True)  # equal scores fall on one side together
    vote = np.where(member, 1 / members.sum(), -1 / (~members).sum())
    fold = np.arange(n_runs) % min(n_runs, MAX_FOLDS)
    advantages = np.empty(n_runs)
    for held_out in range(fold.max() + 1):
        curve = np.cumsum(np.where(fold[run] == held_out, 0.0, vote))[vote_ends]
        best = int(np.argmax(curve))
        threshold = value[vote_ends][best] if curve[best] > 0 else np.inf
        mine = fold == held_out
        guessed = scores[mine] >= threshold
        inside, outside = members[mine], ~members[mine]
        advantages[mine] = (guessed & inside).sum(1) / inside.sum(1) - (guessed & outside).sum(
            1
        ) / outside.sum(1)
    return advantages


def _mis(advantage: Interval) -> Interval:
    ends = (advantage.value, advantage.high, advantage.low)
    return Interval(*(float(security(end)) for end in ends))


def _tpr(scores: PerSample, members: Members, bootstrap: Bootstrap) -> dict[float, Interval]:
    """TPR at low FPR over the scores of all runs together; every run has as many of each kind."""
    order = np.argsort(-scores, axis=None, kind="stable")
    value, member = scores.ravel()[order], members.ravel()[order]
    run = order // scores.shape[1]
    ends = np.append(value[1:] != value[:-1], True)
    n_pos, n_neg = members.sum(), (~members).sum()
    weights = np.vstack([np.ones(bootstrap.runs), bootstrap.weights])
    found = {}
    for rate in FALSE_POSITIVE_RATES:
        allowed = rate * n_neg
        if allowed < 1:
            found[rate] = Interval(np.nan, np.nan, np.nan)
            continue
        rates = _tpr_at(weights, run, member, ends, allowed) / n_pos
        found[rate] = bootstrap.interval(rates[0], rates[1:])
    return found


def _tpr_at(weights, run, member, ends, allowed) -> Float[np.ndarray, " resamples"]:
    """Weighted true positives at the last threshold with at most `allowed` false positives."""
    resamples = len(weights)
    false, true, found = np.zeros(resamples), np.zeros(resamples), np.zeros(resamples)
    for start in range(0, len(run), BLOCK):
        part = slice(start, start + BLOCK)
        weight, inside, end = weights[:, run[part]], member[part], ends[part]
        false_positives = false[:, None] + np.cumsum(np.where(inside, 0.0, weight), axis=1)
        true_positives = true[:, None] + np.cumsum(np.where(inside, weight, 0.0), axis=1)
        within = (false_positives[:, end] <= allowed).sum(1)
        some = within > 0
        found[some] = true_positives[:, end][some, within[some] - 1]
        false, true = false_positives[:, -1], true_positives[:, -1]
        if (false > allowed).all():
            break
    return found
