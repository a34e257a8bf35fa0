"""Where results come from: configuration, data, versions, commit."""

import hashlib
import json
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import quantmia
from quantmia.config.schema import ExperimentConfig
from quantmia.data import Dataset, Split
from quantmia.device import choose, describe
from quantmia.runs.folder import recorded


def manifest(
    config: ExperimentConfig, dataset: Dataset, parts: Split, command: str
) -> dict[str, Any]:
    """What is known of an experiment before it is run.

    Args:
        config: as it is run.
        dataset: its data.
        parts: of the dataset.
        command: starts it.
    """
    content = recorded(config)
    reasons = [dropped.kind for dropped in dataset.dropped]
    return {
        "state": "running",
        "command": command,
        "commit": commit(),
        "config": content,
        "config_hash": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
        "seed": config.seed,
        "dataset": {
            "name": dataset.name,
            "task": dataset.task_name,
            "samples": dataset.size,
            "features": list(dataset.features.shape[1:]),
            "validation": len(parts.validation),
            "pool": len(parts.pool),
            "sha256": dataset.fingerprint,
            "dropped": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
        },
        "versions": {
            "quantmia": quantmia.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "scipy", "hydra-core")},
        },
        "device": describe(choose(config.device)),
        "threads": torch.get_num_threads(),
    }


def commit() -> str | None:
    """The commit of the checkout that quantmia is run from, with `-dirty` if it was changed."""
    root = Path(quantmia.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    words = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):  # no git here, or not our checkout
        return None
    return done.stdout.strip()
