"""What a user reads in a terminal: the front, the ranking, what to know, and what to ship."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from quantmia.errors import counted
from quantmia.ranking.advice import advice, percent
from quantmia.ranking.decision import Decision
from quantmia.ranking.results import Results
from quantmia.report.numbers import bits_a_weight
from quantmia.report.picture import picture
from quantmia.report.tables import at_most, best_of_each, readable, whose_rows, with_interval

LISTED = 12  # names at most
OF_R_Q = ("r_Q", "median of r", "rank by r_Q")  # columns


def show(results: Results, path: Path, verbose: bool = False) -> None:
    """Print the front, the ranking, the warnings, the answer and where the files are.

    A terminal too narrow for all columns shows the more important ones; the files have all.

    Args:
        results: what to show.
        path: where its files are.
        verbose: whether r_Q is shown with all that is to be known of it.
    """
    console = _console()
    decision = results.decision
    verbose = verbose or results.key.kind == "r_q"  # which then is the answer
    if decision:
        _print_front(console, results.tables["front"], decision)
    title = "After the last epoch, most private first" if decision else "Most private first"
    shown = readable(results)
    if not verbose:
        shown = shown.drop(columns=list(OF_R_Q), errors="ignore")
    if not (shown["flags"] != "").any():
        shown = shown.drop(columns="flags")
    others = [f"MIS {name}" for name in reversed(results.attack_names) if name != results.trusted]
    last = [f"MIS {results.trusted}"] if results.key.kind == "auc" else []  # what orders stays
    droppable = (*others, "rank by r_Q", "median of r", "bits", "r_Q", "P(> next)", *last)
    _print_fitting(console, shown, droppable, title)
    _print_on_r_q(console, results, verbose)
    if "calibration" in results.tables:
        told = whose_rows(results.tables["calibration"])
        _print_fitting(console, told, (), "Which rows calibrated it, best told first")
    for caution in results.cautions:
        if verbose or not caution.on_r_q:
            console.print(f"note: {caution}", style="yellow", highlight=False, markup=False)
    first = None if decision else "bold"
    console.print(f"\n{results.answer}\n", style=first, highlight=False, markup=False)
    if decision:
        _print_advice(console, decision)
    console.print(f"Files: {path}", highlight=False, markup=False, soft_wrap=True)


def summary(results: Results, title: str) -> None:
    """Print the main columns of a ranking.

    Args:
        results: what to print.
        title: above it.
    """
    table, trusted = results.ranking, results.trusted
    shown = table[["quantizer"]].assign(bits=table["bits"].map(bits_a_weight))
    if trusted:
        shown[results.key.heading] = with_interval(table, results.key.column, ".3f")
        if "mis_upper" in table:
            shown["MIS at most"] = at_most(table)
    shown[results.metric] = [f"{value:.3f}" for value in table["utility"]]
    shown["rank by r_Q"] = with_interval(table, "rank", ".0f")
    console = Console() if Console().is_terminal else Console(width=120)
    console.print(_drawn(shown, title))


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=180)


def show_front(front: pd.DataFrame, decision: Decision, path: Path) -> None:
    """Print a front of several folders, and what to ship.

    Args:
        front: one row a release.
        decision: what to ship.
        path: where its files are.
    """
    console = _console()
    _print_front(console, front, decision)
    _print_advice(console, decision)
    console.print(f"Files: {path}", highlight=False, markup=False, soft_wrap=True)


def _print_advice(console: Console, decision: Decision) -> None:
    for number, said in enumerate(advice(decision)):
        console.print(said, style=None if number else "bold", highlight=False, markup=False)
    console.print()


def _print_front(console: Console, front: pd.DataFrame, decision: Decision) -> None:
    """All releases, the one of every quantizer that the rule would choose, and who has none."""
    console.print(picture(front, decision, console.width))
    shown = best_of_each(front, decision)
    rule = decision.rule
    if rule.mis is None:
        limit = f"{decision.metric} at most {percent(rule.utility_loss)} below the best"
    else:
        limit = f"a MIS of {rule.mis} or more"
    if len(shown):
        title = f"The best release of each quantizer with {limit}"
        _print_fitting(console, shown, (f"AUC {decision.attack}", "gain"), title)
    names = dict.fromkeys(front["quantizer"])
    out = [name for name in names if name not in set(shown["quantizer"])]
    if out:
        listed = ", ".join(out) if len(out) <= LISTED else f"{len(out)} others"
        console.print(f"No release has {limit}: {listed}", highlight=False, markup=False)
    console.print()


def _print_on_r_q(console: Console, results: Results, verbose: bool) -> None:
    """How r_Q goes with the attacks; unless asked for more, in one line and by one attack."""
    if not results.of_losses:
        return
    said = []
    for row in results.tables["correlation"].to_dict("records"):
        if not row["attack"] or not (verbose or row["attack"] == results.trusted):
            continue
        found = f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        if pd.isna(row["value"]):
            found = (
                f"undefined: it takes 3 quantizers or more, and there are {row['quantizers']}"
                if row["quantizers"] < 3
                else "undefined: all quantizers have the same MIS or r_Q"
            )
        said.append(f"Spearman(r_Q, MIS by {row['attack']}) {found}")
    notes = sum(caution.on_r_q for caution in results.cautions)
    if not verbose and (said or notes):
        more = f"{counted(notes, 'note')} on r_Q: " if notes else "r_Q: "
        said = ["; ".join([*said, f"{more}--verbose, ranking.md or the page"])]
    for line in said:
        console.print(line, highlight=False, markup=False)


def _print_fitting(
    console: Console, shown: pd.DataFrame, droppable: tuple[str, ...], title: str
) -> None:
    """A table without as many of its droppable columns as do not fit."""
    unlimited = console.options.update(width=10_000)
    for column in droppable:
        if console.measure(_drawn(shown, title), options=unlimited).maximum <= console.width:
            break
        shown = shown.drop(columns=column, errors="ignore")
    console.print(_drawn(shown, title))


def _drawn(shown: pd.DataFrame, title: str) -> Table:
    table = Table(title=escape(title) or None, title_justify="left", pad_edge=False)
    for column in map(str, shown):
        words = column in ("quantizer", "flags")
        table.add_column(escape(column), justify="left" if words else "right", overflow="fold")
    for row in shown.itertuples(index=False):
        table.add_row(*map(escape, row))
    return table
