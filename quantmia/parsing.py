"""Numbers of tables in text, read to their last bit by every version of pandas."""

from typing import Any

import pandas as pd

# Since 3.1 pandas does so unasked, and deprecates being asked.
_UNASKED = tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1)
EXACT: dict[str, Any] = {} if _UNASKED else {"float_precision": "round_trip"}
