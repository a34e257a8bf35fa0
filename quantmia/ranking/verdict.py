"""The conclusion in words, and what to know before believing it."""

from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

SEPARATED = 0.95  # P(A more private than B) from which two quantizers count as told apart
MANY = 10_000  # runs; beyond, two quantizers are as good as equal
REGIME = 0.1  # best_is_last above it: training stopped before its minimum


@dataclass(frozen=True)
class Caution:
    """Something to know before believing a ranking.

    Args:
        text: what was found.
        advice: what it means, and what to do.
    """

    text: str
    advice: str

    def __str__(self) -> str:
        return self.text


def flags(table: pd.DataFrame, diagnostics: pd.DataFrame, trusted: str | None) -> list[str]:
    """Flags of every quantizer, separated by spaces.

    `pareto`: no other quantizer is at least as private (MIS) and as useful and better in one.
    `utility_destroyed`: R^2 below 0. `before_minimum`: best_is_last above 0.1.
    `undefined_runs`: r_Q was undefined in some runs.
    """
    found = []
    facts = diagnostics.to_dict("records")
    for (_, row), fact in zip(table.iterrows(), facts, strict=True):
        mine = []
        if trusted:
            mis, utility = table[f"mis_{trusted}"], table["utility"]
            as_good = (mis >= row[f"mis_{trusted}"]) & (utility >= row["utility"])
            better = (mis > row[f"mis_{trusted}"]) | (utility > row["utility"])
            if not (as_good & better).any():
                mine.append("pareto")
        if row["utility_metric"] == "r2" and row["utility"] < 0:
            mine.append("utility_destroyed")
        if fact["best_is_last"] > REGIME:
            mine.append("before_minimum")
        if fact["undefined_runs"] > 0:
            mine.append("undefined_runs")
        found.append(" ".join(mine))
    return found


def warn(
    table: pd.DataFrame,
    diagnostics: pd.DataFrame,
    correlation: pd.DataFrame,
    diverged: list[str],
    left_out: list[str],
    trusted: str | None,
) -> list[Caution]:
    """Everything that limits what the ranking says."""
    found = [Caution(text, "Train more runs to have its opinion too.") for text in left_out]
    if diverged:
        found.append(
            Caution(
                f"{len(diverged)} runs diverged and were left out everywhere: "
                f"{', '.join(diverged)}",
                "Lower training.lr: what is left is a selection of the runs.",
            )
        )
    early = diagnostics[diagnostics["best_is_last"] > REGIME]["quantizer"]
    if len(early):
        found.append(
            Caution(
                f"training stopped before the minimum of the held-out loss for {', '.join(early)} "
                "(best_is_last > 0.1): their r_Q measures the optimiser's step; train longer",
                "r_Q is about models near the minimum of the loss. Raise training.epochs until the "
                "held-out loss has turned up again.",
            )
        )
    found += _about_r_q(correlation.set_index("statistic")["value"])
    attack = correlation[(correlation["attack"] == trusted) & (correlation["value"] < 0.8)]
    if len(attack):
        found.append(
            Caution(
                f"r_Q and {trusted} disagree: Spearman {attack['value'].iloc[0]:.2f} < 0.8; "
                "trust the attack",
                "r_Q is an indicator, an attack is a demonstration: what it found has leaked.",
            )
        )
    high = diagnostics["dominated_by_high_loss"].mean()
    if high > 0.5:
        found.append(
            Caution(
                f"in {high:.0%} of the runs sigma^2 comes from a checkpoint in the high-loss half, "
                "not from a low-loss model as the paper says",
                "r_Q then compares the best model with one of the start of training. "
                "indicator=low_loss looks at the best models alone.",
            )
        )
    destroyed = table[table["flags"].str.contains("utility_destroyed")]["quantizer"]
    found += [
        Caution(
            f"{name} predicts worse than the mean (R^2 < 0)",
            "It leaks little because it says little: do not count it as private.",
        )
        for name in destroyed
    ]
    return found


def _about_r_q(value: pd.Series) -> list[Caution]:
    """Whether the ranking by r_Q depends on the checkpoint grid, or on which runs there are.

    Args:
        value: of every statistic, by its name.
    """
    found = []
    for statistic in value.index[value.index.str.startswith("spearman_r_q_grid")]:
        if value[statistic] < 0.8:
            grid = statistic.split("_")[4]
            found.append(
                Caution(
                    f"the ranking by r_Q depends on the checkpoint grid: Spearman "
                    f"{value[statistic]:.2f} between keeping every checkpoint and one in {grid}",
                    "r_Q compares the two best checkpoints, and how far apart these are is the "
                    "grid's doing. Report r_Q with its grid, and rank by an attack.",
                )
            )
    halves = value["spearman_r_q_between_halves"]
    if halves < 0.8:
        found.append(
            Caution(
                f"the ranking by r_Q is unstable: Spearman {halves:.2f} between halves of the runs",
                "Other runs would rank in another way. Train more runs, or rank by an attack.",
            )
        )
    return found


def answer(table: pd.DataFrame, pairs: pd.DataFrame, trusted: str | None) -> str:
    """Which quantizers leak least, what they cost, and which cannot be told apart."""
    key = f"mis_{trusted}" if trusted else "r_q"
    label = f"MIS by {trusted}" if trusted else "r_Q"
    top = table.iloc[0]
    p = pairs.set_index(["quantizer", "other"])[f"p_{key}"] if len(pairs) else pd.Series()
    ties = [
        other
        for other in table["quantizer"][1:]
        if not p.get((top["quantizer"], other), float("nan")) >= SEPARATED
    ]
    metric = {"r2": "R^2"}.get(top["utility_metric"], top["utility_metric"])
    text = f"{top['quantizer']} leaks least ({label} {top[key]:.3f}"
    if top[f"{key}_low"] == top[f"{key}_low"]:
        text += f" [{top[f'{key}_low']:.3f}, {top[f'{key}_high']:.3f}]"
    text += f") at {metric} {top['utility']:.3f}"
    reference = table[table["quantizer"] == "full_precision"]
    if len(reference) and top["quantizer"] != "full_precision":
        full = reference.iloc[0]
        text += f", against {full[key]:.3f} at {metric} {full['utility']:.3f} in full precision"
    if ties:
        text += f"; at {top['runs']} runs it cannot be told apart from {', '.join(ties)}"
    names = list(table["quantizer"])
    open_pairs = [
        f"{a} / {b}{_more_runs(pairs, a, b, int(top['runs']))}"
        for a, b in pairwise(names)
        if not max(p.get((a, b), float("nan")), 1 - p.get((a, b), float("nan"))) >= SEPARATED
    ]
    if open_pairs and top["runs"] > 1:
        text += f"; neighbours that cannot be told apart: {', '.join(open_pairs)}"
    return text + "."


def _more_runs(pairs: pd.DataFrame, a: str, b: str, runs: int) -> str:
    """How many more would separate the two, from the width of the interval."""
    if "runs_to_separate" not in pairs:
        return ""
    total = pairs.set_index(["quantizer", "other"])["runs_to_separate"][a, b]
    if not total < MANY:
        return f" (over {MANY} runs would)"
    return f" (about {max(int(total) - runs, 1)} more runs would)"
