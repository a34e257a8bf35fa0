"""Commands as processes of their own that start at once, as jobs on one machine do.

What they share with their siblings are the seeds of Python's hashes and of NumPy's global
generator, so that tests of the same bits need a cold process as well.
"""

import atexit
import os
import pkgutil
import runpy
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import quantmia
from hydra_plugins.quantmia_slurm.forks import Forks
from quantmia.files import write_text

# Of other packages, what commands import late.
LATE = (
    "altair",
    "hydra._internal.config_loader_impl",
    "hydra.core.override_parser.overrides_parser",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "scipy.stats",
    "sklearn.ensemble",
    "vl_convert",
)
# Of ours, those that are run and those whose library takes seconds and is asked elsewhere.
LEFT_OUT = ("__main__", "bitsandbytes_modules")
ROOT = Path(__file__).parents[2]
SECONDS = 300  # after which a command is ended

# As the command does, which cannot be imported before it is run.
sys.modules.setdefault("rfc3987_syntax", None)  # pyright: ignore[reportArgumentType]


@cache
def forks() -> Forks:
    names = (each.name for each in pkgutil.walk_packages(quantmia.__path__, "quantmia."))
    ours = (name for name in names if not name.endswith(LEFT_OUT))
    made = Forks([__name__, *ours, *LATE], {"PYTHONPATH": str(ROOT)})
    atexit.register(made.close)
    return made


@cache
def kept() -> Path:
    """A folder of what is made once for all commands."""
    folder = tempfile.TemporaryDirectory(prefix="quantmia-kept-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _bundled(path: Path, bundle: Callable[[], str]) -> str:
    """The script of every page, which the library makes of the same files for two seconds."""
    if not path.exists():
        write_text(path, bundle())
    return path.read_text(encoding="utf-8")


def command(
    arguments: Sequence[str], where: str, environment: dict[str, str], kept: Path, grouped: bool
) -> None:
    """Make this process the one that a shell would start for a command, and run it."""
    if grouped:
        os.setsid()
    drawing = sys.modules.get("vl_convert")
    if drawing:
        script = partial(_bundled, kept / "script.js", drawing.javascript_bundle)
        drawing.javascript_bundle = script  # pyright: ignore[reportAttributeAccessIssue]
    os.chdir(where)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["quantmia", *arguments]
    sys.path[0] = where
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.alarm(SECONDS)
    try:
        runpy.run_module("quantmia.cli", run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
