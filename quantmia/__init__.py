"""What should I ship, and what does it leak about who was in the training set?

`load` reads what a run concluded, for notebooks.
"""

from typing import TYPE_CHECKING

__all__ = ["Report", "__version__", "load"]

if TYPE_CHECKING:
    from quantmia.report.load import Report, load

    __version__: str


def __getattr__(name: str):
    """What needs pandas is imported when it is wanted: `quantmia list` has no use for it."""
    if name == "__version__":
        from importlib.metadata import version

        return version("quantmia")
    if name in __all__:
        from quantmia.report import load

        return getattr(load, name)
    raise AttributeError(f"module 'quantmia' has no attribute {name!r}")
