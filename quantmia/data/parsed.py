"""Text parsed a block of rows at a time: the table that the whole text gives, in less memory.

What a column is depends on all of its texts: a block may hold whole numbers alone, and the next one
a fraction. Columns of which blocks differ are parsed again, as what the whole column is.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantmia.parsing import BY_BLOCKS

BLOCK = 1 << 16  # rows
DIGITS = 19  # of the largest integers
WHOLE = 2.0**53  # up to which floats hold every integer


def parsed(read: Callable[..., Any]) -> pd.DataFrame:
    """A table of text.

    Args:
        read: `pandas.read_csv` of all the text at each call, with `low_memory=False`.

    Raises:
        pandas.errors.ParserError: as `read` itself does.
    """
    if not BY_BLOCKS:
        return read()
    try:
        with read(chunksize=BLOCK) as reader:
            blocks = list(reader)
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError):
        return read()  # which says it of the whole text
    if len(blocks) < 2:
        return blocks[0] if blocks else read()
    again = [
        number
        for number in range(blocks[0].shape[1])
        if not _settled([block.iloc[:, number] for block in blocks])
    ]
    table = pd.concat(blocks, ignore_index=True)
    del blocks
    if again:
        columns = read(usecols=again)
        for place, number in enumerate(again):
            table.isetitem(number, columns.iloc[:, place])
    return table


def _settled(blocks: Sequence[pd.Series]) -> bool:
    """Whether a column is as a whole what its blocks are."""
    kind, *others = {block.dtype for block in blocks}
    if others:
        return False
    if isinstance(kind, pd.StringDtype):
        return not any(any(map(_overflows, block.to_numpy(object))) for block in blocks)
    return kind.kind in "iub" or (kind.kind == "f" and not any(map(_ambiguous, blocks)))


def _overflows(text: object) -> bool:
    """Whether a text is more digits than integers have: then pandas leaves `NA` in its column."""
    return isinstance(text, str) and len(text) >= DIGITS and text.strip(" +-").isdigit()


def _ambiguous(block: pd.Series) -> bool:
    """Whether numbers may be integers beside gaps, of which some are other floats than as floats.

    As an integer -0 is 0, and beyond 2^53 it is rounded in another way.
    """
    numbers = block.to_numpy()
    there = numbers[~np.isnan(numbers)]
    if len(there) == len(numbers) or (np.modf(there)[0] != 0).any() or np.isinf(there).any():
        return False
    return bool(((there == 0) | (np.abs(there) >= WHOLE)).any())
