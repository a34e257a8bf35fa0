"""A command in a process of its own: its seconds, its memory, and what it leaves on the disk."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from quantmia.errors import QuantmiaError
from quantmia.files import write_text
from scripts.scale.axes import AXES, Axis

DATA = "data"  # folder of what is made
MOST = 3600  # seconds, after which a point is given up


def measure(axis: Axis, point: int, folder: Path, cores: int) -> dict[str, float]:
    """Run a point, unless it was run by the same command.

    Args:
        axis: of the point.
        point: how many.
        folder: of what is measured; made data and the measurement stay there, the run does not.
        cores: of the machine, which are noted.

    Returns:
        `seconds` of the whole command, of `training` and of `ranking`; `memory` and `disk`, MiB.

    Raises:
        QuantmiaError: the command failed.
    """
    data = folder / DATA / f"{axis.key}-{point}.csv"
    overrides = list(axis.command(point, data))
    path = folder / f"{axis.key}-{point}.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["overrides"] == overrides and found["cores"] == cores:
            return found["figures"]
    data.parent.mkdir(parents=True, exist_ok=True)
    if axis.source and not data.exists():
        axis.source(point, data)
    figures = run(overrides, folder)
    content = {"axis": axis.key, "point": point, "cores": cores}
    content |= {"overrides": overrides, "figures": figures}
    write_text(path, json.dumps(content, indent=1) + "\n")
    return figures


def kept(folder: Path) -> list[dict[str, str | float]]:
    """All measurements, in the order of the axes: `axis, point, cores` and the figures.

    Args:
        folder: where they are.

    Raises:
        QuantmiaError: there is none.
    """
    read = [json.loads(each.read_text(encoding="utf-8")) for each in folder.glob("*-*.json")]
    if not read:
        raise QuantmiaError(f"{folder}: nothing is measured there; 'make scale' measures it")
    order = [each.key for each in AXES]
    read.sort(key=lambda each: (order.index(each["axis"]), each["point"]))
    return [
        {key: each[key] for key in ("axis", "point", "cores")} | each["figures"] for each in read
    ]


def run(overrides: Sequence[str], folder: Path, cache: Path | None = None) -> dict[str, float]:
    """One `quantmia run`, embeddings and all.

    Args:
        overrides: of it.
        folder: in which it works.
        cache: that it has; None: an empty one.

    Raises:
        QuantmiaError: the command failed.
    """
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name, "run")
        command = [sys.executable, "-m", "quantmia.cli", "run", *overrides, f"hydra.run.dir={path}"]
        with Path(name, "said").open("wb") as said:
            started = time.monotonic()
            process = subprocess.Popen(
                command,
                stdout=said,
                stderr=said,
                env={**os.environ, "QUANTMIA_CACHE": str(cache or Path(name, "cache"))},
            )
            status, usage = waited(process, started + MOST)
            seconds = time.monotonic() - started
        if status:
            last = Path(name, "said").read_text(encoding="utf-8", errors="replace")[-2000:]
            raise QuantmiaError(f"quantmia run {' '.join(overrides)}: exit code {status}\n{last}")
        timings = json.loads((path / "manifest.json").read_text(encoding="utf-8"))["timings"]
        training = timings["measuring_seconds"]
        return {
            "seconds": round(seconds, 2),
            "training": training,
            "ranking": round(timings["total_seconds"] - training, 2),
            "memory": round(usage / 1024, 1),
            "disk": round(size(path), 2),
        }


def waited(process: subprocess.Popen, until: float) -> tuple[int, int]:
    """Exit code and peak memory, KiB, of a process; one that takes too long is ended.

    The peak is that of the largest among it and the processes it waited for.

    Args:
        process: that runs.
        until: by `time.monotonic`.
    """
    try:
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode, usage.ru_maxrss
            if time.monotonic() > until:
                process.kill()
            time.sleep(0.02)
    except BaseException:
        process.kill()
        raise


def size(folder: Path) -> float:
    """MiB of all files in a folder."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) / 2**20


def forget(folder: Path) -> None:
    """Remove data that were made.

    Args:
        folder: of what is measured.
    """
    shutil.rmtree(folder / DATA, ignore_errors=True)
