"""A lower bound on the epsilon of differential privacy, from guesses about members."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import beta

from quantmia.attacks.base import Attack, Members, Observed, PerSample

SHARES = (0.03, 0.1, 0.3, 1.0)  # of the pool that is guessed about


@dataclass(frozen=True)
class Guesses:
    """How many guesses were made, and how many were right, for every share of the pool.

    All models taken together are a single one here.
    """

    made: Int[np.ndarray, "shares models"]
    correct: Int[np.ndarray, "shares models"]

    def bound(self, confidence: float) -> dict[str, NDArray]:
        """The largest bound that one of the shares gives, each at a part of the error (Bonferroni).

        Args:
            confidence: that the bound holds.

        Returns:
            `guesses` and `correct` of that share, and `epsilon`, of each model.
        """
        epsilon = lower_bound(self.made, self.correct, (1 - confidence) / len(SHARES))
        best = np.argmax(epsilon, axis=0)[None]
        columns = {"guesses": self.made, "correct": self.correct, "epsilon": epsilon}
        return {name: np.take_along_axis(each, best, 0)[0] for name, each in columns.items()}


def of_each_model(scores: PerSample, members: Members) -> Guesses:
    """Guesses about every run's model by itself (Steinke, Nasr and Jagielski 2023, theorem 5.2).

    Their bound holds for delta = 0, where every sample was a member by a fair coin of its own. The
    other runs have coins of their own, so that what was learnt from them is prior knowledge. The
    highest scores are guessed members, as many of the lowest non-members.

    Args:
        scores: higher = member; a run's own row never depends on its own membership.
        members: by fair coins.
    """
    order = np.argsort(scores, axis=1, kind="stable")
    member = np.take_along_axis(members, order, axis=1)
    runs, pool = scores.shape
    halves = [min(max(1, round(share * pool / 2)), pool // 2) for share in SHARES]
    correct = [(~member[:, :half]).sum(1) + member[:, pool - half :].sum(1) for half in halves]
    return Guesses(np.tile(2 * np.array(halves)[:, None], runs), np.array(correct))


def of_all_models(attack: Attack, seen: Observed) -> Guesses:
    """Guesses about the training and quantization as such, from the models of all runs.

    A run's score uses the runs before it alone: then its guesses are independent trials given
    all that came before, and their successes add up. With scores from all other runs they would
    not, because the runs would share each other's luck. The first runs, which have too few before
    them, are left out.

    Args:
        attack: scores the runs.
        seen: its members by fair coins.
    """
    scores = attack.score(replace(seen, only_earlier=True))
    start = attack.min_runs - 1
    each = of_each_model(scores[start:], seen.members[start:])
    return Guesses(each.made.sum(1, keepdims=True), each.correct.sum(1, keepdims=True))


def epsilon_table(
    attacks: Mapping[str, Attack],
    scores: Mapping[str, PerSample],
    seen: Observed,
    confidence: float,
) -> pd.DataFrame:
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
    strict = 1 - (1 - confidence) / len(attacks)
    own, candidates = [], []
    for name, attack in attacks.items():
        found = {-1: of_all_models(attack, seen), 0: of_each_model(scores[name], seen.members)}
        for first, guesses in found.items():
            for level, label, rows in ((confidence, name, own), (strict, "any", candidates)):
                table = pd.DataFrame({"attack": label} | guesses.bound(level))
                table.insert(1, "run", np.arange(len(table)) + first)
                rows.append(table)
    best = pd.concat(candidates).sort_values("epsilon", ascending=False, kind="stable")
    best = best.drop_duplicates("run").sort_values("run")
    table = pd.concat([*own, best], ignore_index=True)
    table["run"] = table["run"].astype("Int64").mask(table["run"] < 0)
    return table


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
