"""Values that the configuration computes: where a run goes."""

import json
import re
from datetime import datetime
from pathlib import Path

from omegaconf import OmegaConf

RUN_NAME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")


def register() -> None:
    """Make `${quantmia.run_dir:name,resume}` known to OmegaConf."""
    OmegaConf.register_new_resolver("quantmia.run_dir", run_dir, use_cache=True, replace=True)


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
        open_ones = [path for path in existing if not _finished(path)]
        if existing:
            return str((open_ones or existing)[-1])
    path = fresh = parent / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    count = 1
    while path.exists():  # two runs within a second
        count += 1
        path = fresh.with_name(f"{fresh.name}_{count}")
    return str(path)


def _finished(path: Path) -> bool:
    try:
        content = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("state") == "finished"
