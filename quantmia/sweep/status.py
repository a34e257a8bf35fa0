"""What became of the jobs of a sweep: from their folders, with SLURM's word where there is one."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console
from rich.table import Table

from quantmia.errors import QuantmiaError, as_override
from quantmia.runs.folder import RunFolder
from quantmia.sweep.plan import Job, Plan
from quantmia.sweep.queue import Queue, in_queue, log_of, submitted

STATES = ("done", "running", "pending", "failed", "missing")
FAILURE = "failure.txt"


@dataclass(frozen=True)
class Standing:
    """How a job stands.

    Args:
        job: which.
        state: one of `STATES`.
        runs: finished runs, of `planned`; the latter 0 where it is not known yet.
        why: it failed or waits, in a line.
        log: of a failure, if there is one.
    """

    job: Job
    state: str
    runs: int
    planned: int
    why: str = ""
    log: Path | None = None


def standings(plan: Plan) -> list[Standing]:
    """How every job of a sweep stands."""
    ids = submitted(plan.path)
    queue = (in_queue() or {}) if ids else {}
    return [_standing(plan, job, ids.get(job.folder, []), queue) for job in plan.jobs]


def again(plan: Plan) -> str:
    """The command that runs what is not finished of a sweep.

    Args:
        plan: of the sweep.
    """
    there = as_override("hydra.sweep.dir", str(plan.path))
    return f"{shlex.join(['quantmia', 'run', '-m', *plan.command])} {there} resume=true"


def show_status(plan: Plan, found: Sequence[Standing]) -> None:
    """Print how the jobs stand, and the command for what is left."""
    console = Console()
    table = Table("job", "state", "runs", "", title=str(plan.path), title_justify="left")
    for each in found:
        runs = f"{each.runs}/{each.planned}" if each.planned else ""
        table.add_row(each.job.folder, each.state, runs, each.why)
    console.print(table)
    states = [each.state for each in found]
    count = {state: states.count(state) for state in STATES if state in states}
    console.print(", ".join(f"{number} {state}" for state, number in count.items()))
    if count.keys() & {"failed", "missing"}:
        print(f"To run what is left:\n  {again(plan)}")
    if "done" in count:
        print(f"The ranking of what is done:\n  {shlex.join(['quantmia', 'rank', str(plan.path)])}")


def record_failure(folder: Path, text: str) -> None:
    """Note why a job failed, for `standings`.

    Args:
        folder: of the job.
        text: for a user's mistake one line, else the traceback.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FAILURE).write_text(text + "\n", encoding="utf-8")


def forget_failure(folder: Path) -> None:
    """The job starts again."""
    (folder / FAILURE).unlink(missing_ok=True)


def _standing(plan: Plan, job: Job, ids: Sequence[str], queue: Queue) -> Standing:
    path = plan.folder(job)
    planned, done = _runs(path)
    failure = path / FAILURE  # of the last attempt, perhaps to give it more runs
    if RunFolder(path).finished and not failure.exists():
        return Standing(job, "done", done, planned)
    queued = next((queue[each] for each in reversed(ids) if each in queue), None)
    if queued and queued[0] == "PENDING":
        return Standing(job, "pending", done, planned, queued[1])
    if queued is not None or _held(path):
        return Standing(job, "running", done, planned)
    log = next((each for each in (log_of(plan.path, i) for i in ids[-1:]) if each.exists()), None)
    if failure.exists():
        why = failure.read_text(encoding="utf-8").strip().splitlines() or ["unknown"]
        return Standing(job, "failed", done, planned, why[-1], log or failure)
    if path.exists() or ids:
        return Standing(job, "failed", done, planned, "killed", log)
    return Standing(job, "missing", done, planned)


def _runs(path: Path) -> tuple[int, int]:
    """Runs planned and runs there, as far as they can be told without reading them."""
    try:
        planned = len(RunFolder(path).numbers())
    except (QuantmiaError, KeyError):
        return 0, 0
    return planned, len(list((path / "scores").glob("run-*.safetensors")))


def _held(path: Path) -> bool:
    """Whether a process works in the folder: it holds the lock, which ends with it."""
    lock = path / ".lock"
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # another user's
        return False
