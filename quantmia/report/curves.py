"""Lines: ROC, loss along the training, and ranks by checkpoint grid."""

import json

import numpy as np
import pandas as pd

from quantmia.ranking.conclusion import REFERENCE
from quantmia.ranking.results import Results
from quantmia.ranking.tables import r_q_on_grids
from quantmia.report.extra import alt
from quantmia.report.style import COLOURS, FAINT, INK, TEXT, Chart, Size, order, small_charts

POINTS = 120  # of a curve that are drawn


def roc(results: Results, size: Size) -> Chart:
    """ROC of every attack on logarithmic axes, a small chart a quantizer; boxes toggle attacks."""
    rows = results.tables["roc"]
    rows = rows[rows["tpr"] > 0].round(6)
    least = rows["fpr"].min()
    rows = rows.assign(low=rows["low"].clip(lower=least), guess=rows["fpr"])
    names = results.attack_names
    boxes = [
        alt.param(name=f"show_{n}", value=True, bind=alt.binding_checkbox(name=f" {name}"))
        for n, name in enumerate(names)
    ]
    shown = " || ".join(
        f"(datum.attack == {json.dumps(name)} && show_{n})" for n, name in enumerate(names)
    )
    base = alt.Chart().transform_filter(shown)
    axis = alt.Axis(format="~e", tickCount=4)
    x = alt.X("fpr:Q", title="FPR", axis=axis).scale(type="log")
    y = alt.Y("tpr:Q", title="TPR", axis=axis).scale(type="log", domain=[least, 1])
    colours = alt.Scale(domain=names, range=(COLOURS * len(names))[: len(names)])
    colour = alt.Color("attack:N", title="attack", scale=colours)
    tips = [
        alt.Tooltip("attack:N"),
        *(alt.Tooltip(f"{key}:Q", format=".3") for key in ("fpr", "tpr", "low", "high")),
    ]
    layers = [
        base.mark_area(opacity=0.18, clip=True).encode(x, y, colour).encode(y="low:Q", y2="high:Q"),
        base.mark_line(strokeWidth=1.6, clip=True).encode(x, y, colour),
        base.mark_line(color=FAINT, strokeDash=[3, 3], strokeWidth=1).encode(x, y="guess:Q"),
    ]
    if size.hover:
        layers.append(base.mark_point(opacity=0, size=40).encode(x, y, tooltip=tips))
    return small_charts(results, size, alt.layer(*layers), rows).add_params(*boxes)


def trajectory(results: Results, size: Size) -> Chart:
    """Held-out loss along training, quantized and not, with the two best checkpoints."""
    table = results.tables["trajectory"]
    table = table.assign(
        place=table.groupby("quantizer")["loss"].rank(method="first").le(2), model="quantized"
    )
    best = table["loss"] == table.groupby("quantizer")["loss"].transform("min")
    table["checkpoint"] = np.select([best, table["place"]], ["best", "second best"], "")
    table = _thinned(table.drop(columns="place"))
    full = table[table["quantizer"] == REFERENCE].assign(model="full precision", checkpoint="")
    table.loc[table["quantizer"] == REFERENCE, "model"] = "full precision"
    others = [name for name in order(results) if name != REFERENCE]
    rows = pd.concat([table, *(full.assign(quantizer=name) for name in others)], ignore_index=True)
    rows[["loss", "loss_low", "loss_high"]] = rows[["loss", "loss_low", "loss_high"]].map(_short)
    models = alt.Scale(domain=["full precision", "quantized"], range=[FAINT, INK])
    shapes = alt.Scale(domain=["best", "second best"], range=["circle", "triangle-up"])
    colour = alt.Color("model:N", title=None, scale=models)
    x = alt.X("epoch:Q", title="epoch")
    # The same width for all numbers keeps the small charts below each other.
    y = alt.Y("loss:Q", title="held-out loss", axis=alt.Axis(minExtent=32)).scale(zero=False)
    tips = ["epoch:Q", *(alt.Tooltip(f"loss{end}:Q", format=".4") for end in ("", "_low", "_high"))]
    base = alt.Chart()
    layers = alt.layer(
        base.mark_area(opacity=0.2).encode(x, y, colour).encode(y="loss_low:Q", y2="loss_high:Q"),
        base.mark_line(strokeWidth=1.6).encode(x, y, colour),
        base.transform_filter("datum.checkpoint != ''")
        .mark_point(size=3 * size.font, opacity=1)
        .encode(x, y, colour, alt.Shape("checkpoint:N", scale=shapes), tooltip=tips),
    )
    return small_charts(results, size, layers, rows).resolve_scale(y="independent")


def grid(results: Results, size: Size) -> Chart:
    """Rank by r_Q when only one checkpoint in so many is looked at, a line a quantizer."""
    table = grid_ranks(results)
    rows = table.melt("quantizer", var_name="grid", value_name="rank")
    rows["grid"] = rows["grid"].astype(int)
    grids = sorted(rows["grid"].unique())
    x = alt.X("grid:O", title="one checkpoint in", axis=alt.Axis(labelAngle=0))
    y = alt.Y("rank:Q", title="rank by r_Q (1 = most private)").scale(reverse=True, zero=False)
    base = alt.Chart(rows).encode(x, y, detail="quantizer:N")
    lines = base.mark_line(color=INK, opacity=0.6, point=alt.OverlayMarkDef(size=45, color=INK))
    last = base.transform_filter(alt.datum.grid == int(grids[-1]))
    text = last.mark_text(align="left", dx=10, fontSize=size.font, color=TEXT).encode(
        text="quantizer:N"
    )
    # Room for the names at the right.
    width = alt.Step(0.16 * size.width)
    return (lines.encode(tooltip=["quantizer:N", "grid:O", "rank:Q"]) + text).properties(
        width=width, height=min(size.height, 40 + 2.5 * size.font * len(table))
    )


def grid_ranks(results: Results) -> pd.DataFrame:
    """Rank of every quantizer by r_Q on every checkpoint grid; undefined ones come last."""
    table = results.tables["diagnostics"]
    ranks = {
        str(every): r_q.fillna(-np.inf).rank(ascending=False, method="average")
        for every, r_q in r_q_on_grids(table).items()
    }
    return pd.DataFrame({"quantizer": table["quantizer"]} | ranks)


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    """At most about as many checkpoints of each quantizer as can be seen, the marked ones kept."""
    count = table.groupby("quantizer").cumcount()
    every = -(-int(count.max() + 1) // POINTS)
    last = count == table.groupby("quantizer")["epoch"].transform("size") - 1
    return table[(count % every == 0) | last | (table["checkpoint"] != "")]


def _short(value: float) -> float:
    return float(f"{value:.5g}")
