"""Coloured tables: who is more private than whom, and quantizers by data set."""

from dataclasses import dataclass

import pandas as pd

from quantmia.ranking.results import Results
from quantmia.report.extra import alt
from quantmia.report.style import COLOURS, INK, SCREEN, Chart, Size, order

SIDE, SMALL = 46, 22  # pixels of a cell
READABLE = 14  # rows; beyond, cells hold no number
DARK = "#1b1f24"


def pairs_key(results: Results) -> str:
    """Column of `pairs` that the ranking goes by."""
    return f"p_{results.key.column}"


def pairs(results: Results, size: Size) -> Chart:
    """P(row more private than column) for every two quantizers."""
    table = results.tables["pairs"]
    rows = table[["quantizer", "other"]].assign(p=table[pairs_key(results)])
    turned = pd.DataFrame(
        {"quantizer": rows["other"], "other": rows["quantizer"], "p": 1 - rows["p"]}
    )
    both = pd.concat([rows, turned], ignore_index=True)
    return _matrix(
        both,
        Axis("quantizer", order(results), "this one is more private ..."),
        Axis("other", order(results), "than this one"),
        alt.Color("p:Q", title="P", scale=_diverging(0, 0.5, 1)),
        light="datum.p > 0.12 && datum.p < 0.85",
        size=size,
    )


def privacy_map(table: pd.DataFrame) -> Chart:
    """AUC of an attack on every quantizer (row) in every folder (column).

    Args:
        table: columns `folder, quantizer, auc`.
    """
    folders, quantizers = (list(dict.fromkeys(table[key])) for key in ("folder", "quantizer"))
    return _matrix(
        table.rename(columns={"auc": "p"}),
        Axis("quantizer", quantizers),
        Axis("folder", folders),
        alt.Color("p:Q", title="AUC").scale(scheme="viridis", domain=[0.5, 1], reverse=True),
        light="datum.p < 0.72",
    )


def rank_agreement(table: pd.DataFrame) -> Chart:
    """Spearman between the rankings of every two folders.

    Args:
        table: columns `folder, other, spearman`.
    """
    folders = list(dict.fromkeys(table["folder"]))
    return _matrix(
        table.rename(columns={"spearman": "p"}),
        Axis("folder", folders),
        Axis("other", folders),
        alt.Color("p:Q", title="Spearman", scale=_diverging(-1, 0, 1)),
        light="datum.p > -0.7 && datum.p < 0.7",
    )


@dataclass(frozen=True)
class Axis:
    """What stands along one side of a matrix.

    Args:
        column: of the table.
        names: in their order.
        title: beside them.
    """

    column: str
    names: list[str]
    title: str | None = None


def _matrix(
    table: pd.DataFrame,
    rows: Axis,
    columns: Axis,
    colour: alt.Color,
    light: str,
    size: Size = SCREEN,
) -> Chart:
    """Cells with their numbers.

    Args:
        table: a row a cell, its number in the column `p`.
        rows: what stands above each other.
        columns: what stands beside each other.
        colour: of the number.
        light: condition on the cells that are light, and take dark digits.
        size: of the largest charts, which this one keeps below.
    """
    x = alt.X(f"{columns.column}:N", sort=columns.names, title=columns.title)
    y = alt.Y(f"{rows.column}:N", sort=rows.names, title=rows.title)
    base = alt.Chart(table).encode(x.axis(labelAngle=-40, labelLimit=220), y.axis(labelLimit=220))
    tips = [f"{rows.column}:N", f"{columns.column}:N", alt.Tooltip("p:Q", format=".3")]
    cells = base.mark_rect().encode(colour, tooltip=tips)
    many = max(len(rows.names), len(columns.names)) > READABLE
    side = min(SMALL if many else SIDE, 0.8 * size.width / len(columns.names))
    extent = {"width": len(columns.names) * side, "height": len(rows.names) * side * 0.7}
    if many:
        return cells.properties(**extent)
    digits = alt.condition(light, alt.value(DARK), alt.value("white"))
    text = base.mark_text(fontSize=size.font - 1).encode(
        alt.Text("p:Q", format=".2f"), color=digits
    )
    return (cells + text).properties(**extent)


def _diverging(*ends: float) -> alt.Scale:
    return alt.Scale(domain=list(ends), range=[COLOURS[1], "#f7f7f7", INK])
