"""Lines, points and panels for print, the same bits every time."""

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from quantmia.files import atomic
from quantmia.report.runs_needed import COLOURS, MARKERS
from quantmia.statistics import Interval

# A fixed salt and no compression: with no dates either, the same numbers draw the same bits.
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "quantmia",
    "svg.fonttype": "none",
    "pdf.compression": 0,
    "pdf.fonttype": 42,
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.titlesize": 8,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "legend.frameon": False,
}
COLUMN, PAGE = 3.4, 6.9  # inches
ACROSS = 3  # panels


def panels(count: int, share: bool = True, across: int = ACROSS) -> tuple[Figure, list[Axes]]:
    """A figure of small panels, or of one in the width of a column.

    Args:
        count: of panels.
        share: whether all have the same axes.
        across: how many a row, at most.
    """
    across = min(count, across)
    down = math.ceil(count / across)
    size = (COLUMN, 2.9) if count == 1 else (PAGE, 2.1 * down + 0.6)
    figure, axes = plt.subplots(
        down, across, figsize=size, layout="constrained", squeeze=False, sharex=share, sharey=share
    )
    flat = list(axes.flat)
    for unused in flat[count:]:
        unused.remove()
    return figure, flat[:count]


def line(
    panel: Axes,
    x: Sequence[float] | np.ndarray | pd.Series,
    table: pd.DataFrame,
    number: int,
    name: str,
    key: str = "spearman",
    interval: str = "band",
) -> None:
    """A line with its interval.

    Args:
        panel: to draw on.
        x: places.
        table: `key, key_low, key_high`.
        number: of the line, which gives its colour and marker.
        name: in the legend.
        key: column.
        interval: how it is drawn: as a `band`, as `bars`, or not at all.
    """
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    low, high = (table[f"{key}_{end}"].astype(float) for end in ("low", "high"))
    if interval == "band":
        panel.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
    elif interval == "bars":
        panel.vlines(x, low, high, color=colour, lw=0.6)
    panel.plot(x, table[key].astype(float), color=colour, marker=marker, label=name)


def counts(panel: Axes, numbers: Sequence[int]) -> None:
    """A logarithmic axis of the numbers tried.

    Args:
        panel: whose x axis it is.
        numbers: to label.
    """
    panel.set_xscale("log")
    panel.set_xticks(numbers, [str(each) for each in numbers])
    panel.minorticks_off()


def half_widths(row: Mapping[Any, Any], key: str) -> tuple[float, list[list[float]] | None]:
    """A value and how far its interval reaches to either side, as matplotlib wants it.

    Args:
        row: `key, key_low, key_high`.
        key: of the value.
    """
    value, low, high = vars(Interval.of_cells(row, key)).values()
    if not math.isfinite(low + high):
        return value, None
    return value, [[max(value - low, 0)], [max(high - value, 0)]]


def heat(titles: Sequence[str], tables: Sequence[pd.DataFrame], name: str) -> Figure:
    """Tables of numbers side by side, as colours that differ in lightness.

    Args:
        titles: of the tables.
        tables: with the same rows and columns.
        name: of the numbers.
    """
    rows, columns = tables[0].shape
    size = (PAGE, 0.115 * rows + 1.3)
    figure, axes = plt.subplots(
        1, len(tables), figsize=size, layout="constrained", sharey=True, squeeze=False
    )
    everything = pd.concat(tables).to_numpy(float)
    shade = ScalarMappable(Normalize(everything.min(), everything.max()), "cividis_r")
    for panel, title, table in zip(axes.flat, titles, tables, strict=True):
        panel.pcolormesh(table.to_numpy(float), cmap=shade.cmap, norm=shade.norm)
        panel.set_title(title)
        panel.set_xticks([n + 0.5 for n in range(columns)], list(table.columns), rotation=90)
        panel.set_yticks([n + 0.5 for n in range(rows)], list(table.index), fontsize=6)
        panel.grid(False)
    axes[0][0].invert_yaxis()  # of all
    figure.colorbar(shade, ax=list(axes.flat), label=name, aspect=40)
    return figure


def scattered(table: pd.DataFrame, x: str, label_of_x: str) -> Figure:
    """Spearman of r_Q with MIS against something else, a point a setting, a colour a study.

    Args:
        table: `study`, and both with their intervals.
        x: its column.
        label_of_x: its name.
    """
    figure, (panel,) = panels(1)
    for number, (study, mine) in enumerate(table.groupby("study", sort=False)):
        for row in mine.to_dict("records"):
            (at, across), (up, along) = half_widths(row, x), half_widths(row, "spearman")
            panel.errorbar(
                at, up, xerr=across, yerr=along, color=COLOURS[number % len(COLOURS)],
                fmt=MARKERS[number % len(MARKERS)], lw=0.5, alpha=0.8, markersize=3.5,
                label=str(study),
            )  # fmt: skip
    label(figure, [panel], label_of_x, "Spearman of r$_Q$ with MIS")
    return figure


def label(
    figure: Figure, axes: Sequence[Axes], x: str, y: str | None, across: int = ACROSS
) -> None:
    """Name the axes, and put one legend below all panels.

    Args:
        figure: of the panels.
        axes: its panels.
        x: name of every x axis.
        y: name of every y axis; None if they have their own.
        across: how many panels a row has, at most.
    """
    for place, panel in enumerate(axes):
        if place >= len(axes) - across:  # the lowest of its column
            panel.set_xlabel(x)
            panel.tick_params(labelbottom=True)
        if y and place % across == 0:
            panel.set_ylabel(y)
    entries = {}
    for panel in axes:
        handles, names = panel.get_legend_handles_labels()
        entries |= dict(zip(names, handles, strict=True))
    columns = 2 if len(axes) == 1 else 5
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=columns)


def save(figure: Figure, path: Path) -> None:
    """`PATH.svg` and `PATH.pdf`.

    Args:
        figure: to write; closed.
        path: without an ending.
    """
    for end, metadata in {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.items():
        with atomic(path.with_suffix(f".{end}")) as temporary:
            figure.savefig(temporary, format=end, metadata=metadata)
    plt.close(figure)


def styled() -> AbstractContextManager[None]:
    """The style as a context."""
    return mpl.rc_context(STYLE)
