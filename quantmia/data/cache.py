"""Folders of the cache, of what takes long to compute."""

from pathlib import Path

from quantmia.errors import QuantmiaError


def folder_in(cache: Path, name: str) -> Path:
    """A folder of the cache, which is made if it is not there.

    Args:
        cache: the cache folder.
        name: of the folder.

    Raises:
        QuantmiaError: it cannot be made.
    """
    folder = cache / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise QuantmiaError(
            f"QUANTMIA_CACHE: the folder {folder} cannot be made: {error.strerror}; name another "
            "one"
        ) from error
    return folder
