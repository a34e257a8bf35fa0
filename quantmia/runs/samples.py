"""The names of recorded samples, beside their runs."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from quantmia.errors import FolderError
from quantmia.files import write_text

FILE = "samples.csv"


def write_names(folder: Path, names: Sequence[str]) -> None:
    """`samples.csv`, where samples have names.

    Args:
        folder: of the runs.
        names: in the order of the pool.
    """
    if names:
        write_text(folder / FILE, pd.DataFrame({"sample": list(names)}).to_csv(index=False))


def read_names(folder: Path, places: Sequence[int]) -> list[str]:
    """Names of some samples; where there are none, their places.

    Args:
        folder: of the runs.
        places: in the pool.

    Raises:
        FolderError: the file cannot be read.
    """
    if not (folder / FILE).exists():
        return [str(place) for place in places]
    try:
        names = pd.read_csv(folder / FILE, dtype=str, keep_default_na=False)["sample"]
        return list(names.iloc[list(places)])
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise FolderError(f"{folder / FILE} cannot be read ({error}); record it again") from None
