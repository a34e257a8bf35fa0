"""The front: every release at its utility and MIS, a line a quantizer along the training."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from quantmia.ranking.advice import named
from quantmia.ranking.conclusion import REFERENCE
from quantmia.ranking.releases import BEST
from quantmia.ranking.results import Results
from quantmia.ranking.tables import attacks_of
from quantmia.report.numbers import with_interval
from quantmia.report.style import BRIGHT, TEXT, Chart, Size, attack_choice, edged

ENDS = ("", "_low", "_high")
MARKS = {"epoch": "circle", "lowest loss": "triangle-up", "last epoch": "square"}


def releases(results: Results) -> pd.DataFrame:
    """Every release of every attack, with what is said of it.

    Args:
        results: with a front.

    Returns:
        Columns `attack, quantizer, release, mark, epoch, bits, on_front, ship`, and `utility, auc,
        mis` with `_low, _high` and as text, and `gain` as text.
    """
    front, decision = results.tables["front"], results.decision
    assert decision is not None
    parts = []
    for attack in attacks_of(front):
        rows = front[["quantizer", "epoch", "bits", "on_front", "mis_upper"]].assign(attack=attack)
        for key, column in (("utility", "utility"), ("auc", f"auc_{attack}"),
                            ("mis", f"mis_{attack}"), ("gain", "gain")):  # fmt: skip
            numbers = front[[f"{column}{end}" for end in ENDS]]
            rows[[f"{key}{end}" for end in ENDS]] = numbers.to_numpy(float)
            rows[f"{key}_text"] = [with_interval(*row) for row in numbers.to_numpy(float)]
        rows["release"] = [
            named(*each)
            for each in zip(front["quantizer"], front["checkpoint"], front["epoch"], strict=True)
        ]
        special = {BEST: "lowest loss", "last": "last epoch"}
        rows["mark"] = [special.get(each, "epoch") for each in front["checkpoint"]]
        rows["ship"] = [decision.ships(row) for _, row in front.iterrows()]
        parts.append(rows)
    found = pd.concat(parts, ignore_index=True)
    found = found[np.isfinite(found["utility"])]
    if front["utility_metric"].iloc[0] == "r2":
        found = edged(found, "utility")
    return found


def front(results: Results, size: Size) -> Chart:
    """Utility against MIS; full precision thick, filled marks on the front, a ring what to ship.

    Args:
        results: with a front.
        size: of the chart.
    """
    assert results.decision is not None
    rows = releases(results)
    names = sorted(rows["quantizer"].unique(), key=lambda name: name != REFERENCE)
    attack = attack_choice([results.decision.attack, *attacks_of(results.tables["front"])])
    bars = alt.param(name="bars", value=False, bind=alt.binding_checkbox(name="error bars "))
    chosen = alt.selection_point(name="chosen", fields=["quantizer"], bind="legend")
    base = alt.Chart(rows).transform_filter(alt.datum.attack == attack)
    axis = alt.Axis(format="~g")
    x = alt.X("utility:Q", title=f"{results.metric} (higher is better)", axis=axis)
    y = alt.Y("mis:Q", title="MIS (1 = no leak)", axis=axis).scale(zero=False, domainMax=1)
    x = x.scale(zero=False, nice=False, padding=12)
    legend = alt.Legend(
        orient="bottom",
        symbolType="stroke",
        symbolStrokeWidth=3,
        columns=alt.Undefined if size.hover else 4,
    )
    colour = alt.Color("quantizer:N", scale=_colours(names), title=None, legend=legend)
    seen = alt.condition(chosen, alt.value(1.0), alt.value(0.12))
    full = f"datum.quantizer == '{REFERENCE}'"
    tips = [
        alt.Tooltip("release:N"),
        alt.Tooltip("bits:Q", format=".3"),
        alt.Tooltip("utility_text:N", title=results.metric),
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
                x, y, colour, order="epoch:Q", opacity=seen, strokeWidth=alt.value(width)
            )
            for where, width in ((f"!({full})", 1.3), (full, 3.5))[: 1 + (REFERENCE in names)]
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
