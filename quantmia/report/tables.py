"""Tables for people (terminal, Markdown, LaTeX) and for programs (CSV)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Console
from rich.table import Table

from quantmia.files import write_json, write_text
from quantmia.ranking.audit import trusted_attack

if TYPE_CHECKING:
    from quantmia.ranking.rank import Results

CONCLUSION = "conclusion.json"


def write_tables(results: Results, path: Path, folders: Sequence[Path]) -> None:
    """Every table as CSV, the ranking as Markdown and LaTeX too, and the conclusion as JSON.

    Args:
        results: what to write.
        path: the folder.
        folders: where the runs are.
    """
    for name, table in results.tables.items():
        write_text(path / f"{name}.csv", table.to_csv(index=False))
    shown = readable(results)
    notes = [f"- {warning}" for warning in results.warnings]
    text = "\n".join([markdown(shown), results.answer, "", *notes]).rstrip() + "\n"
    write_text(path / "ranking.md", text)
    write_text(path / "ranking.tex", latex(shown, "l" + "r" * (shown.shape[1] - 2) + "l"))
    conclusion = {
        "answer": results.answer,
        "warnings": [asdict(warning) for warning in results.warnings],
        "trusted": results.trusted,
        "confidence": results.confidence,
        "folders": [os.path.relpath(folder, path) for folder in folders],
    }
    write_json(path / CONCLUSION, conclusion)


def readable(results: Results) -> pd.DataFrame:
    """The ranking as strings: estimates with their intervals, most private first."""
    table, pairs, trusted = results.tables["ranking"], results.tables["pairs"], results.trusted
    key = f"mis_{trusted}" if trusted else "r_q"
    shown = pd.DataFrame({"quantizer": table["quantizer"]})
    shown["bits"] = [f"{bits:.3g}" for bits in table["bits"]]
    for attack in attacks_of(table):
        shown[f"MIS {attack}"] = _with_interval(table, f"mis_{attack}", ".3f")
    if "mis_upper" in table:
        shown["MIS at most"] = ["" if pd.isna(u) else f"{u:.3f}" for u in table["mis_upper"]]
    if "epsilon" in table:
        shown["ε at least"] = [f"{epsilon:.2f}" for epsilon in table["epsilon"]]
    shown[_metric(table)] = [f"{u:.3f}" for u in table["utility"]]
    shown["r_Q"] = _with_interval(table, "r_q", ".2g")
    shown["rank by r_Q"] = _with_interval(table, "rank", ".0f")
    names = list(table["quantizer"])
    chance = pairs.set_index(["quantizer", "other"])[f"p_{key}"] if len(pairs) else {}
    following = [f"{chance[a, b]:.2f}" for a, b in pairwise(names)]
    shown["P(> next)"] = [*following, ""]
    shown["flags"] = table["flags"]
    return shown


def show(results: Results, path: Path) -> None:
    """Print the ranking, the warnings, the answer and where the files are.

    A terminal too narrow for all columns shows the more important ones; the files have all.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=180)
    shown = readable(results)
    unlimited = console.options.update(width=10_000)
    others = [c for c in map(str, shown) if c.startswith("MIS ") and c != f"MIS {results.trusted}"]
    for column in (*others, "rank by r_Q", "bits", "r_Q"):
        if console.measure(_for_terminal(shown), options=unlimited).maximum <= console.width:
            break
        shown = shown.drop(columns=column, errors="ignore")
    console.print(_for_terminal(shown))
    for row in results.tables["correlation"].to_dict("records"):
        if row["attack"]:
            found = f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
            if pd.isna(row["value"]):
                found = "undefined: all quantizers have the same MIS"
            console.print(
                f"Spearman(r_Q, MIS by {row['attack']}) {found}", highlight=False, markup=False
            )
    for warning in results.warnings:
        console.print(f"note: {warning}", style="yellow", highlight=False, markup=False)
    console.print(f"\n{results.answer}\n", style="bold", highlight=False, markup=False)
    console.print(f"Files: {path}", highlight=False, markup=False, soft_wrap=True)


def summary(table: pd.DataFrame, title: str) -> None:
    """Print the main columns of a ranking.

    Args:
        table: the ranking.
        title: above it.
    """
    trusted = trusted_attack(attacks_of(table))
    shown = table[["quantizer"]].assign(bits=[f"{bits:.3g}" for bits in table["bits"]])
    if trusted:
        shown[f"MIS {trusted}"] = _with_interval(table, f"mis_{trusted}", ".3f")
    shown[_metric(table)] = [f"{value:.3f}" for value in table["utility"]]
    shown["rank by r_Q"] = _with_interval(table, "rank", ".0f")
    console = Console() if Console().is_terminal else Console(width=120)
    console.print(_for_terminal(shown, title))


def attacks_of(table: pd.DataFrame) -> list[str]:
    """The attacks of a ranking, in its order.

    Args:
        table: with columns `mis_<attack>` and their intervals.
    """
    names = [c.removeprefix("mis_") for c in map(str, table) if c.startswith("mis_")]
    return [name for name in names if f"mis_{name}_low" in table]


def _for_terminal(shown: pd.DataFrame, title: str = "Most private first") -> Table:
    table = Table(title=title, title_justify="left", pad_edge=False)
    for column in map(str, shown):
        number = column not in ("quantizer", "flags")
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in shown.itertuples(index=False):
        table.add_row(*row)
    return table


def _metric(table: pd.DataFrame) -> str:
    metric = table["utility_metric"].iloc[0]
    return "R²" if metric == "r2" else metric


def _with_interval(table: pd.DataFrame, key: str, digits: str) -> list[str]:
    cells = []
    for value, low, high in zip(table[key], table[f"{key}_low"], table[f"{key}_high"], strict=True):
        if pd.isna(value):
            cells.append("undefined")
        elif pd.isna(low):
            cells.append(f"{value:{digits}}")
        else:
            cells.append(f"{value:{digits}} [{low:{digits}}, {high:{digits}}]")
    return cells


def markdown(shown: pd.DataFrame) -> str:
    """A table of text as Markdown.

    Args:
        shown: every cell as it is to be read.
    """
    header = "| " + " | ".join(shown.columns) + " |\n|" + " --- |" * len(shown.columns)
    rows = ["| " + " | ".join(row) + " |" for row in shown.itertuples(index=False)]
    return "\n".join([header, *rows, ""])


def latex(shown: pd.DataFrame, columns: str, several_pages: bool = False) -> str:
    """A table of text as LaTeX, for booktabs.

    Args:
        shown: every cell as it is to be read.
        columns: how each is aligned, as tabular takes it.
        several_pages: as a longtable, which repeats its head.
    """
    escaped = {"_": r"\_", "ε": r"$\varepsilon$", "²": "$^2$", ">": "$>$", "%": r"\%"}

    def clean(cell: str) -> str:
        return "".join(escaped.get(character, character) for character in cell)

    lines = [" & ".join(clean(cell) for cell in row) + r" \\" for row in shown.values.tolist()]
    head = " & ".join(clean(str(column)) for column in shown.columns) + r" \\"
    name = "longtable" if several_pages else "tabular"
    return "\n".join(
        [
            rf"\begin{{{name}}}{{{columns}}}",
            r"\toprule",
            head,
            r"\midrule",
            *([r"\endhead"] if several_pages else []),
            *lines,
            r"\bottomrule",
            rf"\end{{{name}}}",
            "",
        ]
    )
