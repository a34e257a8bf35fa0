"""OpenVINO and NNCF without what they send home.

Both report each import, conversion and quantization to Google Analytics by the package
`openvino_telemetry` unless a file in the home directory says no, and write an identifier there.
Where that package cannot be imported both do without it.
"""

import logging

from quantmia.quantizers.quiet import quiet, without

with without("openvino_telemetry"), quiet():
    import nncf
    import openvino

nncf.set_log_level(logging.ERROR)

__all__ = ["nncf", "openvino"]
