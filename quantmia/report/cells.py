"""Tables of a page: what each cell shows, and the number behind it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from quantmia.attacks.calibration import OUTPUTS, WEIGHTS
from quantmia.attacks.metrics import FALSE_POSITIVE_RATES
from quantmia.ranking.decision import GUARANTEED
from quantmia.report.curves import grid_ranks
from quantmia.report.load import Report
from quantmia.report.matrices import pairs_key
from quantmia.report.numbers import bits_a_weight, plain, with_interval
from quantmia.report.points import utilities
from quantmia.report.tables import what_was_shown
from quantmia.statistics import Interval


@dataclass(frozen=True)
class Cell:
    """A number or a word in a table.

    Args:
        text: as it is shown.
        value: as the CSV has it, for sorting and for those who check.
        low: end of its interval, if a bar between 0 and 1 shows it.
        high: the other end.
    """

    text: str
    value: float | str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Grid:
    """A table.

    Args:
        columns: the heads, the first one of the names of the rows.
        rows: their cells.
        behind: for every row what opens below it, tables by their title; none where nothing does.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    behind: Sequence[Mapping[str, "Grid"]] = ()


def word(text: str) -> Cell:
    """A cell of words."""
    return Cell(text, text)


def number(value: float, text: str | None = None) -> Cell:
    """A cell of a number, with three decimals unless a text says it otherwise."""
    return Cell(plain(value) if text is None else text, value)


def grid_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Grid:
    """A table of words, numbers and cells.

    Args:
        columns: the heads.
        rows: a value a head.
    """

    def cell(value: Any) -> Cell:
        if isinstance(value, Cell):
            return value
        return word(value) if isinstance(value, str) else _short(value)

    return Grid(columns, [[cell(value) for value in row] for row in rows])


def ranking(report: Report) -> Grid:
    """The ranking, most private first, with bars for the attacks."""
    table = report.ranking.merge(utilities(report).drop(columns="utility"))
    attacks = report.attack_names
    upper = bool("mis_upper" in table and table["mis_upper"].notna().any())
    epsilon = "epsilon" in table
    by_auc = report.key.kind == "auc"
    losses, bits = report.of_losses, bool(table["bits"].notna().any())
    heads = ["quantizer", *(["bits"] if bits else [])]
    heads += [report.key.heading] if by_auc else []
    heads += [f"MIS {attack}" for attack in attacks]
    heads += ["MIS at most"] if upper else []
    heads += ["ε at least"] if epsilon else []
    median = "r_q_median" in table  # which older versions did not write
    flagged = bool((table["flags"] != "").any())
    heads += [report.metric, *(["flags"] if flagged else [])]
    heads += ["r_Q", *(["median of r"] if median else []), "rank by r_Q"] if losses else []
    rows = []
    for row in table.to_dict("records"):
        cells = [word(row["quantizer"])]
        cells += [number(row["bits"], bits_a_weight(row["bits"]))] if bits else []
        cells += [_estimate(row, report.key.column, bar=True)] if by_auc else []
        cells += [_estimate(row, f"mis_{attack}", bar=True) for attack in attacks]
        cells += [number(row["mis_upper"])] if upper else []
        cells += [number(row["epsilon"], f"{row['epsilon']:.2f}")] if epsilon else []
        cells += [_estimate(row, "utility"), *([word(row["flags"])] if flagged else [])]
        cells += [_estimate(row, "r_q")] if losses else []
        cells += [_estimate(row, "r_q_median")] if median else []
        rows.append([*cells, *([_rank(row)] if losses else [])])
    return Grid(
        heads, rows, [_behind_row(report, row["quantizer"]) for row in table.to_dict("records")]
    )


def _behind_row(report: Report, quantizer: str) -> dict[str, Grid]:
    """What is known of a quantizer besides its row: every attack on it, and its releases."""
    found = {}
    attacks = report.attacks
    if len(attacks):
        mine = attacks[attacks["quantizer"] == quantizer].to_dict("records")
        found[f"Attacks on {quantizer} after the last epoch"] = _every_attack(mine)
    if report.decision:
        found[f"Releases of {quantizer}"] = releases(report, quantizer)
    return found


def _every_attack(rows: Sequence[dict[Any, Any]]) -> Grid:
    """All figures of the attacks on a quantizer."""
    heads = {"auc": "AUC", "advantage": "advantage", "mis": "MIS"}
    heads |= {f"tpr_at_fpr_{rate}": f"TPR at FPR {rate}" for rate in FALSE_POSITIVE_RATES}
    there = {key: head for key, head in heads.items() if rows and f"{key}_low" in rows[0]}
    cells = [[word(row["attack"]), *(_estimate(row, key) for key in there)] for row in rows]
    return Grid(["attack", *there.values()], cells)


def releases(report: Report, quantizer: str | None = None) -> Grid:
    """Every release, or those of one quantizer.

    Args:
        report: with a front.
        quantizer: whose; None: all of them.
    """
    table, decision = report.tables["front"], report.decision
    assert decision is not None
    if quantizer is not None:
        table = table[table["quantizer"] == quantizer]
    auc, mis = (f"{kind}_{decision.attack}" for kind in ("auc", "mis"))
    heads = ["quantizer", "checkpoint", "epoch", report.metric, f"AUC {decision.attack}"]
    heads += [f"MIS {decision.attack}", "MIS at most"]
    heads += ["ε at most"] if GUARANTEED in table else []
    heads += ["gain over stopping earlier", "on the front"]
    rows = []
    for row in table.to_dict("records"):
        cells = [word(row["quantizer"]), word(row["checkpoint"])]
        cells += [number(row["epoch"], f"{row['epoch']:.3g}")]
        cells += [_estimate(row, key) for key in ("utility", auc, mis)]
        cells += [number(row["mis_upper"])]
        cells += [number(row[GUARANTEED], f"{row[GUARANTEED]:.2f}")] if GUARANTEED in table else []
        rows.append([*cells, _estimate(row, "gain"), word("yes" if row["on_front"] else "")])
    return Grid(heads, rows)


