"""Where results come from: configuration, data, versions, commit."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from quantmia.config.schema import ExperimentConfig, recorded
from quantmia.data import Dataset, Labels, Split, Standardised
from quantmia.device import choose, describe
from quantmia.files import write_text
from quantmia.sources import sources, targets_of


@dataclass
class Manifest:
    """What is known of an experiment, while it runs and when it is finished.

    Args:
        content: as JSON holds it.
    """

    content: dict[str, Any]

    @classmethod
    def begun(
        cls,
        config: ExperimentConfig,
        dataset: Dataset,
        parts: Split,
        standardised: Standardised,
        labels: Labels,
        command: str,
        initial: Mapping[str, float],
    ) -> "Manifest":
        """Before anything is trained.

        Args:
            config: as it is run.
            dataset: its data.
            parts: of the dataset.
            standardised: its features as the models see them.
            labels: its targets as the models are trained on them.
            command: starts it.
            initial: size of every parameter and buffer before training.
        """
        content = recorded(config)
        reasons = [dropped.kind for dropped in dataset.dropped]
        facts = {
            "name": dataset.name,
            "task": dataset.task_name,
            "samples": dataset.size,
            "features": list(dataset.features.shape[1:]),
            "validation": len(parts.validation),
            "pool": len(parts.pool),
            "sha256": dataset.fingerprint,
            "largest_class": largest_class(dataset, parts),
            "dropped": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
            "extreme": standardised.facts(),
            "changed_labels": labels.changed,
        }
        packages = ("quantmia", "torch", "numpy", "scipy", "hydra-core")
        return cls(
            {
                "state": "running",
                "command": command,
                "commit": commit(),
                "config": content,
                "config_hash": hashlib.sha256(
                    json.dumps(content, sort_keys=True).encode()
                ).hexdigest(),
                "seed": config.seed,
                "dataset": facts,
                "sources": sources(trained_by(config)),
                "initial": dict(initial),
                "versions": {name: version(name) for name in packages}
                | {"python": platform.python_version()},
                "device": describe(choose(config.device)),
                "threads": torch.get_num_threads(),
            }
        )

    def finish(
        self, diverged: Sequence[str], measuring: float, total: float, peak_memory: int
    ) -> None:
        """Note the end.

        Args:
            diverged: names of the runs that were left out.
            measuring: seconds of training and measuring.
            total: seconds of all.
            peak_memory: KiB.
        """
        self.content |= {
            "state": "finished",
            "diverged": list(diverged),
            "timings": {
                "measuring_seconds": round(measuring, 2),
                "total_seconds": round(total, 2),
            },
            "peak_memory_mib": round(peak_memory / 1024),
        }


def largest_class(dataset: Dataset, parts: Split) -> float | None:
    """Share of the most frequent class among the held-out samples; None for regression.

    Args:
        dataset: its targets.
        parts: who is held out.
    """
    if dataset.task_name == "regression":
        return None
    return float(np.bincount(dataset.target[parts.validation]).max() / len(parts.validation))


def trained_by(config: ExperimentConfig) -> list[str]:
    """What is made for every run, model and quantizers with all that they hold: dotted paths.

    Args:
        config: checked.
    """
    return [*targets_of(config.model), *targets_of(config.quantizer)]


def write_dropped(path: Path, dataset: Dataset) -> None:
    """`dropped.csv`, where there is anything that is not used of the source.

    Args:
        path: the run folder.
        dataset: its data.
    """
    if dataset.dropped:
        table = pd.DataFrame([asdict(row) for row in dataset.dropped])
        write_text(path / "dropped.csv", table.to_csv(index=False))


def write_extreme(path: Path, standardised: Standardised) -> None:
    """`extreme.csv`, where values of the data lie far out.

    Args:
        path: the run folder.
        standardised: the data.
    """
    if len(standardised.extreme):
        write_text(path / "extreme.csv", standardised.extreme.to_csv(index=False))


def commit() -> str | None:
    """The commit of the checkout that quantmia is run from, with `-dirty` if it was changed."""
    root = Path(__file__).parents[2]
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
