"""A small ranking with every table, of numbers that were drawn."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from quantmia.files import write_json
from quantmia.pipeline import finished
from quantmia.ranking.conclusion import Conclusion
from quantmia.ranking.decision import Rule
from quantmia.ranking.results import Results
from quantmia.ranking.verdict import Caution
from quantmia.statistics import Interval

QUANTIZERS = ("sign", "uniform_4", "full_precision")
ATTACKS = ("loss_threshold", "lira_eb")


def spread(key: str, value: float, half: float = 0.05) -> dict[str, float]:
    return {key: value, f"{key}_low": value - half, f"{key}_high": value + half}


def results(
    names=QUANTIZERS,
    attacked: bool = True,
    metric: str = "r2",
    seed: int = 0,
    runs: int = 8,
    old: bool = False,
    front: bool = False,
    floor: float | None = None,
) -> Results:
    """Results whose quantizers are in the order of their AUC, which that of their MIS contradicts.

    Old ones are in the order of their MIS, which the AUC, in `attacks` alone, contradicts. With a
    front, what decides is the utility, or the MIS if one is given.
    """
    rng = np.random.default_rng(seed)
    attacks = ATTACKS if attacked else ()
    mis = np.sort(rng.uniform(0.3, 0.95, len(names)))
    auc = np.sort(rng.uniform(0.55, 0.9, len(names)))
    if old:
        mis, auc = mis[::-1], auc[::-1]
    utility = np.sort(rng.uniform(0.2, 0.8, len(names)))
    ranking, found, per_run, indicator, diagnostics = [], [], [], [], []
    for q, name in enumerate(names):
        row = {"quantizer": name, "bits": 1.0 + q, "sparsity": 0.0}
        row |= spread("r_q", 0.1 * (q + 1), 0.04) | spread("rank", q + 1.0, 1.0)
        row |= {"utility": 0.0, "utility_metric": metric, "runs": runs, "distinct_models": 20.0}
        for attack in attacks:
            weaker = 0.01 * (attack == "loss_threshold")
            of_auc, of_mis = auc[q] - weaker, mis[q] - weaker
            one = spread("auc", of_auc, 0.03) | spread("mis", of_mis)
            found.append({"quantizer": name, "attack": attack} | one)
            row |= {} if old else spread(f"auc_{attack}", of_auc, 0.03)
            row |= spread(f"mis_{attack}", of_mis)
        values = utility[q] + rng.normal(size=runs) * 0.02
        row["utility"] = values.mean()
        if attacks:
            row["mis_upper"] = mis[q] + 0.03
        ranking.append(row | {"flags": "before_minimum" if q == 0 else ""})
        for run, value in enumerate(values):
            per_run.append({"run": run, "quantizer": name, "metric": metric, "value": value})
            indicator.append({"run": run, "quantizer": name, "variant": "paper", "r": 0.1})
        diagnostics.append(
            {"quantizer": name, "best_is_last": 0.0, "r_q_grid_1": 0.1 * q, "r_q_grid_2": -0.1 * q}
        )
    pairs = [
        {"quantizer": a, "other": b, "p_r_q": 0.7}
        | {f"p_auc_{attack}": 0.98 for attack in attacks if not old}
        | {f"p_mis_{attack}": 0.98 if old else 0.02 for attack in attacks}
        | Interval(12, 6, 40).cells("runs_to_separate")
        for a, b in combinations(names, 2)
    ]
    correlation = [
        {"attack": attack, "statistic": "spearman"} | {"value": 0.5, "low": 0.1, "high": 0.9}
        for attack in attacks
    ]
    correlation.append(
        {"attack": "", "statistic": "spearman_r_q_between_halves", "value": 0.4}
        | {"low": np.nan, "high": np.nan}
    )
    rates = np.logspace(-3, 0, 7)
    roc = [
        {"quantizer": name, "attack": attack, "fpr": f, "tpr": f**0.5, "low": f**0.6, "high": 1.0}
        for name in names
        for attack in attacks
        for f in rates
    ]
    trajectory = [
        {"quantizer": name, "epoch": epoch} | spread("loss", 1 + (epoch - 6) ** 2 / 50 + q / 10)
        for q, name in enumerate(names)
        for epoch in range(1, 13)
    ]
    tables = {
        "ranking": pd.DataFrame(ranking),
        "indicator": pd.DataFrame(indicator),
        "attacks": pd.DataFrame(found),
        "utility": pd.DataFrame(per_run),
        "correlation": pd.DataFrame(correlation),
        "pairs": pd.DataFrame(pairs),
        "diagnostics": pd.DataFrame(diagnostics),
        "trajectory": pd.DataFrame(trajectory),
    } | ({"roc": pd.DataFrame(roc)} if attacks else {})
    if front:
        tables["front"] = releases(names)
    trusted = "lira_eb" if attacks else None
    return Results(
        tables=tables,
        conclusion=Conclusion.of(tables["ranking"], tables["pairs"], trusted, 0.95),
        cautions=[Caution("a limit", "what to do")],
        confidence=0.9,
        rule=Rule(0.05, floor) if front else None,
    )


def releases(names=QUANTIZERS, metric: str = "r2") -> pd.DataFrame:
    """A front: along the training the utility rises and the privacy falls, sign is useless."""
    rows = []
    for q, name in enumerate(names):
        for k, (checkpoint, epoch) in enumerate((("1", 1.0), ("best", 4.5), ("last", 12.0))):
            far = k + q / 10
            row = {"quantizer": name, "checkpoint": checkpoint, "epoch": epoch, "bits": 1.0 + q}
            row |= spread("utility", 0.3 if name == "sign" else 0.54 + 0.1 * k + 0.03 * q)
            row["utility_metric"] = metric
            for attack in ATTACKS:
                row |= spread(f"auc_{attack}", 0.55 + 0.1 * far, 0.02)
                row |= spread(f"mis_{attack}", 0.95 - 0.2 * far, 0.04)
            row |= {"mis_upper": 0.98 - 0.2 * far, "tpr_at_fpr_0.01": 0.02 + 0.05 * far}
            known = name != "full_precision"
            row |= spread("gain", 0.01 * k - 0.02 if known else np.nan, 0.03)
            row |= spread("saved", 0.2 - 0.2 * k)
            rows.append(row | {"on_front": int(name != "sign" or k == 0)})
    return pd.DataFrame(rows)


def write(folder: Path, **choices) -> Path:
    """The tables of a ranking in a folder of its own, with a manifest."""
    folder.mkdir(parents=True)
    finished.write(results(**choices), folder, [folder])
    manifest = {
        "state": "finished",
        "command": "quantmia run runs=8",
        "seed": 3,
        "device": "cpu",
        "threads": 2,
        "versions": {"quantmia": "0"},
        "config": {"runs": 8},
        "dataset": {
            "name": "mixture",
            "task": "regression",
            "samples": 200,
            "pool": 120,
            "validation": 80,
            "dropped": {"missing target": 3},
            "sha256": "0" * 64,
        },
    }
    write_json(folder / "manifest.json", manifest)
    return folder
