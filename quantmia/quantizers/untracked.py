"""OpenVINO and NNCF without what they send home.

Both report each import, conversion and quantization to Google Analytics by the package
`openvino_telemetry` unless a file in the home directory says no, and write an identifier there.
Where that package cannot be imported both do without it.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from quantmia.quantizers.quiet import quiet

TELEMETRY = "openvino_telemetry"


@contextmanager
def _untracked() -> Iterator[None]:
    """As if the package were not installed; what has imported it before keeps it."""
    before = sys.modules.get(TELEMETRY)
    sys.modules[TELEMETRY] = None  # pyright: ignore[reportArgumentType]: how Python has it
    try:
        yield
    finally:
        del sys.modules[TELEMETRY]
        if before is not None:
            sys.modules[TELEMETRY] = before


with _untracked(), quiet():
    import nncf
    import openvino

nncf.set_log_level(logging.ERROR)

__all__ = ["nncf", "openvino"]
