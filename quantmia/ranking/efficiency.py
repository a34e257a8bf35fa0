"""How many runs each estimator needs before its ranking is that of many runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config

from quantmia.attacks import Attack, Observed
from quantmia.attacks.metrics import mean_advantage, mean_auc
from quantmia.errors import QuantmiaError
from quantmia.experiment import Audited
from quantmia.ranking.audit import absent_of, reads
from quantmia.ranking.evidence import PER_RUN, collect
from quantmia.ranking.observer import Observer
from quantmia.runs.merge import Merged
from quantmia.seeding import Purpose, stream
from quantmia.statistics import mean_defined, spearman

COUNTS = (4, 8, 12, 20, 40, 80, 150)
LEVELS = (0.8, 0.9, 0.95)
SETTLED = 0.02  # of MIS


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Numbers of runs to compare, and what they are compared with.

    Args:
        counts: numbers of runs to try.
        draws: random subsets of each size.
        reference: the attack that ranks on the reference runs.
        reference_runs: how many runs it gets; None: half of them.
        seed: draws which runs are references, and the subsets.
    """

    counts: Sequence[int] = COUNTS
    draws: int = 50
    reference: str = "lira"
    reference_runs: int | None = None
    seed: int = 0


def efficiency(
    merged: Merged, budget: Budget, experiment: Audited
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Agreement of every estimator with the reference ranking, and MIS, by number of runs.

    The reference is ranked on runs that no estimator sees. Every estimator ranks on the same
    random subsets of the other runs.

    Args:
        merged: an experiment with many runs.
        budget: numbers of runs to compare.
        experiment: that of the runs.

    Returns:
        The agreement, one row an estimator and number of runs: `estimator` (`auc_<attack>`,
        `mis_<attack>`, `r_q_<variant>`), `runs, spearman` (mean over the draws), `low, high` (2.5
        and 97.5 % of the draws), `draws` and `disjoint`, how many subsets of that size are
        disjoint: where it is 1, all draws share most of their runs and the spread is too small.
        And the MIS, one row an attack, quantizer and number of runs: `attack, quantizer, runs, mis`
        (mean), `low, high, draws`; the last number is all runs.

    Raises:
        FolderError: a run is missing or damaged.
        QuantmiaError: too few runs, fewer than 3 quantizers, or an unknown reference.
    """
    names, absent = merged.quantizers, absent_of(experiment)
    attacks = {name: each for name, each in experiment.attacks.items() if not reads(each, absent)}
    if budget.reference not in attacks:
        raise QuantmiaError(
            f"reference={budget.reference}: not among the attacks of the folder "
            f"({', '.join(attacks) or 'none'})."
        )
    if len(names) < 3:
        raise QuantmiaError(f"a rank correlation needs 3 quantizers, the folder has {len(names)}.")
    measured = [] if "population" in absent else names
    found = collect(merged.runs, measured, merged.config.indicator, experiment.progress)
    reference_runs, rest = _apart(len(found.meta), budget, attacks[budget.reference])
    subsets = list(_subsets(rest, budget))
    observe = Observer(found, attacks.values(), experiment)
    everything = [*subsets, np.arange(len(found.meta))]
    # Small fits and sums: a process a core is faster than threads within them.
    parallel = Parallel(n_jobs=-1, return_as="generator", pre_dispatch="n_jobs")
    with (
        experiment.progress.stage("efficiency", len(names), "quantizers") as advance,
        parallel_config("loky", inner_max_num_threads=1),
    ):
        columns = []
        jobs = (
            delayed(_measured)(observe(q), attacks, everything, budget.reference, reference_runs)
            for q in names
        )
        for column in parallel(jobs):
            columns.append(column)
            advance(1)
    reference = np.array([of_reference for _, of_reference in columns])
    privacy, mis = {}, {}
    for name in attacks:
        found_by = np.array([each[name] for each, _ in columns])  # quantizers, subsets, two
        mis[name] = 1 - found_by[..., 1]
        privacy[f"auc_{name}"] = -found_by[:, :-1, 0]
        privacy[f"mis_{name}"] = mis[name][:, :-1]
    agreement = {name: spearman(each, reference[:, None]) for name, each in privacy.items()}
    with_r = [names.index(name) for name in found.names]
    for variant in PER_RUN if with_r else ():
        r = found.per_run(found.names, variant)
        r_q = np.stack([mean_defined(r[:, s]) for s in subsets], axis=1)
        agreement[f"r_q_{variant}"] = spearman(r_q, reference[with_r, None])
    sizes = np.array([len(subset) for subset in everything])
    return _by_size(agreement, sizes[:-1], len(rest)), _mis_by_size(mis, names, sizes)


def runs_needed(table: pd.DataFrame) -> pd.DataFrame:
    """The smallest number of runs from which on the mean Spearman stays at or above each level.

    Args:
        table: what `efficiency` returns.

    Returns:
        One row an estimator, a column a level; missing where no number tried is enough.
    """
    rows = []
    for estimator, mine in table.groupby("estimator", sort=False):
        row: dict[str, object] = {"estimator": estimator}
        mine = mine.sort_values("runs")
        for level in LEVELS:
            low = mine.loc[mine["spearman"] < level, "runs"].max()
            enough = mine.loc[mine["runs"] > (0 if pd.isna(low) else low), "runs"]
            row[f"runs_for_{level}"] = int(enough.min()) if len(enough) else pd.NA
        rows.append(row)
    return pd.DataFrame(rows)


def settled(mis: pd.DataFrame, within: float = SETTLED) -> dict[str, int]:
    """From how many runs on every quantizer's mean MIS is close to that of all runs, by attack.

    Args:
        mis: what `efficiency` returns.
        within: the largest difference.
    """
    found = {}
    for attack, mine in mis.groupby("attack", sort=False):
        wide = mine.pivot(index="runs", columns="quantizer", values="mis")
        far = (wide - wide.iloc[-1]).abs().max(axis=1) > within
        found[str(attack)] = int(wide.index[~far[::-1].cummax()[::-1]].min())
    return found


def _apart(n_runs: int, budget: Budget, reference: Attack) -> tuple[np.ndarray, np.ndarray]:
    """The reference runs, and the others in random order."""
    order = stream(budget.seed, Purpose.EFFICIENCY).permutation(n_runs)
    wanted = budget.reference_runs or n_runs // 2
    runs, rest = np.sort(order[:wanted]), order[wanted:]
    if len(runs) < reference.min_runs or len(rest) < min(budget.counts):
        raise QuantmiaError(
            f"{n_runs} runs are too few: {budget.reference} on the reference runs needs "
            f"{reference.min_runs}, and at least {min(budget.counts)} others are needed; train "
            "more with resume=true."
        )
    return runs, rest


def _by_size(agreement: dict[str, np.ndarray], sizes: np.ndarray, available: int) -> pd.DataFrame:
    rows = []
    for estimator, values in agreement.items():
        for size in np.unique(sizes):
            mine = values[(sizes == size) & np.isfinite(values)]
            if len(mine):
                low, high = np.percentile(mine, [2.5, 97.5])
                facts = (len(mine), available // size)
                rows.append((estimator, int(size), float(mine.mean()), low, high, *facts))
    columns = ["estimator", "runs", "spearman", "low", "high", "draws", "disjoint"]
    return pd.DataFrame(rows, columns=columns)


def _mis_by_size(mis: dict[str, np.ndarray], names: list[str], sizes: np.ndarray) -> pd.DataFrame:
    rows = []
    for attack, values in mis.items():
        for name, mine in zip(names, values, strict=True):
            for size in np.unique(sizes):
                draws = mine[sizes == size]
                if np.isfinite(draws).all():
                    low, high = np.percentile(draws, [2.5, 97.5])
                    rows.append((attack, name, int(size), draws.mean(), low, high, len(draws)))
    columns = ["attack", "quantizer", "runs", "mis", "low", "high", "draws"]
    return pd.DataFrame(rows, columns=columns)


def _subsets(rest: np.ndarray, budget: Budget) -> Iterator[np.ndarray]:
    for count in sorted(set(budget.counts)):
        if count > len(rest):
            continue
        rng = stream(budget.seed, Purpose.EFFICIENCY, count)
        for _ in range(budget.draws if count < len(rest) else 1):
            yield np.sort(rng.permutation(rest)[:count])


def _measured(
    seen: Observed,
    attacks: dict[str, Attack],
    subsets: Sequence[np.ndarray],
    reference: str,
    reference_runs: np.ndarray,
) -> tuple[dict[str, list[tuple[float, float]]], float]:
    """AUC and advantage of every attack on every subset, NaN where it has too few runs.

    And the MIS by the reference.
    """
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in attacks}
    for subset in subsets:
        part = seen.of(subset)
        for name, attack in attacks.items():
            enough = len(subset) >= attack.min_runs
            found[name].append(_against(attack, part) if enough else (np.nan, np.nan))
    return found, 1 - _against(attacks[reference], seen.of(reference_runs))[1]


def _against(attack: Attack, seen: Observed) -> tuple[float, float]:
    scores = attack.score(seen)
    return mean_auc(scores, seen.members), mean_advantage(scores, seen.members)
