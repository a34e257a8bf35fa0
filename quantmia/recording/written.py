"""The run folder of recorded outputs: what every run's files hold, and its manifest."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from quantmia.config.recorded import ATTACKS, recording, settings
from quantmia.files import Tensors
from quantmia.recording.checks import Variants, on_association
from quantmia.recording.pool import Pool
from quantmia.recording.remarks import Remark, on_members
from quantmia.runs.content import RunFiles
from quantmia.runs.folder import RunFolder
from quantmia.runs.manifest import commit
from quantmia.runs.samples import write_names
from quantmia.vocabulary import LAST

SEED = 0  # of the resamples


def files_of(pool: Pool, run: int, variants: Variants) -> RunFiles:
    """What the files of a run hold, as those of our own trainings do.

    Utility is measured on the samples that the run did not train on.

    Args:
        pool: the samples.
        run: its index.
        variants: of its models, by name.
    """
    target, was = pool.target_of(run), pool.members[run]
    scores: Tensors = {"members": was.astype(np.uint8), "target": target}
    losses: Tensors = {}
    releases: Tensors = {}
    facts: dict[str, Any] = {}
    several = any(len(each.answers) > 1 for each in variants.values())
    for name in sorted(variants):
        each = variants[name]
        epochs = sorted(epoch for epoch in each.answers if epoch is not None)
        last = each.answers[epochs[-1] if epochs else None]
        scores[name] = last
        rows = [each.losses[epoch] for epoch in sorted(each.losses)]
        if rows:
            losses[name] = np.stack(rows)
        answer = last[:, None] if last.ndim == 1 else last
        facts[name] = {
            "bits": each.bits,
            "sparsity": float("nan"),
            "models": _first_alike(rows),
            "utility": pool.task.utility(answer[~was], target[~was]),
        }
        if several:
            facts[name]["releases"] = {str(epoch): epoch for epoch in epochs[:-1]}
            facts[name]["releases"][LAST] = epochs[-1]
            releases |= {f"pool/{name}/{epoch}": each.answers[epoch] for epoch in epochs[:-1]}
    meta = {
        "run": run,
        "seed": SEED,
        "diverged": False,
        "task": pool.task_name,
        "quantizers": facts,
    }
    return RunFiles(losses, scores, meta, releases)


def _first_alike(rows: Sequence[NDArray]) -> list[int]:
    """For every checkpoint the first one with the very same losses: the same quantized model."""
    first: dict[int, int] = {}
    marks = [xxhash.xxh3_64(row.tobytes()).intdigest() for row in rows]
    return [first.setdefault(mark, at) for at, mark in enumerate(marks)]


def manifest_of(
    pool: Pool,
    path: Path,
    variants: Variants,
    attacks: Sequence[str] = ATTACKS,
    remarks: Sequence[Remark] = (),
    state: str = "finished",
) -> dict[str, Any]:
    """What is known of a recording.

    Args:
        pool: the samples.
        path: of the folder, whose name it has.
        variants: of one run.
        attacks: by the names of `conf/attack/`.
        remarks: what a reader must know.
        state: `running` or `finished`.
    """
    name = path.resolve().name.lstrip(".") or "recording"
    held_out = next((len(row) for each in variants.values() for row in each.losses.values()), 0)
    of_classes = pool.task_name != "regression"
    config = settings(attacks) | {
        "name": name,
        "seed": SEED,
        "runs": pool.runs,
        "split": {"membership": pool.membership},
        "training": {
            "checkpoints": sorted({e for each in variants.values() for e in each.losses}),
            "released": sorted({e for each in variants.values() for e in each.answers if e}),
        },
        "quantizer": {
            key: {} if np.isnan(each.bits) else {"bits": each.bits}
            for key, each in sorted(variants.items())
        },
    }
    return {
        "state": state,
        "commit": commit(),
        "config": recording(config),
        "runs": pool.runs,
        "seed": SEED,
        "dataset": {
            "name": name,
            "task": pool.task_name,
            "samples": pool.samples,
            "validation": held_out,
            "pool": pool.samples,
            "sha256": pool.fingerprint,
            "largest_class": pool.task.guess(pool.target_of(0)) if of_classes else None,
            "dropped": {},
            "remarks": [asdict(each) for each in remarks],
        },
        "versions": {"quantmia": version("quantmia"), "numpy": version("numpy")},
    }


def finish(
    folder: RunFolder, pool: Pool, variants: Variants, saturated: int, attacks: Sequence[str]
) -> None:
    """The manifest of a folder whose runs are written, once the members are tested.

    Args:
        folder: with every run.
        pool: the samples.
        variants: of one run.
        saturated: of how many outputs a probability was moved away from 0 or 1, of all runs.
        attacks: by the names of `conf/attack/`.

    Raises:
        OutputsError: the outputs have nothing to do with the targets.
    """
    remarks = [*on_association(folder, pool, list(variants)), *on_members(pool)]
    if saturated:
        remarks.append(
            Remark(
                f"in {saturated} outputs a probability was too near to 0 or 1 to be told from it, "
                "and was moved away",
                "Rounded probabilities hide how sure a model is, and so what it gives away: record "
                "logits.",
            )
        )
    write_names(folder.path, pool.names)
    folder.write_manifest(manifest_of(pool, folder.path, variants, attacks, remarks))
