"""What a sweep is to run: its jobs and their folders, written before the first one starts."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from quantmia.errors import FolderError

FILE = "sweep.json"


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Args:
        overrides: of its configuration.
        folder: where it writes, below the sweep's folder.
    """

    overrides: tuple[str, ...]
    folder: str


@dataclass(frozen=True)
class Plan:
    """A sweep.

    Args:
        path: its folder.
        command: what `quantmia run -m` was started with, without `resume`.
        jobs: in Hydra's order.
        done: folders that held what is asked for before the sweep was started.
    """

    path: Path
    command: tuple[str, ...]
    jobs: tuple[Job, ...]
    done: frozenset[str] = frozenset()

    def write(self) -> None:
        """Write it into the sweep's folder."""
        self.path.mkdir(parents=True, exist_ok=True)
        jobs = [asdict(job) for job in self.jobs]
        content = {"command": list(self.command), "jobs": jobs, "done": sorted(self.done)}
        from quantmia.files import write_json  # and NumPy, which nothing else here wants

        write_json(self.path / FILE, content)

    def folder(self, job: Job) -> Path:
        """Where a job writes."""
        return self.path / job.folder


def is_sweep(path: Path) -> bool:
    """Whether a folder is a sweep's."""
    return (path / FILE).is_file()


def read_plan(path: Path) -> Plan:
    """The plan of a sweep's folder.

    Raises:
        FolderError: there is none, or it cannot be read.
    """
    try:
        content: dict[str, Any] = json.loads((path / FILE).read_text(encoding="utf-8"))
        jobs = [Job(tuple(job["overrides"]), job["folder"]) for job in content["jobs"]]
        done = frozenset(content.get("done", ()))  # which older versions did not write
        return Plan(path, tuple(content["command"]), tuple(jobs), done)
    except FileNotFoundError:
        raise FolderError(
            f"{path} has no {FILE}: name the folder of a sweep, which 'quantmia run -m' prints."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FolderError(f"{path / FILE} cannot be read ({error!r}).") from error


def joined(plan: Plan) -> Plan:
    """The plan with the jobs that its folder was to run before, which are not forgotten."""
    if not is_sweep(plan.path):
        return plan
    before = read_plan(plan.path)
    folders = {job.folder for job in plan.jobs}
    others = tuple(job for job in before.jobs if job.folder not in folders)
    return replace(
        plan, command=before.command if others else plan.command, jobs=others + plan.jobs
    )


def what_runs(arguments: Sequence[str]) -> tuple[str, ...]:
    """Arguments or overrides without those that say how or where, not what: `resume`, `-m`, ...

    Args:
        arguments: of `quantmia run`, or overrides of a job.
    """
    keys = ("resume=", "hydra.sweep.dir=")
    return tuple(
        each
        for each in arguments
        if each not in ("-m", "--multirun") and not each.lstrip("+").startswith(keys)
    )
