"""The command line in a folder, and what it leaves there."""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from tests.end_to_end import warm

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
    "release.checkpoints=[best,2,last]",  # of auto's ten; that is looked at where it matters
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
    return Begun(where, *arguments).end()


class Begun:
    """A command that has begun.

    Args:
        where: its working folder.
        arguments: without `quantmia`.
        grouped: it leads a group of processes, as a terminal has it, whose number is its own.
    """

    _codes: ClassVar[dict[int, int]] = {}  # of those that have ended, by their numbers

    def __init__(self, where: Path, *arguments: str, grouped: bool = False):
        self.arguments, self._logs = arguments, tempfile.TemporaryDirectory()
        call = partial(warm.command, arguments, str(where), dict(os.environ), warm.kept(), grouped)
        self.number = warm.forks().start(call, Path(self._logs.name))

    def send_signal(self, which: signal.Signals) -> None:
        os.kill(self.number, which)

    def is_over(self, seconds: float | None = 0) -> bool:
        if self.number not in self._codes:
            self._codes.update(warm.forks().ended(seconds))
        return self.number in self._codes

    def end(self) -> subprocess.CompletedProcess:
        """Wait until it is over."""
        while not self.is_over(None):
            pass
        with self._logs as logs:
            paths = (Path(logs, f"{self.number}_0_log.{each}") for each in ("out", "err"))
            said = [each.read_text(encoding="utf-8") for each in paths]
        code = self._codes.pop(self.number)
        return subprocess.CompletedProcess(["quantmia", *self.arguments], code, *said)


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
