"""Rows that calibrate quantizers: of whom they are, and which a run is shown."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from quantmia.data.split import Split
from quantmia.seeding import Purpose, stream
from quantmia.vocabulary import Shown


def calibration_inputs(
    parts: Split,
    inputs: Float[np.ndarray, "samples *features"],
    source: Shown,
    rows: int,
    mask: Bool[np.ndarray, "runs pool"],
    runs: Sequence[tuple[int, int]],
) -> Float[np.ndarray, "runs rows *features"]:
    """What the quantizers of each run are shown.

    Args:
        parts: of the dataset.
        inputs: features of all its samples, as the models see them.
        source: the run's `members`; samples set `apart`; or `noise`, standard normal numbers, which
            have the mean and the deviation of standardised features and are nobody's.
        rows: at most, of samples.
        mask: who each run trains on.
        runs: seed and index of each.
    """
    if source != "noise":
        return inputs[calibration_rows(parts, source, rows, mask, runs)]
    shape = rows, *inputs.shape[1:]
    drawn = [stream(seed, Purpose.CALIBRATION, run).standard_normal(shape) for seed, run in runs]
    return np.stack(drawn).astype(inputs.dtype)


def calibration_rows(
    parts: Split,
    source: Literal["members", "apart"],
    rows: int,
    mask: Bool[np.ndarray, "runs pool"],
    runs: Sequence[tuple[int, int]],
) -> Int[np.ndarray, "runs rows"]:
    """Samples that calibrate the quantizers of each run, by index into the dataset.

    The first of many are those of fewer. A run with fewer members than that, as coins may give it,
    is shown some of them again.

    Args:
        parts: of the dataset.
        source: the run's `members`, or those set `apart`, of which each run draws its own.
        rows: at most; there are no more than half the pool, or than are set apart.
        mask: who each run trains on.
        runs: seed and index of each.
    """
    count = min(rows, len(parts.apart) if source == "apart" else len(parts.pool) // 2)
    found = [
        rows_of(parts.apart if source == "apart" else parts.pool[row], count, *each)
        for row, each in zip(mask, runs, strict=True)
    ]
    return np.stack(found)


def rows_of(own: NDArray[np.int64], count: int, seed: int, run: int) -> NDArray[np.int64]:
    """Samples that calibrate one run, drawn among its own; of too few some come again.

    Args:
        own: among which.
        count: how many.
        seed: of the run.
        run: its index.
    """
    return np.resize(stream(seed, Purpose.CALIBRATION, run).permutation(own), count)