def calibration(report: Report) -> Grid | None:
    """How well the rows that calibrated each quantizer are told from others, the best told first.

    Args:
        report: perhaps with an audit of calibration rows.
    """
    table = report.tables.get("calibration")
    if table is None:
        return None
    (rate, _), heads = FALSE_POSITIVE_RATES, ["quantizer", "was shown", "AUC by weights"]
    heads += [f"found at FPR {rate}", "AUC by outputs"]
    surely, rows, behind = f"tpr_at_fpr_{rate}", [], []
    by_weights = table[table["attack"] == WEIGHTS.name].sort_values("auc", ascending=False)
    for row in by_weights.to_dict("records"):
        mine = table[table["quantizer"] == row["quantizer"]].to_dict("records")
        (outputs,) = (each for each in mine if each["attack"] == OUTPUTS.name)
        cells = [word(row["quantizer"]), word(what_was_shown(row))]
        cells += [_estimate(row, "auc", bar=True), _estimate(row, surely)]
        rows.append([*cells, _estimate(outputs, "auc", bar=True)])
        behind.append({f"Who calibrated {row['quantizer']}": _every_attack(mine)})
    return Grid(heads, rows, behind)


def utility(report: Report) -> Grid:
    """Mean figures of merit of every quantizer over the runs."""
    means = report.utility.pivot_table(
        index="quantizer", columns="metric", values="value", aggfunc="mean"
    ).reindex(report.ranking["quantizer"])
    rows = [
        [word(str(name)), *(number(value) for value in row)]
        for name, row in zip(means.index, means.to_numpy(float), strict=True)
    ]
    return Grid(["quantizer", *map(str, means.columns)], rows)


def behind(report: Report, figure: str) -> Grid | None:
    """The numbers of a figure that the ranking does not hold.

    Args:
        report: whose figure it is.
        figure: its name.
    """
    tables = report.tables
    if figure == "front":
        return releases(report)
    if figure == "agreement":
        return _plainly(tables["correlation"], ["attack", "statistic"], interval="value")
    if figure == "pairs":
        table = tables["pairs"].rename(columns={pairs_key(report): "P"})
        needed = "runs_to_separate"
        kept = [each for each in (needed, f"{needed}_low", f"{needed}_high") if each in table]
        return _plainly(table[["quantizer", "other", "P", *kept]], ["quantizer", "other"])
    if figure == "roc":
        table = tables["roc"]
        table = table[table["fpr"].round(6).isin([0.001, 0.01, 0.1])]
        table = table.rename(columns={"low": "tpr_low", "high": "tpr_high"})
        return _plainly(table, ["quantizer", "attack", "fpr"], interval="tpr")
    if figure == "trajectory":
        table = tables["trajectory"]
        best = table.loc[table.groupby("quantizer")["loss"].idxmin()]
        last = table.groupby("quantizer", as_index=False)[["epoch", "loss"]].last()
        order = report.ranking[["quantizer"]]
        joined = order.merge(best[["quantizer", "epoch", "loss"]]).merge(last, on="quantizer")
        found = _plainly(joined, ["quantizer"])
        heads = ["quantizer", "epoch of the minimum", "loss there", "last epoch", "loss there"]
        return Grid(heads, found.rows)
    if figure == "grid":
        ranks = grid_ranks(report).merge(tables["diagnostics"][["quantizer", "best_is_last"]])
        grids = [f"rank, one in {g}" for g in ranks.columns[1:-1]]
        return Grid(["quantizer", *grids, "best_is_last"], _plainly(ranks, ["quantizer"]).rows)
    return None


def _plainly(table: pd.DataFrame, words: Sequence[str], interval: str | None = None) -> Grid:
    """Columns as they are; of `interval` with its ends `low` and `high` in one cell."""
    if not interval:
        return grid_of(list(map(str, table)), table.itertuples(index=False, name=None))
    table = table.rename(columns={"low": f"{interval}_low", "high": f"{interval}_high"})
    rows = [
        [*(row[each] for each in words), _estimate(row, interval)]
        for row in table.to_dict("records")
    ]
    return grid_of([*words, interval], rows)


def _short(value: float) -> Cell:
    return Cell(f"{value:.4g}" if value == value else "-", value)


def _estimate(row: dict[Any, Any], key: str, bar: bool = False) -> Cell:
    found = Interval.of_cells(row, key)
    text = with_interval(*vars(found).values())
    ends = (found.low, found.high) if bar and found.low == found.low else ()
    return Cell(text, found.value, *ends)


def _rank(row: dict[Any, Any]) -> Cell:
    rank = Interval.of_cells(row, "rank")
    text = f"{rank.value:g}"
    if rank.low == rank.low:
        text += f" [{rank.low:.0f}, {rank.high:.0f}]"
    return Cell(text, rank.value)
