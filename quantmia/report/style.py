"""What all charts share: colours, sizes, the order of the quantizers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from quantmia.ranking.results import Results
from quantmia.report.extra import alt
from quantmia.report.numbers import FLOOR

alt.data_transformers.disable_max_rows()  # a chart holds what its tables hold

# Okabe and Ito (2008), told apart with any colour vision; the two faintest come last.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "#E69F00", "#F0E442"]
INK, FAINT = COLOURS[0], "#8a8a8a"
BRIGHT = [*(each for each in COLOURS if each != "#000000"), FAINT]  # seen on black and white
TEXT = "currentColor"  # of what the chart stands in: dark on light or light on dark


@dataclass(frozen=True)
class Size:
    """Of the largest charts; the others follow.

    Args:
        width: in pixels, which are points in a PDF.
        height: of the same.
        font: size of the letters.
        hover: whether a mouse can ask for numbers.
        legend: beside the chart on the `right`, or at the `bottom`.
    """

    width: int
    height: int
    font: int
    hover: bool
    legend: Literal["right", "bottom"]


SCREEN = Size(1080, 460, font=12, hover=True, legend="right")
PAPER = Size(380, 240, font=9, hover=False, legend="bottom")  # six inches with its labels
Chart = Any  # altair's classes of layered and faceted charts have no common type of their own


def themed(chart: Chart, size: Size = SCREEN) -> Chart:
    """The chart in the colours of what it stands in.

    Args:
        chart: any.
        size: of its letters.
    """
    axis = alt.AxisConfig(
        labelColor=TEXT, titleColor=TEXT, domainColor=FAINT, tickColor=FAINT, gridColor=FAINT,
        gridOpacity=0.25, titleFontWeight="normal", labelFontSize=size.font - 1,
        titleFontSize=size.font,
    )  # fmt: skip
    words = {
        "labelColor": TEXT,
        "titleColor": TEXT,
        "labelFontSize": size.font,
        "titleFontSize": size.font,
        "titleFontWeight": "normal",
    }
    return chart.configure(
        axis=axis,
        legend=alt.LegendConfig(**words, symbolOpacity=1, orient=size.legend),
        header=alt.HeaderConfig(**words),
        view=alt.ViewConfig(stroke=None),
        background="transparent",
        aria=False,  # a table beside the chart is read more easily than a thousand marks
    )


def edged(rows: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows with what is below the floor, and its interval, at the edge.

    Args:
        rows: with columns `key`, `key_low` and `key_high`, of an R².
        key: of the figure.
    """
    columns = [f"{key}{end}" for end in ("", "_low", "_high")]
    return rows.assign(**{each: rows[each].clip(lower=FLOOR) for each in columns})


def attack_choice(attacks: Sequence[str]) -> alt.Parameter:
    """A menu of attacks, named `attack`, the first one chosen.

    Args:
        attacks: their names, some of them perhaps twice.
    """
    names = list(dict.fromkeys(attacks))
    menu = alt.binding_select(options=names, name="attack: ")
    return alt.param(name="attack", value=names[0], bind=menu)


def order(results: Results) -> list[str]:
    """The quantizers as the ranking has them."""
    return list(results.ranking["quantizer"])


def small_charts(results: Results, size: Size, layers: Chart, table: pd.DataFrame) -> Chart:
    """One chart a quantizer, three in a row.

    Args:
        results: whose order they have.
        size: of the largest charts.
        layers: drawn of each.
        table: with a column `quantizer`.
    """
    facet = alt.Facet("quantizer:N", sort=order(results), title=None)
    return layers.properties(width=size.width * 0.26, height=size.height * 0.4, data=table).facet(
        facet, columns=3
    )
