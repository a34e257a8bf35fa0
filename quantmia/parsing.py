"""What versions of pandas do otherwise when they read tables of text."""

from typing import Any

import pandas as pd

_VERSION = tuple(map(int, pd.__version__.split(".")[:2]))
# Numbers are read to their last bit unasked since 3.1, which deprecates being asked.
EXACT: dict[str, Any] = {} if _VERSION >= (3, 1) else {"float_precision": "round_trip"}
# Version 2.2 cuts a row that is too long, and begins a block, off without a word.
BY_BLOCKS = _VERSION >= (3, 0)
