"""The command line in a folder, and what it leaves there."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.end_to_end import warm

ROOT = Path(__file__).parents[2]
QUANTMIA = [sys.executable, "-m", "quantmia.cli"]
# An experiment of a few seconds.
SMALL = [
    "+experiment=synthetic",
    "dataset.size=200",
    "dataset.dimension=16",
    "training.epochs=12",
    "training.stack=4",
    "runs=8",
    "ranking.bootstrap=100",
    "ranking.halves=20",
]


def quantmia(where: Path, *arguments: str, cold: bool = False) -> subprocess.CompletedProcess:
    """Run a command to its end.

    Args:
        where: its working folder.
        arguments: without `quantmia`.
        cold: by a new Python, as a shell does it. Every command is so once at least: what it lacks
            to import would not be noticed otherwise.
    """
    if cold:
        return subprocess.run(
            [*QUANTMIA, *arguments],
            cwd=where, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as logs:
        call = partial(warm.command, arguments, str(where), dict(os.environ))
        number = warm.forks().start(call, Path(logs))
        ((ended, code),) = warm.forks().ended()
        assert ended == number
        printed = (Path(logs, f"{number}_0_log.{each}") for each in ("out", "err"))
        said = (each.read_text(encoding="utf-8") for each in printed)
        return subprocess.CompletedProcess(["quantmia", *arguments], code, *said)


def bits(folder: Path) -> dict[str, str]:
    """SHA-256 of every result."""
    files = [*folder.rglob("*.safetensors"), *folder.glob("*.csv"), *folder.glob("ranking.*")]
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")}


def wait_for(holds: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "gave up waiting"
        time.sleep(0.05)
