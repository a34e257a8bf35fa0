"""Which checkpoints of a training might be shipped."""

from collections.abc import Sequence

import numpy as np

from quantmia.vocabulary import BEST, LAST

GRID = 8  # epochs of release.checkpoints=auto, besides the best


def released(chosen: str | Sequence[str | int], epochs: Sequence[int]) -> dict[str, int | None]:
    """The epoch of every checkpoint that is released, by its name; None of `best`, which has many.

    The last one always is, because the ranking is of it.

    Args:
        chosen: which are wanted, as `release.checkpoints`.
        epochs: of the checkpoints that a training makes.
    """
    if chosen == "auto":
        chosen = [BEST, *on_grid(epochs)]
    wanted = [chosen] if isinstance(chosen, str) else chosen
    found: dict[str, int | None] = {BEST: None} if BEST in wanted else {}
    numbers = sorted({each for each in wanted if isinstance(each, int)} - {epochs[-1]})
    return found | {str(epoch): epoch for epoch in numbers} | {LAST: epochs[-1]}


def on_grid(epochs: Sequence[int]) -> list[int]:
    """About eight of them, on a geometric grid from the first to the last.

    Args:
        epochs: ascending.
    """
    grid = np.geomspace(epochs[0], epochs[-1], GRID)
    return sorted({min(epochs, key=lambda epoch: abs(epoch - each)) for each in grid})
