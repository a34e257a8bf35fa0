"""Quantizers as points: privacy against utility, and the indicator against an attack."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from quantmia.ranking.pareto import undominated
from quantmia.ranking.results import Results
from quantmia.report.extra import alt
from quantmia.report.numbers import FLOOR, bits_a_weight, with_interval
from quantmia.report.style import FAINT, INK, TEXT, Chart, Size, attack_choice, edged

# Where a label may stand: after its point (or before it), above or below; the nearest first.
PLACES = [(after, dy) for dy in (-8, 9, -21, 22) for after in (True, False)]
CROWDED = 0.3  # of a label, which is left out if more of it would lie on something else
ACROSS, DOWN = 0.12, 0.08  # room around the points, of what they take
LETTER, LINE = 0.54, 1.1  # width of one and height of a line, of the font's size


@dataclass(frozen=True)
class Scale:
    """What an axis shows.

    Args:
        key: column.
        title: beside it.
        log: whether it is logarithmic.
        reverse: whether small values are right or above.
    """

    key: str
    title: str
    log: bool = False
    reverse: bool = False

    def drawn(self, domain: list[float]) -> alt.Scale:
        """As Altair draws it.

        Args:
            domain: its ends.
        """
        kind: Any = "log" if self.log else "linear"
        return alt.Scale(type=kind, domain=domain, nice=False, reverse=self.reverse)


def utilities(results: Results) -> pd.DataFrame:
    """Mean utility of every quantizer over the runs, with Student's interval.

    Args:
        results: of any folder.

    Returns:
        Columns `quantizer, utility, utility_low, utility_high`.
    """
    metric = results.ranking["utility_metric"].iloc[0]
    values = results.utility[results.utility["metric"] == metric].groupby("quantizer")["value"]
    count, mean = values.count(), values.mean()
    quantile = t.ppf((1 + results.confidence) / 2, np.maximum(count - 1, 1))
    half = (values.std() / np.sqrt(count) * quantile).where(count > 1)
    table = pd.DataFrame({"utility": mean, "utility_low": mean - half, "utility_high": mean + half})
    return table.reset_index()


def by_attack(results: Results) -> pd.DataFrame:
    """AUC, MIS, utility and r_Q by quantizer and attack with intervals, and who is on the front.

    Args:
        results: with attacks.
    """
    spread = [f"{key}{end}" for key in ("auc", "mis") for end in ("", "_low", "_high")]
    kept = ["quantizer", "bits"]
    kept += ["r_q", "r_q_low", "r_q_high"] if results.of_losses else []
    rows = results.attacks[["quantizer", "attack", *spread]].merge(results.ranking[kept])
    rows = rows.merge(utilities(results))
    for key in _shown(results):
        numbers = rows[[key, f"{key}_low", f"{key}_high"]].to_numpy(float)
        rows[f"{key}_text"] = [with_interval(*row) for row in numbers]
    rows["pareto"] = False
    for _, mine in rows.groupby("attack"):
        auc, utility = mine[["auc", "utility"]].to_numpy(float).T
        rows.loc[mine.index, "pareto"] = undominated(-auc, utility)
    return rows


def _shown(results: Results) -> dict[str, str]:
    """Figures with intervals that a tooltip shows, and what it calls them."""
    of_losses = {"r_q": "r_Q"} if results.of_losses else {}
    return {"auc": "AUC", "mis": "MIS", "utility": results.metric} | of_losses


def pareto(results: Results, size: Size) -> Chart:
    """Utility against AUC with error bars both ways, and the front that no quantizer beats."""
    rows = by_attack(results)
    rows["label"] = rows["quantizer"] + rows["bits"].map(_bits)
    if results.ranking["utility_metric"].iloc[0] == "r2" and rows["utility"].min() < FLOOR:
        below = rows["utility"] < FLOOR
        rows.loc[below, "label"] += rows["utility"].map(", R² {:.1f} ◂".format)
        rows = edged(rows, "utility")
    fill = alt.condition("datum.pareto", alt.value(INK), alt.value("white"))
    across = Scale("utility", f"{results.metric} (higher is better)")
    up = Scale("auc", "AUC of the attack (0.5 = no leak)", reverse=True)
    return _labelled(results, size, rows, across, up, "label", fill, front=True)


def agreement(results: Results, size: Size) -> Chart:
    """r_Q against the MIS of an attack, with intervals."""
    rows = by_attack(results)
    rows = rows[np.isfinite(rows["r_q"])]
    log = bool((rows[["r_q", "r_q_low"]].min().dropna() > 0).all())
    across = Scale("r_q", "r_Q (higher is more private, says the paper)", log=log)
    up = Scale("mis", "MIS (1 = no leak)")
    return _labelled(results, size, rows, across, up, "quantizer", alt.value(INK), front=False)


def _labelled(
    results: Results,
    size: Size,
    rows: pd.DataFrame,
    across: Scale,
    up: Scale,
    label: str,
    fill: Any,
    front: bool,
) -> Chart:
    """Points of one attack with bars of uncertainty, and labels that keep clear of each other.

    Args:
        results: whose they are.
        size: of the chart.
        rows: of all attacks, which share the axes.
        across: what is shown from left to right.
        up: what is shown from bottom to top.
        label: column of the labels.
        fill: of the points.
        front: whether to join those that no other one beats.
    """
    key, high = across.key, up.key
    x_domain, y_domain = _domain(rows, across, ACROSS), _domain(rows, up, DOWN)
    axis = alt.Axis(tickCount=8, format="~g")
    x = alt.X(f"{key}:Q", title=across.title, scale=across.drawn(x_domain), axis=axis)
    y = alt.Y(f"{high}:Q", title=up.title, scale=up.drawn(y_domain), axis=axis)
    rows["place"] = 0
    for _, mine in rows.groupby("attack"):
        at = _pixels(mine[key], x_domain, size.width, across)
        above = _pixels(mine[high], y_domain, size.height, up)
        places = _places(at, size.height - above, list(mine[label]), size)
        rows.loc[mine.index, "place"] = places
    attack = attack_choice(results.attack_names)
    base = alt.Chart(rows).transform_filter(alt.datum.attack == attack)
    tips = [alt.Tooltip("quantizer:N"), alt.Tooltip("bits:Q", format=".3")]
    tips += [alt.Tooltip(f"{key}_text:N", title=title) for key, title in _shown(results).items()]
    bar = base.mark_rule(color=INK, opacity=0.8, clip=True)
    layers = [
        bar.encode(x, y).encode(x=f"{key}_low:Q", x2=f"{key}_high:Q"),
        bar.encode(x, y).encode(y=f"{high}_low:Q", y2=f"{high}_high:Q"),
    ]
    if front:
        line = base.transform_filter("datum.pareto").mark_line(color=FAINT, strokeDash=[4, 3])
        layers.insert(0, line.encode(x, y, order="utility:Q"))
    for place, (after, dy) in enumerate(PLACES):
        align, dx = ("left", 8) if after else ("right", -8)
        text = base.mark_text(align=align, dx=dx, dy=dy, fontSize=size.font, color=TEXT)
        text = text.transform_filter(alt.datum.place == place)
        layers.append(text.encode(x, y, text=f"{label}:N", tooltip=tips))
    # On top, where the mouse finds them under a label that comes close.
    points = base.mark_point(size=70, opacity=1, stroke=INK)
    layers.append(points.encode(x, y, tooltip=tips, fill=fill))
    return alt.layer(*layers).add_params(attack).properties(width=size.width, height=size.height)


def _bits(bits: float) -> str:
    shown = bits_a_weight(bits)
    return f" · {shown} {'bit' if shown == '1' else 'bits'}" if shown else ""


def _domain(rows: pd.DataFrame, scale: Scale, margin: float) -> list[float]:
    """From the least to the greatest end of an interval, with room around."""
    values = rows[[scale.key, f"{scale.key}_low", f"{scale.key}_high"]].to_numpy(float)
    values = np.log(values) if scale.log else values
    values = values[np.isfinite(values)]
    low, high = values.min(), values.max()
    room = margin * (high - low) or 0.5
    ends = np.array([low - room, high + room])
    return [float(end) for end in (np.exp(ends) if scale.log else ends)]


def _pixels(values: pd.Series, domain: list[float], size: int, scale: Scale) -> np.ndarray:
    """Where values stand on an axis."""
    at, (low, high) = values.to_numpy(float), domain
    if scale.log:
        at, low, high = np.log(at), np.log(low), np.log(high)
    share = (at - low) / (high - low)
    return (1 - share if scale.reverse else share) * size


def _places(across: np.ndarray, down: np.ndarray, labels: list[str], size: Size) -> list[int]:
    """For every point the place of its label that overlaps least with what was placed before.

    -1 where there is no room: the mouse asks for it, and the table has it.
    """
    taken = [(a - 6, d - 6, a + 6, d + 6) for a, d in zip(across, down, strict=True)]
    chosen, line = [], LINE * size.font
    for a, d, label in zip(across, down, labels, strict=True):
        boxes, wide = [], LETTER * size.font * len(label)
        for after, dy in PLACES:
            left = a + 8 if after else a - 8 - wide
            boxes.append((left, d + dy - line / 2, left + wide, d + dy + line / 2))
        costs = [
            sum(_overlap(box, other) for other in taken)
            + 50 * max(0.0, -box[0], box[2] - size.width)  # outside of the chart
            for box in boxes
        ]
        best = int(np.argmin(costs))
        if costs[best] > CROWDED * wide * line:
            chosen.append(-1)
            continue
        chosen.append(best)
        taken.append(boxes[best])
    return chosen


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Area that two boxes (left, top, right, bottom) share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
