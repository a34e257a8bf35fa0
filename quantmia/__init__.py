"""What should I ship, and what does it leak about who was in the training set?

`load` reads what a run concluded, for notebooks; `Plan` and `Recorder` are for models that you
train yourself.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["Plan", "Recorder", "Report", "__version__", "load"]

if TYPE_CHECKING:
    from quantmia.recording.plan import Plan
    from quantmia.recording.recorder import Recorder
    from quantmia.report.load import Report, load

    __version__: str

MODULES = {
    "Plan": "recording.plan",
    "Recorder": "recording.recorder",
    "Report": "report.load",
    "load": "report.load",
}


def __getattr__(name: str):
    """What needs pandas is imported when it is wanted: `quantmia list` has no use for it."""
    if name == "__version__":
        from importlib.metadata import version

        return version("quantmia")
    if name in MODULES:
        return getattr(import_module(f"quantmia.{MODULES[name]}"), name)
    raise AttributeError(f"module 'quantmia' has no attribute {name!r}")
