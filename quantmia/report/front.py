"""The front: every release at its utility and MIS, a line a quantizer along the training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantmia.ranking.advice import named
from quantmia.ranking.conclusion import REFERENCE
from quantmia.ranking.decision import Decision
from quantmia.ranking.results import Results
from quantmia.ranking.tables import attacks_of
from quantmia.report.extra import alt
from quantmia.report.numbers import with_interval
from quantmia.report.style import BRIGHT, TEXT, Chart, Size, attack_choice, edged
from quantmia.vocabulary import BEST, LAST

ENDS = ("", "_low", "_high")
SHORT = 14  # letters of a label, of which four stand in a row: full_precision
SYMBOL, LETTER = 30, 5  # pixels that an entry of a legend takes, and each letter of it
MARKS = {"epoch": "circle", "lowest loss": "triangle-up", "last epoch": "square"}


def releases(front: pd.DataFrame, decision: Decision) -> pd.DataFrame:
    """Every release of every attack, with what is said of it.

    Args:
        front: one row a release; of several folders with `folder` and `scheme`.
        decision: what is to be shipped.

    Returns:
        Columns `attack, quantizer, group, full, release, mark, epoch, bits, on_front, ship`, and
        `utility, auc, mis` with `_low, _high` and as text, and `gain` as text. A group shares a
        colour: a quantizer, or the releases of a folder.
    """
    parts = []
    for attack in attacks_of(front):
        rows = front[["quantizer", "epoch", "bits", "on_front", "mis_upper"]].assign(attack=attack)
        rows["group"] = front["folder" if "folder" in front else "quantizer"]
        rows["full"] = front["scheme" if "scheme" in front else "quantizer"] == REFERENCE
        for key, column in (("utility", "utility"), ("auc", f"auc_{attack}"),
                            ("mis", f"mis_{attack}"), ("gain", "gain")):  # fmt: skip
            numbers = front[[f"{column}{end}" for end in ENDS]]
            rows[[f"{key}{end}" for end in ENDS]] = numbers.to_numpy(float)
            rows[f"{key}_text"] = [with_interval(*row) for row in numbers.to_numpy(float)]
        rows["release"] = [
            named(*each)
            for each in zip(front["quantizer"], front["checkpoint"], front["epoch"], strict=True)
        ]
        special = {BEST: "lowest loss", LAST: "last epoch"}
        rows["mark"] = [special.get(each, "epoch") for each in front["checkpoint"]]
        rows["ship"] = [decision.ships(row) for _, row in front.iterrows()]
        parts.append(rows)
    found = pd.concat(parts, ignore_index=True)
    found = found[np.isfinite(found["utility"])]
    if front["utility_metric"].iloc[0] == "r2":
        found = edged(found, "utility")
    return found


def front(results: Results, size: Size) -> Chart:
    """The front of a ranking.

    Args:
        results: with a front.
        size: of the chart.
    """
    assert results.decision is not None
    return drawn(results.tables["front"], results.decision, size)


def _columns(names: Sequence[str], size: Size) -> int:
    """Of a legend in which no label reaches into the next: those of quantizers are short."""
    longest = max(map(len, names))
    return 4 if longest <= SHORT else max(1, size.width // (SYMBOL + LETTER * longest))


def drawn(table: pd.DataFrame, decision: Decision, size: Size) -> Chart:
    """Utility against MIS; full precision thick, filled marks on the front, a ring what to ship.

    Args:
        table: one row a release.
        decision: what is to be shipped.
        size: of the chart.
    """
    rows = releases(table, decision)
    names = sorted(rows["group"].unique(), key=lambda name: name != REFERENCE)
    attack = attack_choice([decision.attack, *attacks_of(table)])
    bars = alt.param(name="bars", value=False, bind=alt.binding_checkbox(name="error bars "))
    chosen = alt.selection_point(name="chosen", fields=["group"], bind="legend")
    base = alt.Chart(rows).transform_filter(alt.datum.attack == attack)
    axis = alt.Axis(format="~g")
    x = alt.X("utility:Q", title=f"{decision.metric} (higher is better)", axis=axis)
    y = alt.Y("mis:Q", title="MIS (1 = no leak)", axis=axis).scale(zero=False, domainMax=1)
    x = x.scale(zero=False, nice=False, padding=12)
    legend = alt.Legend(
        orient="bottom",
        symbolType="stroke",
        symbolStrokeWidth=3,
        columns=alt.Undefined if size.hover else _columns(names, size),
    )
    colour = alt.Color("group:N", scale=_colours(names), title=None, legend=legend)
    seen = alt.condition(chosen, alt.value(1.0), alt.value(0.12))
    tips = [
        alt.Tooltip("release:N"),
        alt.Tooltip("bits:Q", format=".3"),
        alt.Tooltip("utility_text:N", title=decision.metric),
        *(alt.Tooltip(f"{key}_text:N", title=key.upper()) for key in ("mis", "auc")),
        alt.Tooltip("mis_upper:Q", title="MIS at most", format=".3f"),
        alt.Tooltip("gain_text:N", title="gain over stopping earlier"),
    ]
    lines = base.transform_filter("datum.mark != 'lowest loss'").mark_line(clip=True)
    bar = base.mark_rule(clip=True).encode(
        opacity=alt.condition("bars", alt.value(0.5), alt.value(0.0))
    )
    shapes = alt.Scale(domain=list(MARKS), range=list(MARKS.values()))
    points = [
        base.transform_filter(f"datum.on_front == {on}").mark_point(
            size=45, strokeWidth=1.4, filled=bool(on)
        )
        for on in sorted(rows["on_front"].unique())
    ]
    ship = base.transform_filter("datum.ship")
    on_demand = [
        bar.encode(x, y, colour).encode(x="utility_low:Q", x2="utility_high:Q"),
        bar.encode(x, y, colour).encode(y="mis_low:Q", y2="mis_high:Q"),
    ]
    layers = [
        *(on_demand if size.hover else []),
        *(
            lines.transform_filter(where).encode(
                x, y, colour, detail="quantizer:N", order="epoch:Q", opacity=seen,
                strokeWidth=alt.value(width),
            )
            for where, width in (("!datum.full", 1.3), ("datum.full", 3.5))
            if (rows["full"] == (width > 2)).any()
        ),
        *(
            each.encode(
                x, y, colour, alt.Shape("mark:N", scale=shapes, legend=None), opacity=seen,
                tooltip=tips,
            )
            for each in points
        ),
    ]  # fmt: skip
    if rows["ship"].any():
        ring = ship.mark_point(shape="circle", size=420, strokeWidth=2.2, color=TEXT)
        text = ship.mark_text(text="ship", dy=-18, fontSize=size.font + 2, color=TEXT)
        layers += [ring.encode(x, y), text.encode(x, y)]
    width: Any = "container" if size.hover else size.width
    chart = alt.layer(*layers).add_params(attack, chosen, *([bars] if size.hover else []))
    return chart.properties(width=width, height=size.height)


def _colours(names: list[str]) -> alt.Scale:
    """Full precision in the colour of the text, the others told apart."""
    others = len([name for name in names if name != REFERENCE])
    range_ = ([TEXT] if REFERENCE in names else []) + (BRIGHT * others)[:others]
    return alt.Scale(domain=names, range=range_)
