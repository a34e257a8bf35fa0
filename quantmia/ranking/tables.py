"""The tables of a ranking, each made of facts of the runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from quantmia.attacks.metrics import FALSE_POSITIVE_RATES, AttackResult, mis_upper
from quantmia.ranking.audit import Audit
from quantmia.ranking.evidence import Evidence
from quantmia.ranking.indicated import Indicated
from quantmia.ranking.neighbours import runs_to_separate
from quantmia.statistics import Bootstrap, Interval, mean_defined, ranks
from quantmia.tasks import TASKS

SIGNIFICANT = 1.96  # standard errors
GRID = "r_q_grid_"  # begins the columns of r_Q on coarser checkpoint grids
AttackResults = Mapping[str, Mapping[str, AttackResult]]  # by attack and quantizer


def ranking(
    found: Evidence,
    names: Sequence[str],
    indicated: Indicated | None,
    attacks: AttackResults,
    bootstrap: Bootstrap,
) -> pd.DataFrame:
    """One row a quantizer, in the order of the configuration.

    Args:
        found: the runs.
        names: the quantizers.
        indicated: r_Q of those that have it; None where there are no losses.
        attacks: what they found.
        bootstrap: of the runs.
    """
    metric = TASKS[found.meta[0]["task"]].utility_metric
    of_r_q = _of_r_q(found, indicated, bootstrap) if indicated else {}
    rows = []
    for name in names:
        facts = [meta["quantizers"][name] for meta in found.meta]
        row: dict[str, Any] = {
            "quantizer": name,
            "bits": facts[0]["bits"],
            "sparsity": float(np.mean([fact["sparsity"] for fact in facts])),
        }
        row |= of_r_q.get(name, {})
        row |= {
            "utility": float(np.array([fact["utility"][metric] for fact in facts]).mean()),
            "utility_metric": metric,
            "runs": len(found.meta),
        }
        row |= _distinct(found, name) if name in of_r_q else {}
        for attack, results in attacks.items():
            row |= results[name].auc.cells(f"auc_{attack}")
            row |= results[name].mis.cells(f"mis_{attack}")
        if attacks:
            row["mis_upper"] = mis_upper([each[name] for each in attacks.values()], bootstrap)
        rows.append(row)
    return pd.DataFrame(rows)


def _of_r_q(
    found: Evidence, indicated: Indicated, bootstrap: Bootstrap
) -> dict[str, dict[str, float]]:
    """What a ranking says of the indicator, by quantizer."""
    rank, resampled_ranks = ranks(indicated.r_q), ranks(indicated.resampled)
    defined = np.isfinite(indicated.resampled).any()
    cells = {}
    for q, name in enumerate(indicated.names):
        # A few runs make the mean, so that no interval of it covers; that of the median does.
        row = Interval(float(indicated.r_q[q]), np.nan, np.nan).cells("r_q")
        row |= indicated.medians[q].cells("r_q_median")
        row["n_r_q"] = float(found.members.mean() * indicated.r_q[q])
        ranked = resampled_ranks[q] if defined else np.array([np.nan])
        cells[name] = row | bootstrap.interval(rank[q], ranked).cells("rank")
    return cells


def _distinct(found: Evidence, name: str) -> dict[str, float]:
    """Of how many different models a trajectory is, in the mean."""
    of_name = (found.indicator["variant"] == "paper") & (found.indicator["quantizer"] == name)
    return {"distinct_models": float(found.indicator.loc[of_name, "distinct"].mean())}


def attacks(names: Sequence[str], audited: Audit) -> pd.DataFrame:
    """Every figure of every attack on every quantizer.

    Args:
        names: the quantizers.
        audited: what the attacks found.
    """
    rows = []
    for attack, found in audited.results.items():
        for name in names:
            row: dict[str, Any] = {"quantizer": name, "attack": attack}
            for key in ("auc", "advantage", "mis", "balanced_accuracy"):
                row |= getattr(found[name], key).cells(key)
            for rate in FALSE_POSITIVE_RATES:
                row |= found[name].roc[rate].cells(f"tpr_at_fpr_{rate}")
            row |= audited.without[attack][name].cells()
            rows.append(row)
    return pd.DataFrame(rows)


def attacks_of(table: pd.DataFrame) -> list[str]:
    """The attacks of a ranking, in its order.

    Args:
        table: of a ranking or a front, with columns `mis_<attack>` and their intervals.
    """
    names = [c.removeprefix("mis_") for c in map(str, table) if c.startswith("mis_")]
    return [name for name in names if f"mis_{name}_low" in table]


def utility(found: Evidence, names: Sequence[str]) -> pd.DataFrame:
    """Figures of merit, one row a run, quantizer and metric.

    Args:
        found: the runs.
        names: the quantizers.
    """
    return pd.DataFrame(
        [
            {"run": run, "quantizer": name, "metric": metric, "value": value}
            for run, meta in enumerate(found.meta)
            for name in names
            for metric, value in meta["quantizers"][name]["utility"].items()
        ]
    )


def diagnostics(found: Evidence, per_run: Float[np.ndarray, "quantizers runs"]) -> pd.DataFrame:
    """Signs that r_Q is not to be trusted, one row a quantizer that has it.

    Args:
        found: the runs.
        per_run: r of every run.
    """
    paper = found.indicator[found.indicator["variant"] == "paper"]
    rows = []
    for q, name in enumerate(found.names):
        mine = paper[(paper["quantizer"] == name) & (paper["dominating_position"] > 0)]
        many = len(found.means[name][0]) > 1  # of a single checkpoint none is the best
        high_loss = mine["dominating_position"] > (mine["distinct"] + 1) / 2
        row: dict[str, Any] = {
            "quantizer": name,
            "best_is_last": float(found.best_is_last[q].mean()) if many else np.nan,
            "dominated_by_high_loss": float(high_loss.mean()) if len(mine) else np.nan,
            "undefined_runs": int((~np.isfinite(per_run[q])).sum()),
            "gap_z": float(pd.Series(found.gap_z[q]).median()),
            "gap_significant": float((found.gap_z[q] > SIGNIFICANT).mean()),
            "halves_correlation": _log_correlation(*found.halves[:, q]),
        }
        row |= {f"{GRID}{g}": float(mean_defined(v[q])) for g, v in found.grids.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def _log_correlation(one: Float[np.ndarray, " runs"], other: Float[np.ndarray, " runs"]) -> float:
    """Pearson's correlation of the logarithms; NaN for fewer than 4 runs where both are defined."""
    both = (one > 0) & (other > 0) & np.isfinite(one + other)
    if both.sum() < 4:
        return np.nan
    a, b = np.log(one[both]), np.log(other[both])
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else np.nan


