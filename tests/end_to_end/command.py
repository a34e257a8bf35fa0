"""The command line in a folder, and what it leaves there."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

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


def quantmia(where: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*QUANTMIA, *arguments],
        cwd=where, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def bits(folder: Path) -> dict[str, str]:
    """SHA-256 of every result."""
    files = [*folder.rglob("*.safetensors"), *folder.glob("*.csv"), *folder.glob("ranking.*")]
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")}


def wait_for(holds: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "gave up waiting"
        time.sleep(0.05)
