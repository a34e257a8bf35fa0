"""How many runs each estimator needs: table and figure."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Console
from rich.table import Table

from quantmia.errors import QuantmiaError
from quantmia.files import write_text
from quantmia.ranking.efficiency import LEVELS, SETTLED, runs_needed, settled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart by the colour-blind; the markers tell them apart in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX*<>"


def write_efficiency(table: pd.DataFrame, mis: pd.DataFrame, path: Path) -> None:
    """`efficiency.csv`, `_needed.csv`, `_mis.csv` and `efficiency.svg` into a folder.

    Args:
        table: agreement with the reference.
        mis: by number of runs.
        path: the folder.

    Raises:
        QuantmiaError: matplotlib is not installed.
    """
    write_text(path / "efficiency.csv", table.to_csv(index=False))
    write_text(path / "efficiency_needed.csv", runs_needed(table).to_csv(index=False))
    write_text(path / "efficiency_mis.csv", mis.to_csv(index=False))
    try:
        import matplotlib.pyplot as plt
        from matplotlib import rc_context
    except ModuleNotFoundError:
        raise QuantmiaError(
            "the figure needs matplotlib, the tables are written: pip install 'quantmia[report]'"
        ) from None
    # A fixed salt and no date: the same table draws the same bits.
    with rc_context({"svg.hashsalt": "quantmia", "svg.fonttype": "none", "font.size": 9}):
        figure, axes = plt.subplots(figsize=(6.3, 3.8), layout="constrained")
        draw(axes, table)
        for level in LEVELS:
            axes.axhline(level, color="0.8", lw=0.6, zorder=0)
        axes.set_xlabel("runs")
        axes.set_ylabel("Spearman with the reference ranking")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        figure.savefig(path / "efficiency.svg", metadata={"Date": None})
        plt.close(figure)


def draw(axes: Axes, table: pd.DataFrame, bands: Collection[str] | None = None) -> None:
    """A line an estimator against the number of runs: by AUC solid, by MIS dotted, r_Q's dashed.

    The two of an attack have its colour.

    Args:
        axes: of matplotlib.
        table: agreement with the reference.
        bands: estimators whose interval is drawn; None: all.
    """
    of = {str(each): str(each).removeprefix("auc_").removeprefix("mis_") for each in
          table["estimator"].unique()}  # fmt: skip
    numbers = {name: number for number, name in enumerate(dict.fromkeys(of.values()))}
    for estimator, mine in table.groupby("estimator", sort=False):
        number = numbers[of[str(estimator)]]
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        style = {"auc": "-", "mis": ":"}.get(str(estimator)[:3], "--")
        if bands is None or estimator in bands:
            axes.fill_between(mine["runs"], mine["low"], mine["high"], color=colour, alpha=0.08)
        axes.plot(
            mine["runs"], mine["spearman"], style, color=colour, marker=marker, ms=4,
            label=str(estimator),
        )  # fmt: skip
    counts = sorted(table["runs"].unique())
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()


def show_efficiency(table: pd.DataFrame, mis: pd.DataFrame, path: Path) -> None:
    """Print the agreement and the MIS by number of runs, the runs needed, where the files are.

    Args:
        table: agreement with the reference.
        mis: by number of runs.
        path: the folder.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    wide = table.pivot(index="estimator", columns="runs", values="spearman")
    needed = runs_needed(table).set_index("estimator")
    title = "Spearman with the reference ranking, mean over draws"
    shown = Table(title=title, title_justify="left", pad_edge=False)
    shown.add_column("estimator")
    for count in wide.columns:
        shown.add_column(f"{count} runs", justify="right")
    for level in LEVELS:
        shown.add_column(f"runs for {level}", justify="right")
    largest = max(wide.columns)
    for estimator in needed.index:
        cells = ["" if pd.isna(v) else f"{v:.2f}" for v in wide.loc[estimator]]
        cells += [f"> {largest}" if pd.isna(v) else str(v) for v in needed.loc[estimator]]
        shown.add_row(str(estimator), *cells)
    console.print(shown)
    console.print(_mis_table(mis))
    console.print(f"Files: {path}", highlight=False, markup=False, soft_wrap=True)


def _mis_table(mis: pd.DataFrame) -> Table:
    """Mean MIS over the quantizers by number of runs, and from where on it stays as it is."""
    wide = mis.pivot_table(index="attack", columns="runs", values="mis", sort=False)
    wide, enough = wide[sorted(wide.columns)], settled(mis)
    title = "MIS by number of runs, mean over quantizers and draws"
    shown = Table(title=title, title_justify="left", pad_edge=False)
    shown.add_column("attack")
    for count in wide.columns:
        shown.add_column(f"{count} runs", justify="right")
    shown.add_column(f"every quantizer within {SETTLED} of the last from", justify="right")
    for attack in enough:
        cells = ["" if pd.isna(v) else f"{v:.3f}" for v in wide.loc[attack].to_numpy(float)]
        shown.add_row(attack, *cells, f"{enough[attack]} runs")
    return shown
