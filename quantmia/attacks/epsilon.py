"""A lower bound on the epsilon of differential privacy, from guesses about members."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import beta

from quantmia.attacks.base import Attack, Members, Observed, PerSample

SHARES = (0.03, 0.1, 0.3, 1.0)  # of the pool that is guessed about


@dataclass(frozen=True)
class EpsilonBound:
    """Guesses and the bound that they allow, for the choice of share that allows most.

    Args:
        guesses: how many.
        correct: how many of them were right.
        epsilon: at least so large, at the confidence asked for.
    """

    guesses: Int[np.ndarray, "*some"]
    correct: Int[np.ndarray, "*some"]
    epsilon: Float[np.ndarray, "*some"]


def of_each_model(scores: PerSample, members: Members, confidence: float) -> EpsilonBound:
    """A bound for every run's model by itself (Steinke, Nasr and Jagielski 2023, theorem 5.2).

    Holds for delta = 0, where every sample was a member by a fair coin of its own. The other runs
    have coins of their own, so that what was learnt from them is no more than prior knowledge.

    Args:
        scores: higher = member; a run's own row never depends on its own membership.
        members: by fair coins.
        confidence: that a bound holds.
    """
    guesses, correct = _guess(scores, members)
    return _best(guesses, correct, confidence)


def of_all_models(
    attack: Attack, seen: Observed, confidence: float, first: int | None = None
) -> EpsilonBound:
    """A bound for the training and quantization as such, from the models of all runs.

    A run's score uses the runs before it alone: then its guesses are independent trials given
    all that came before, and their successes add up. With scores from all other runs they would
    not, because the runs would share each other's luck.

    Args:
        attack: scores the runs.
        seen: its members by fair coins.
        confidence: that the bound holds.
        first: first run that is guessed about (default: the first that has enough before it).
    """
    scores = attack.score(replace(seen, only_earlier=True))
    start = attack.min_runs - 1 if first is None else first
    guesses, correct = _guess(scores[start:], seen.members[start:])
    return _best(guesses.sum(1), correct.sum(1), confidence)


def epsilon_table(
    attacks: Mapping[str, Attack],
    scores: Mapping[str, PerSample],
    seen: Observed,
    confidence: float,
) -> list[dict[str, Any]]:
    """Bounds by every attack, and by the best of them with the error divided among them.

    Args:
        attacks: by name.
        scores: of each attack, from all other runs.
        seen: what they were given; members by fair coins.
        confidence: that a row's bound holds.

    Returns:
        Rows `attack, run, guesses, correct, epsilon`: `attack` is `any` for the best of all, whose
        row says what that one guessed; `run` is missing where the bound is of all models.
    """
    rows: list[dict[str, Any]] = []
    best: dict[int | None, dict[str, Any]] = {}
    for name, attack in attacks.items():
        rows += [{"attack": name} | row for row in _rows(attack, scores[name], seen, confidence)]
        strict = 1 - (1 - confidence) / len(attacks)
        for row in _rows(attack, scores[name], seen, strict):
            if row["epsilon"] > best.get(row["run"], {"epsilon": -1})["epsilon"]:
                best[row["run"]] = row
    return rows + [{"attack": "any"} | row for row in best.values()]


def _rows(attack: Attack, scores: PerSample, seen: Observed, confidence: float):
    whole = of_all_models(attack, seen, confidence)
    each = of_each_model(scores, seen.members, confidence)
    columns = [np.append(whole.guesses, each.guesses), np.append(whole.correct, each.correct)]
    columns.append(np.append(whole.epsilon, each.epsilon))
    for run, (guesses, correct, epsilon) in enumerate(zip(*columns, strict=True), start=-1):
        yield {
            "run": None if run < 0 else run,
            "guesses": int(guesses),
            "correct": int(correct),
            "epsilon": float(epsilon),
        }


def lower_bound(
    guesses: Int[np.ndarray, "*some"], correct: Int[np.ndarray, "*some"], error: float
) -> NDArray[np.float64]:
    """The epsilon below which so many correct guesses would have had probability `error` or less.

    Correct guesses are dominated by Binomial(guesses, e^epsilon / (1 + e^epsilon)); this inverts
    its tail (Clopper and Pearson 1934).
    """
    accuracy = np.where(
        correct > 0, beta.ppf(error, np.maximum(correct, 1), guesses - correct + 1), 0
    )
    return np.asarray(logit(np.maximum(accuracy, 0.5)))


def _guess(
    scores: PerSample, members: Members
) -> tuple[Int[np.ndarray, "shares runs"], Int[np.ndarray, "shares runs"]]:
    """The highest scores are guessed members, as many of the lowest non-members."""
    order = np.argsort(scores, axis=1, kind="stable")
    member = np.take_along_axis(members, order, axis=1)
    runs, pool = scores.shape
    halves = [max(1, round(share * pool / 2)) for share in SHARES]
    halves = [min(half, pool // 2) for half in halves]
    correct = [(~member[:, :half]).sum(1) + member[:, pool - half :].sum(1) for half in halves]
    return np.tile(2 * np.array(halves)[:, None], runs), np.array(correct)


def _best(guesses: NDArray, correct: NDArray, confidence: float) -> EpsilonBound:
    """The best of the shares, each at a part of the error (Bonferroni)."""
    bounds = lower_bound(guesses, correct, (1 - confidence) / len(SHARES))
    best = np.argmax(bounds, axis=0)[None]
    chosen = (np.take_along_axis(each, best, 0)[0] for each in (guesses, correct, bounds))
    return EpsilonBound(*(np.asarray(each) for each in chosen))