def r_q_on_grids(diagnostics: pd.DataFrame) -> dict[int, pd.Series]:
    """r_Q of every quantizer, by how many checkpoints one is kept of.

    Args:
        diagnostics: the table.
    """
    columns = [each for each in map(str, diagnostics) if each.startswith(GRID)]
    return {int(each.removeprefix(GRID)): diagnostics[each] for each in columns}


def pairs(
    order: Sequence[str],
    names: Sequence[str],
    indicated: Indicated | None,
    audited: Audit,
    bootstrap: Bootstrap,
) -> pd.DataFrame:
    """P(A more private than B) over the resamples, for every pair in the ranking's order.

    And how many runs in all would tell the two apart by the AUC of the trusted attack.

    Args:
        order: the quantizers as the ranking has them.
        names: the same as the configuration has them.
        indicated: r_Q of those that have it; None where there are no losses.
        audited: what the attacks found.
        bootstrap: of the runs.
    """
    position = {name: q for q, name in enumerate(names)}
    by = {"r_q": indicated.among(names)} if indicated else {}
    for attack, results in audited.results.items():
        mine = [results[name] for name in names]
        by[f"auc_{attack}"] = -np.stack([each.resampled_auc for each in mine])
        by[f"mis_{attack}"] = -np.stack([each.resampled for each in mine])
    rows = []
    for i, a in enumerate(order):
        for b in order[i + 1 :]:
            row: dict[str, Any] = {"quantizer": a, "other": b}
            for key, values in by.items():
                mine, other = values[position[a]], values[position[b]]
                defined = np.isfinite(mine + other) & (bootstrap.runs > 1)
                wins = np.where(mine == other, 0.5, mine > other)[defined]
                row[f"p_{key}"] = float(wins.mean()) if defined.any() else np.nan
            if audited.trusted:
                ours, theirs = (audited.results[audited.trusted][name] for name in (a, b))
                row |= runs_to_separate(
                    ours.auc.value - theirs.auc.value,
                    ours.resampled_auc - theirs.resampled_auc,
                    bootstrap.runs,
                    bootstrap.confidence,
                ).cells("runs_to_separate")
            rows.append(row)
    return pd.DataFrame(rows)


def trajectory(
    found: Evidence, order: Sequence[str], epochs: Sequence[int], bootstrap: Bootstrap
) -> pd.DataFrame:
    """Mean held-out loss of every checkpoint, over the runs, of quantizers that have r_Q.

    Args:
        found: the runs.
        order: the quantizers as the ranking has them.
        epochs: of the checkpoints.
        bootstrap: of the runs.
    """
    rows = []
    for name in (each for each in order if each in found.means):
        losses = np.stack(found.means[name], axis=1)  # checkpoints, runs
        for epoch, value, again in zip(
            epochs[-len(losses) :], mean_defined(losses), bootstrap.means(losses), strict=True
        ):
            spread = bootstrap.interval(float(value), again).cells("loss")
            rows.append({"quantizer": name, "epoch": epoch} | spread)
    return pd.DataFrame(rows)


def bound_of_all(ranking: pd.DataFrame, epsilon: pd.DataFrame) -> pd.Series:
    """Lower bound on epsilon from the models of all runs by the best attack, in a ranking's order.

    Args:
        ranking: the quantizers.
        epsilon: bounds by attack and run.
    """
    bound = epsilon[(epsilon["attack"] == "any") & epsilon["run"].isna()]
    return ranking["quantizer"].map(bound.set_index("quantizer")["epsilon"])
