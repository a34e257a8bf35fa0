"""What 32-bit floats, in which models compute, keep of a column of numbers."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

EPS = float(np.finfo(np.float32).eps)
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).tiny)
FEW = 0.01  # share of different numbers that may become equal


def precise(numbers: pd.Series) -> tuple[pd.Series, str | None]:
    """Numbers as 32-bit floats can hold them: as they are, or less their middle.

    Args:
        numbers: float64.

    Returns:
        The numbers, and what is to be said of them, as the end of a sentence that names them.
    """
    finite = numbers[numbers.abs() <= LARGEST]  # what is beyond is dropped
    if finite.empty or not _at_risk(finite):
        return numbers, None
    ordered, middle = np.sort(finite.to_numpy()), finite.median()
    different, said = _different(ordered), []
    lost = different - _narrow(ordered)
    shifted = ordered - middle  # which keeps the order
    if (less := _different(shifted) - _narrow(shifted)) < lost:
        numbers, lost = numbers - middle, less
        said.append("is centred, because its numbers differ by less than 32-bit floats tell apart")
    if lost > FEW * different:
        small = finite.abs().max() < 1e3 * SMALLEST
        said.append(
            f"holds {different} different numbers, {lost} of which 32-bit floats make equal "
            f"to others; {'scale them up' if small else 'subtract what they share'} first"
        )
    return numbers, "; ".join(said) or None


def _at_risk(finite: pd.Series) -> bool:
    """Whether half of the numbers lie so close together that rounding could make some equal."""
    largest = float(finite.abs().max())
    low, high = np.quantile(finite, (0.25, 0.75))
    close = high - low < 1e4 * len(finite) * largest * EPS
    return largest > 0 and bool(close or largest < SMALLEST)


def _different(ordered: NDArray[np.floating]) -> int:
    """How many different numbers there are among some in their order, of which there is one."""
    return 1 + int(np.count_nonzero(ordered[1:] != ordered[:-1]))


def _narrow(ordered: NDArray[np.float64]) -> int:
    """How many of them 32-bit floats, which round without changing the order, tell apart."""
    with np.errstate(over="ignore", under="ignore"):
        return _different(ordered.astype(np.float32))
