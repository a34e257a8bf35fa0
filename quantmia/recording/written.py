"""The run folder of recorded outputs: what every run's files hold, and its manifest."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from quantmia.config.recorded import ATTACKS, recording, settings
from quantmia.errors import OutputsError
from quantmia.files import Tensors
from quantmia.recording.pool import Pool
from quantmia.recording.remarks import Remark, on_members
from quantmia.runs.folder import RunFiles, RunFolder
from quantmia.runs.manifest import commit
from quantmia.runs.samples import write_names
from quantmia.vocabulary import LAST

SEED = 0  # of the resamples
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")  # of a variant
LEAST_ASSOCIATION = 3.0  # of outputs with targets, in standard errors


@dataclass
class Outputs:
    """What was recorded of one variant of the models of one run.

    Args:
        answers: raw outputs on the pool, by the epoch that they were taken after; None: at the end.
        losses: on samples that no run trained on, by epoch.
        bits: stored a weight; NaN: not known.
        saturated: how many probabilities were exactly 0 or 1.
    """

    answers: dict[int | None, NDArray[np.float32]] = field(default_factory=dict)
    losses: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    bits: float = float("nan")
    saturated: int = 0


Variants = Mapping[str, Outputs]


def refuse_name(variant: str) -> None:
    """Raise an OutputsError for a variant that no file or column can be named by."""
    if not NAME.fullmatch(variant):
        raise OutputsError(f"variant {variant!r}: a name of letters, digits and . _ + - is wanted")


def lacking(recorded: Mapping[int, Variants]) -> str | None:
    """The first thing that a run lacks and another has, in words; None: they are all alike.

    Args:
        recorded: by run.

    Raises:
        OutputsError: what there is does not fit together, whatever is yet to come.
    """
    every = [each for variants in recorded.values() for each in variants.values()]
    names = sorted({name for variants in recorded.values() for name in variants})
    epochs = {epoch for each in every for epoch in each.answers}
    measured = {epoch for each in every for epoch in each.losses}
    if None in epochs and len(epochs) > 1:
        raise OutputsError(
            "some outputs have an epoch and some have none: give all of them one, or the last alone"
        )
    for run, variants in recorded.items():
        for name in names:
            mine = variants.get(name, Outputs())
            for what, wanted, there in (
                ("outputs", epochs, mine.answers),
                ("losses", measured, mine.losses),
            ):
                for epoch in sorted(wanted - set(there), key=str):
                    of = "" if epoch is None else f" of epoch {epoch}"
                    return f"run {run} has no {what}{of} for {name}, and others have"
    if not epochs:
        return "no outputs are recorded"
    if measured and None not in epochs and epochs - measured:
        return f"there are outputs of epoch {min(map(str, epochs - measured))} and no losses"
    return None


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
        if len(epochs) > 1:
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
    name: str,
    variants: Variants,
    attacks: Sequence[str] = ATTACKS,
    remarks: Sequence[Remark] = (),
    state: str = "finished",
) -> dict[str, Any]:
    """What is known of a recording.

    Args:
        pool: the samples.
        name: of the folder.
        variants: of one run.
        attacks: by the names of `conf/attack/`.
        remarks: what a reader must know.
        state: `running` or `finished`.
    """
    held_out = next((len(row) for each in variants.values() for row in each.losses.values()), 0)
    own, largest = pool.target if pool.target.ndim == 1 else pool.target[0], None
    if pool.task_name != "regression":
        largest = float(np.unique(own, return_counts=True)[1].max() / len(own))
    config = settings(attacks) | {
        "name": name,
        "seed": SEED,
        "runs": pool.runs,
        "split": {"membership": pool.membership},
        "training": {"checkpoints": sorted({e for each in variants.values() for e in each.losses})},
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
            "largest_class": largest,
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
        saturated: how many probabilities were exactly 0 or 1, of all runs.
        attacks: by the names of `conf/attack/`.

    Raises:
        OutputsError: the outputs have nothing to do with the targets.
    """
    _refuse_nothing_learnt(folder, pool, list(variants))
    remarks = on_members(pool)
    if saturated:
        remarks.append(
            Remark(
                f"{saturated} probabilities were exactly 0 or 1 and were moved to the nearest that "
                "are not",
                "Rounded probabilities hide how sure a model is, and so what it gives away: record "
                "logits.",
            )
        )
    write_names(folder.path, pool.names)
    folder.write_manifest(manifest_of(pool, folder.path.name, variants, attacks, remarks))


def _refuse_nothing_learnt(folder: RunFolder, pool: Pool, names: Sequence[str]) -> None:
    """Raise an OutputsError where no variant's outputs go with the targets, as in another order."""
    found = {name: [] for name in names}
    for run in range(pool.runs):
        scores, target = folder.read_scores(run), pool.target_of(run)
        for name in names:
            found[name].append(_association(scores[name], target, pool.task_name))
    best = max(float(np.mean(each)) for each in found.values())
    if not best > LEAST_ASSOCIATION:
        raise OutputsError(
            "outputs and targets have nothing to do with each other, whatever the run and the "
            f"variant ({best:.1f} standard errors): are the outputs in the order of the targets, "
            "and of a binary task those of class 1?"
        )


def _association(answer: NDArray, target: NDArray, task: str) -> float:
    """How far outputs go with targets, in standard errors of targets that are shuffled.

    The sum over the columns of their covariance with the target, or with being of their class; its
    variance under shuffling is exact (Mantel 1967 for one column).
    """
    outputs = (answer[:, None] if answer.ndim == 1 else answer).astype(np.float64)
    wanted = target[:, None].astype(np.float64)
    if task == "multiclass":
        wanted = np.eye(outputs.shape[1])[target]
    outputs, wanted = outputs - outputs.mean(0), wanted - wanted.mean(0)
    together = float((outputs * wanted).sum())
    variance = float(((outputs.T @ outputs) * (wanted.T @ wanted)).sum()) / (len(target) - 1)
    return together / variance**0.5 if variance > 0 else 0.0
