"""The charts of a ranking.

One definition of each serves the page (interactive), notebooks, and the SVG and PDF of a paper.
"""

from collections.abc import Callable

import numpy as np

from quantmia.ranking.results import Results
from quantmia.report import curves, front, matrices, points
from quantmia.report.style import SCREEN, Chart, Size, themed


def charts(results: Results, size: Size = SCREEN) -> dict[str, Chart]:
    """Every chart that the tables allow, by name.

    Args:
        results: whose tables.
        size: of the largest.
    """
    many, attacked = len(results.ranking) > 1, bool(results.trusted)
    losses = results.of_losses
    # With one checkpoint it never is.
    defined = losses and bool(np.isfinite(results.ranking["r_q"]).any())
    wanted: dict[str, tuple[bool, Callable[[Results, Size], Chart]]] = {
        "front": (results.decision is not None, front.front),
        "pareto": (attacked and results.decision is None, points.pareto),
        "agreement": (attacked and defined, points.agreement),
        "pairs": (many, matrices.pairs),
        "roc": ("roc" in results.tables, curves.roc),
        "trajectory": (losses, curves.trajectory),
        "grid": (many and losses, curves.grid),
    }
    return {
        name: themed(draw(results, size), size) for name, (there, draw) in wanted.items() if there
    }
