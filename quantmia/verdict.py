"""The conclusion in words, and what to know before believing it."""

from itertools import pairwise

import pandas as pd

SEPARATED = 0.95  # P(A more private than B) from which two quantizers count as told apart
MANY = 10_000  # runs; beyond, two quantizers are as good as equal
REGIME = 0.1  # best_is_last above it: training stopped before its minimum


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
) -> list[str]:
    """One sentence for everything that limits what the ranking says."""
    found = list(left_out)
    if diverged:
        found.append(
            f"{len(diverged)} runs diverged and were left out everywhere: {', '.join(diverged)}"
        )
    early = diagnostics[diagnostics["best_is_last"] > REGIME]["quantizer"]
    if len(early):
        found.append(
            f"training stopped before the minimum of the held-out loss for {', '.join(early)} "
            "(best_is_last > 0.1): their r_Q measures the optimiser's step; train longer"
        )
    value = correlation.set_index("statistic")["value"]
    for statistic in value.index[value.index.str.startswith("spearman_r_q_grid")]:
        if value[statistic] < 0.8:
            grid = statistic.split("_")[4]
            found.append(
                f"the ranking by r_Q depends on the checkpoint grid: Spearman "
                f"{value[statistic]:.2f} between keeping every checkpoint and one in {grid}"
            )
    halves = value["spearman_r_q_between_halves"]
    if halves < 0.8:
        found.append(
            f"the ranking by r_Q is unstable: Spearman {halves:.2f} between halves of the runs"
        )
    attack = correlation[(correlation["attack"] == trusted) & (correlation["value"] < 0.8)]
    if len(attack):
        found.append(
            f"r_Q and {trusted} disagree: Spearman {attack['value'].iloc[0]:.2f} < 0.8; "
            "trust the attack"
        )
    high = diagnostics["dominated_by_high_loss"].mean()
    if high > 0.5:
        found.append(
            f"in {high:.0%} of the runs sigma^2 comes from a checkpoint in the high-loss half, "
            "not from a low-loss model as the paper says"
        )
    destroyed = table[table["flags"].str.contains("utility_destroyed")]["quantizer"]
    found += [f"{name} predicts worse than the mean (R^2 < 0)" for name in destroyed]
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
