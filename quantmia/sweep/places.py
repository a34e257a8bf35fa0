"""Where runs and sweeps go: new folders, or those that a call goes on with."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from quantmia.runs.folder import RunFolder
from quantmia.sweep.plan import is_sweep, read_plan, what_runs

RUN_NAME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")


def run_dir(name: str, resume: bool) -> str:
    """A new folder under outputs/<name>/, or with `resume` the newest that is not finished.

    When all are finished, the newest is completed (more runs, other tables); when there is none,
    a new one is made.

    Args:
        name: of the experiment.
        resume: go on with an existing folder.
    """
    parent = Path("outputs", str(name))
    if resume is True and parent.is_dir():
        existing = sorted(path for path in parent.iterdir() if RUN_NAME.match(path.name))
        open_ones = [path for path in existing if not RunFolder(path).finished]
        if existing:
            return str((open_ones or existing)[-1])
    return str(_fresh(parent))


def sweep_dir(resume: bool, arguments: Sequence[str]) -> str:
    """A new folder under outputs/sweeps/, or with `resume` the newest of the same sweep.

    Args:
        resume: go on with an existing folder.
        arguments: of the sweep.
    """
    parent = Path("outputs", "sweeps")
    if resume is True and parent.is_dir():
        for path in sorted((p for p in parent.iterdir() if is_sweep(p)), reverse=True):
            if read_plan(path).command == what_runs(arguments):
                return str(path)
    return str(_fresh(parent))


def slug(overrides: str) -> str:
    """A folder's name for overrides; long or strange ones are cut and get a hash.

    Args:
        overrides: text such as `seed=1,shard=0`.
    """
    overrides = re.sub(r"[][{}'\" ]", "", overrides)  # as in quantizer=[sign,uniform_4]
    kept = re.sub(r"[^A-Za-z0-9=.,_+-]+", "_", overrides).strip(".")
    if not kept:
        return "job"
    if kept == overrides and len(kept) <= 80:
        return kept
    return f"{kept[:80]}-{hashlib.sha256(overrides.encode()).hexdigest()[:8]}"


def _fresh(parent: Path) -> Path:
    path = fresh = parent / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    count = 1
    while path.exists():  # two within a second
        count += 1
        path = fresh.with_name(f"{fresh.name}_{count}")
    return path
