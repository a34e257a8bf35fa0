"""Modules imported without a look for garbage among them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep Python from looking for garbage, for imports that are done in here.

    They make hundreds of thousands of objects that stay, and every look goes through more of them:
    a seventh of the time that the imports of a run take.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
