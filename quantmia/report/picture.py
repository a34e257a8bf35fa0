"""The front drawn with letters, for a terminal."""

from string import ascii_letters

import numpy as np
import pandas as pd
from rich.text import Text

from quantmia.ranking.conclusion import REFERENCE
from quantmia.ranking.decision import Decision
from quantmia.report.numbers import FLOOR

HEIGHT, MARGIN, WIDEST = 15, 7, 110
FULL, SHIP = "●", "◆"


def picture(front: pd.DataFrame, decision: Decision, width: int) -> Text:
    """Every release at its utility and MIS; a letter a quantizer, or a folder of several.

    Args:
        front: one row a release; of several folders with `folder`.
        decision: whose choice is marked, and whose attack is drawn.
        width: of the terminal, in columns.
    """
    across, down = min(width, WIDEST) - MARGIN - 1, HEIGHT - 1
    utility, mis = front["utility"].to_numpy(float), front[f"mis_{decision.attack}"].to_numpy(float)
    if front["utility_metric"].iloc[0] == "r2":
        utility = np.maximum(utility, FLOOR)
    known = np.isfinite(utility)
    low, high = (utility[known].min(), utility[known].max()) if known.any() else (0.0, 1.0)
    room = high - low or 1.0
    groups, metric = front["folder" if "folder" in front else "quantizer"], decision.metric
    names = list(dict.fromkeys(groups))
    letters = dict(zip([name for name in names if name != REFERENCE], ascii_letters, strict=False))
    letters[REFERENCE] = FULL
    cells = [[" "] * (across + 1) for _ in range(HEIGHT)]
    # Full precision over the others, what is shipped over all.
    rows = sorted(np.flatnonzero(known), key=lambda i: groups.iloc[i] == REFERENCE)
    for i in rows:
        row, column = round((1 - mis[i]) * down), round((utility[i] - low) / room * across)
        shipped = decision.ships(front.iloc[i])
        if cells[row][column] != SHIP:
            cells[row][column] = SHIP if shipped else letters.get(groups.iloc[i], "·")
    title = f"MIS by {decision.attack} (1 = no leak) against {metric}, a mark a release"
    lines = [title]
    for number, cell in enumerate(cells):
        label = f"{1 - number / down:.2f}" if number % 7 == 0 else ""
        lines.append(f"{label:>{MARGIN - 1}}│{''.join(cell)}".rstrip())
    lines.append(" " * (MARGIN - 1) + "└" + "─" * (across + 1))
    right = f"{metric} {high:.3f}"
    lines.append(" " * MARGIN + f"{low:.3f}{right:>{across + 1 - len(f'{low:.3f}')}}")
    legend = [f"{SHIP} ship", *(f"{letters.get(name, '·')} {name}" for name in names)]
    return Text("\n".join([*lines, *_wrapped(legend, width), ""]))


def _wrapped(items: list[str], width: int) -> list[str]:
    """Items beside each other, none cut in two."""
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + 2 + len(item) > width:
            lines.append("")
        lines[-1] += ("  " if lines[-1] else "") + item
    return lines
