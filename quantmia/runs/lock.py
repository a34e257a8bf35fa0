"""The lock of a run folder, which leaves nothing of a job that fails before it has begun."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from quantmia.errors import FolderError

KINDS = ("losses", "scores", "models")  # of files that every run has


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Hold a folder, made if it is not there; the lock ends with its owner.

    The folder of one that fails before it has begun is removed.

    A second is for those that look whether it is held, a minute under SLURM for a process that
    was requeued but has not ended yet.

    Args:
        path: the folder.

    Raises:
        FolderError: another process is at work in it, or it cannot be written.
    """
    try:
        for kind in KINDS:
            (path / kind).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(
            f"hydra.run.dir: {path} cannot be written: {error.strerror}; choose another folder."
        ) from error
    try:
        patience = 60 if "SLURM_JOB_ID" in os.environ else 1
        with FileLock(path / ".lock", timeout=patience):
            try:
                yield
            except Exception:
                _leave_no_stub(path)
                raise
    except Timeout:
        raise FolderError(
            f"hydra.run.dir: another process is writing {path}; wait for it or choose "
            "another folder."
        ) from None


def _leave_no_stub(path: Path) -> None:
    """Remove the folder if it holds nothing yet, and empty ones above it in `outputs/`.

    What Hydra writes before a job begins (its copy of the configuration, its log) is worth
    nothing without a run.
    """
    path, here = path.resolve(), Path.cwd()
    left = {each.name for each in path.iterdir()} - {".lock", ".hydra", "quantmia.log", *KINDS}
    if left or any(any((path / kind).iterdir()) for kind in KINDS) or here.is_relative_to(path):
        return
    shutil.rmtree(path)
    if "outputs" in path.parts:
        below = len(path.parts) - path.parts.index("outputs") - 1
        with suppress(OSError):  # others are in it
            for above in path.parents[:below]:
                above.rmdir()
