"""The names of recorded samples, beside their runs."""

import json
from collections.abc import Sequence
from pathlib import Path

from quantmia.errors import FolderError
from quantmia.files import write_text

FILE = "samples.json"


def write_names(folder: Path, names: Sequence[str]) -> None:
    """`samples.json`, where samples have names.

    Args:
        folder: of the runs.
        names: in the order of the pool.
    """
    if names:
        write_text(folder / FILE, json.dumps(list(names), ensure_ascii=False) + "\n")


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
        names = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return [str(names[place]) for place in places]
    except (OSError, KeyError, TypeError, ValueError, IndexError) as error:
        raise FolderError(f"{folder / FILE} cannot be read ({error}); record it again") from None
