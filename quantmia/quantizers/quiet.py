"""Libraries without what they remark upon, or do besides what they are imported for."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Without what a library logs or warns of."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


@contextmanager
def without(package: str) -> Iterator[None]:
    """As if a package were not installed; what has imported it before keeps it.

    Args:
        package: its name.
    """
    before = sys.modules.get(package)
    sys.modules[package] = None  # pyright: ignore[reportArgumentType]: how Python has it
    try:
        yield
    finally:
        del sys.modules[package]
        if before is not None:
            sys.modules[package] = before
