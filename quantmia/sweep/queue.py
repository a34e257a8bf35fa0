"""SLURM's word on the jobs of a sweep: the ids that they had, and what the queue says of them."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

SUBMITTED = "submitted.json"
LOGS = ".jobs"  # folder of what jobs print

Queue = Mapping[str, tuple[str, str]]


def in_queue() -> dict[str, tuple[str, str]] | None:
    """State and reason of the user's jobs in the queue, by id.

    Returns:
        None where there is no SLURM, or it does not answer.
    """
    command = ["squeue", "--me", "--noheader", "--array", "--format=%i %T %r"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = (line.split(maxsplit=2) for line in answer.stdout.splitlines())
    return {line[0]: (line[1], line[2]) for line in lines if len(line) == 3}


def submitted(sweep: Path) -> dict[str, list[str]]:
    """By folder of a job, the ids that it was submitted under, the newest last."""
    try:
        return json.loads((sweep / SUBMITTED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def note_submitted(sweep: Path, ids: Mapping[str, str]) -> None:
    """Keep the ids of jobs that were submitted.

    Args:
        sweep: its folder.
        ids: folder of the job, by id.
    """
    known = submitted(sweep)
    for job_id, folder in ids.items():
        known.setdefault(folder, []).append(job_id)
    from quantmia.files import write_json  # and NumPy, which nothing else here wants

    write_json(sweep / SUBMITTED, known)


def log_of(sweep: Path, job_id: str) -> Path:
    """Where the errors of a job are, by the name that submitit gives them."""
    return sweep / LOGS / f"{job_id}_0_log.err"
