"""From losses and scores to a ranking with its intervals, correlations and diagnostics."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quantmia.attacks.metrics import FALSE_POSITIVE_RATES, AttackResult, mis_upper, security
from quantmia.progress import Progress
from quantmia.ranking.audit import Audit, audit
from quantmia.ranking.evidence import Evidence, InputSource, collect, pooled_indicator
from quantmia.ranking.neighbours import runs_to_separate
from quantmia.ranking.verdict import Caution, answer, flags, warn
from quantmia.runs.merge import Merged
from quantmia.seeding import Purpose, stream
from quantmia.statistics import (
    Bootstrap,
    half_split_stability,
    mean_defined,
    ranks,
    spearman,
)
from quantmia.tasks import TASKS


@dataclass
class Results:
    """Everything a run concludes.

    Args:
        tables: by file name without ending: ranking, indicator, attacks, utility, correlation,
            pairs, diagnostics, trajectory, and where there are any roc and epsilon.
        answer: the conclusion in plain words.
        warnings: what a reader must know before believing it.
        missing: runs that are in none of the folders, in words.
        diverged: runs left out because their training diverged.
        trusted: the attack that orders the table; None without attacks.
        confidence: of every interval.
    """

    tables: dict[str, pd.DataFrame]
    answer: str
    warnings: list[Caution]
    missing: list[str]
    diverged: list[str]
    trusted: str | None
    confidence: float


def rank_runs(merged: Merged, progress: Progress, source: InputSource) -> Results:
    """Rank the quantizers over all runs of an experiment.

    Args:
        merged: where its runs are.
        progress: shows how far it is.
        source: called if an attack wants what the run files do not hold.

    Raises:
        FolderError: a run is missing or damaged.
        QuantmiaError: every run diverged.
    """
    config, names = merged.config, merged.quantizers
    found = collect(merged.runs, names, config["indicator"], progress)
    n_runs, settings = len(found.meta), config["ranking"]
    bootstrap = Bootstrap(
        n_runs,
        settings["bootstrap"],
        settings["confidence"],
        stream(config["seed"], Purpose.BOOTSTRAP),
    )
    variant = config["indicator"]["variant"]
    r = found.per_run(names, "paper" if variant == "pooled" else variant)
    if variant == "pooled":
        r_q, resampled = pooled_indicator(found, names), np.full((len(names), 1), np.nan)
    else:
        r_q, resampled = mean_defined(r), bootstrap.means(r)
    audited = audit(found, config, bootstrap, progress, source)
    attacks, trusted = audited.results, audited.trusted
    utility, metric = _utility(found, names)
    table = _ranking(found, names, r_q, resampled, bootstrap, attacks, utility, metric)
    diagnostics = _diagnostics(found, names, r)
    table["flags"] = flags(table, diagnostics, trusted)
    by = f"mis_{trusted}" if trusted else "r_q"
    table = table.sort_values(by, ascending=False, kind="stable", ignore_index=True)
    if len(audited.epsilon):
        bound = audited.epsilon[
            (audited.epsilon["attack"] == "any") & audited.epsilon["run"].isna()
        ]
        table["epsilon"] = table["quantizer"].map(bound.set_index("quantizer")["epsilon"])
    pairs = _pairs(table, names, resampled, audited, bootstrap)
    stability = half_split_stability(r, settings["halves"], stream(config["seed"], Purpose.HALVES))
    correlation = _correlation(names, r_q, resampled, attacks, bootstrap, found, r, stability)
    tables = {
        "ranking": table,
        "indicator": found.indicator,
        "attacks": _attack_table(names, attacks),
        "utility": _utility_table(found, names),
        "correlation": correlation,
        "pairs": pairs,
        "diagnostics": diagnostics,
        "trajectory": _trajectory(found, list(table["quantizer"]), bootstrap, config["training"]),
    }
    extra = {"roc": audited.roc, "epsilon": audited.epsilon}
    tables |= {name: each for name, each in extra.items() if len(each)}
    warnings = [
        *[Caution(note, "Complete the folders to rank all runs.") for note in merged.notes],
        *_dropped(merged.dataset),
        *warn(table, diagnostics, correlation, found.diverged, audited.left_out, trusted),
    ]
    said = answer(table, pairs, trusted)
    return Results(
        tables, said, warnings, merged.notes, found.diverged, trusted, bootstrap.confidence
    )


def _utility(found: Evidence, names: list[str]) -> tuple[np.ndarray, str]:
    metric = TASKS[found.meta[0]["task"]].utility_metric
    values = [[m["quantizers"][name]["utility"][metric] for m in found.meta] for name in names]
    return np.array(values), metric


def _utility_table(found: Evidence, names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"run": run, "quantizer": name, "metric": metric, "value": value}
            for run, meta in enumerate(found.meta)
            for name in names
            for metric, value in meta["quantizers"][name]["utility"].items()
        ]
    )


def _ranking(
    found, names, r_q, resampled, bootstrap: Bootstrap, attacks, utility, metric
) -> pd.DataFrame:
    rank, resampled_ranks = ranks(r_q), ranks(resampled)
    distinct = found.indicator[found.indicator["variant"] == "paper"].groupby("quantizer")
    rows = []
    for q, name in enumerate(names):
        facts = [meta["quantizers"][name] for meta in found.meta]
        row = {
            "quantizer": name,
            "bits": facts[0]["bits"],
            "sparsity": float(np.mean([fact["sparsity"] for fact in facts])),
        }
        row |= bootstrap.interval(r_q[q], resampled[q]).cells("r_q")
        defined = np.isfinite(resampled).any()
        ranked = resampled_ranks[q] if defined else np.array([np.nan])
        row |= bootstrap.interval(rank[q], ranked).cells("rank")
        row |= {
            "utility": float(utility[q].mean()),
            "utility_metric": metric,
            "runs": len(found.meta),
            "distinct_models": float(distinct["distinct"].mean()[name]),
        }
        for attack, results in attacks.items():
            row |= results[name].mis.cells(f"mis_{attack}")
        if attacks:
            row["mis_upper"] = mis_upper([each[name] for each in attacks.values()], bootstrap)
        rows.append(row)
    return pd.DataFrame(rows)


def _attack_table(names: list[str], attacks) -> pd.DataFrame:
    rows = []
    for attack, results in attacks.items():
        for name in names:
            each: AttackResult = results[name]
            row = {"quantizer": name, "attack": attack}
            for key in ("auc", "advantage", "mis", "balanced_accuracy"):
                row |= getattr(each, key).cells(key)
            for rate in FALSE_POSITIVE_RATES:
                row |= each.roc[rate].cells(f"tpr_at_fpr_{rate}")
            rows.append(row)
    return pd.DataFrame(rows)


def _diagnostics(found: Evidence, names: list[str], r: np.ndarray) -> pd.DataFrame:
    paper = found.indicator[found.indicator["variant"] == "paper"]
    rows = []
    for q, name in enumerate(names):
        mine = paper[(paper["quantizer"] == name) & (paper["dominating_position"] > 0)]
        high_loss = mine["dominating_position"] > (mine["distinct"] + 1) / 2
        row = {
            "quantizer": name,
            "best_is_last": float(found.best_is_last[q].mean()),
            "dominated_by_high_loss": float(high_loss.mean()) if len(mine) else np.nan,
            "undefined_runs": int((~np.isfinite(r[q])).sum()),
        }
        row |= {f"r_q_grid_{g}": float(mean_defined(v[q])) for g, v in found.grids.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def _pairs(table, names, resampled, audited: Audit, bootstrap: Bootstrap) -> pd.DataFrame:
    """P(A more private than B) over the resamples, for every pair in the table's order.

    And how many runs in all would tell the two apart by the trusted attack.
    """
    attacks, trusted = audited.results, audited.trusted
    position = {name: q for q, name in enumerate(names)}
    by = {"r_q": resampled}
    for attack, results in attacks.items():
        by[f"mis_{attack}"] = -np.stack([results[name].resampled for name in names])
    rows = []
    order_shown = list(table["quantizer"])
    for i, a in enumerate(order_shown):
        for b in order_shown[i + 1 :]:
            row: dict[str, Any] = {"quantizer": a, "other": b}
            for key, values in by.items():
                mine, other = values[position[a]], values[position[b]]
                defined = np.isfinite(mine + other) & (bootstrap.runs > 1)
                wins = np.where(mine == other, 0.5, mine > other)[defined]
                row[f"p_{key}"] = float(wins.mean()) if defined.any() else np.nan
            if trusted:
                ours, theirs = (attacks[trusted][name] for name in (a, b))
                row["runs_to_separate"] = runs_to_separate(
                    ours.advantage.value - theirs.advantage.value,
                    ours.resampled - theirs.resampled,
                    bootstrap.runs,
                    bootstrap.confidence,
                )
            rows.append(row)
    return pd.DataFrame(rows)


def _correlation(
    names, r_q, resampled, attacks, bootstrap: Bootstrap, found: Evidence, r, stability
) -> pd.DataFrame:
    common = {"quantizers": len(names), "runs": bootstrap.runs}
    rows = []
    for attack, results in attacks.items():
        mis = np.array([results[name].mis.value for name in names])
        value = spearman(r_q, mis)
        again = spearman(resampled, security(np.stack([results[n].resampled for n in names])))
        spread = vars(bootstrap.interval(float(value), np.atleast_1d(again)))
        rows.append({"attack": attack, "statistic": "spearman"} | spread | common)
    finest = min(found.grids)
    reference, reference_again = (f(found.grids[finest]) for f in (mean_defined, bootstrap.means))
    for every, values in found.grids.items():
        if every != finest:
            value = spearman(reference, mean_defined(values))
            again = spearman(reference_again, bootstrap.means(values))
            spread = vars(bootstrap.interval(float(value), again))
            statistic = f"spearman_r_q_grid_{every}_with_grid_{finest}"
            rows.append({"attack": "", "statistic": statistic} | spread | common)
    halves = {"value": stability, "low": np.nan, "high": np.nan}
    rows.append({"attack": "", "statistic": "spearman_r_q_between_halves"} | halves | common)
    return pd.DataFrame(rows)


def _trajectory(
    found: Evidence, names: list[str], bootstrap: Bootstrap, training: dict[str, Any]
) -> pd.DataFrame:
    """Mean held-out loss of every checkpoint, over the runs."""
    rows = []
    for name in names:
        losses = np.stack(found.means[name], axis=1)  # checkpoints, runs
        epochs = (np.arange(len(losses)) + 1) * training["checkpoint_every"]
        for epoch, value, again in zip(
            epochs, mean_defined(losses), bootstrap.means(losses), strict=True
        ):
            spread = bootstrap.interval(float(value), again).cells("loss")
            rows.append({"quantizer": name, "epoch": epoch} | spread)
    return pd.DataFrame(rows)


def _dropped(dataset: dict[str, Any]) -> list[Caution]:
    """What was not used of the source, if there is anything."""
    reasons = dataset["dropped"]
    if not reasons:
        return []
    total = sum(reasons.values())
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    return [
        Caution(
            f"{total} of {total + dataset['samples']} rows were dropped ({listed}): dropped.csv",
            "The ranking is about the others. A row that occurs twice would be member and "
            "non-member at once, and spoil the attacks.",
        )
    ]
