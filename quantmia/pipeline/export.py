"""The model that was audited, as a file to ship, with what was found of it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from quantmia.config.recorded import is_recording
from quantmia.data.split import scale_of_targets
from quantmia.data.standardise import FARTHEST
from quantmia.errors import FolderError, QuantmiaError, did_you_mean
from quantmia.experiment import Experiment, of_finished
from quantmia.files import Tensors, atomic, write_json
from quantmia.pipeline.finished import made
from quantmia.pipeline.shipping import to_ship
from quantmia.progress import Progress
from quantmia.ranking.conclusion import defined
from quantmia.report.load import Report
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import Run, merge
from quantmia.runs.shards import blocks
from quantmia.training.checkpoints import Trajectory
from quantmia.vocabulary import LAST

CLOSE = 1e-4  # of the largest answer: what another order of sums may do


def export(
    path: Path,
    output: Path | None,
    cache: Path,
    number: int,
    quantizer: str | None,
    checkpoint: str | None,
    progress: Progress,
) -> tuple[Path, dict[str, Any]]:
    """Write one released model, and beside it a JSON with its hash and its figures.

    The model is made again as it was when it was measured, and has to answer on the whole pool what
    was audited.

    Args:
        path: a ranked folder.
        output: where to (default: `export` in the folder).
        cache: folder of embeddings and kept trajectories.
        number: which run, in the order of the ranking.
        quantizer: of the release (default: what the ranking says to ship).
        checkpoint: of the release (default: the same, or the last one of a named quantizer).
        progress: shows how far it is.

    Returns:
        The file, and what the JSON says.

    Raises:
        FolderError: the folder is missing, not finished or damaged, or says to ship nothing; or the
            checkpoint was not kept.
        QuantmiaError: there is no such run or release, or it is no file that could be shipped.
    """
    report = Report.read(path)
    name, at = to_ship(report, quantizer, checkpoint)
    if is_recording(report.manifest.get("config", {})):
        raise FolderError(f"{path}: holds what models of others answered, and no models to export")
    merged = merge([RunFolder(folder) for folder in report.folders])
    experiment = of_finished(merged, cache, progress)
    assert isinstance(experiment, Experiment)
    if name not in experiment.quantizers:
        near = did_you_mean(name, experiment.quantizers)
        raise QuantmiaError(f"--quantizer {name}: was not measured{near}")
    if number >= len(merged.runs):
        raise QuantmiaError(f"--run {number}: there are runs 0 to {len(merged.runs) - 1}")
    run = merged.runs[number]
    epoch, audited = _audited(run, name, at)
    if not np.isfinite(audited).all():
        raise QuantmiaError(f"--run {number}: its training diverged: there is nothing to ship")
    model = run.model() if at == LAST else _kept(experiment, run, epoch)
    mask = run.scores()["members"].astype(bool)[None]
    params = {name: torch.from_numpy(value)[None] for name, value in model.items()}
    shipped = experiment.shipped(name, [(run.seed, run.number)], mask, params)
    _see_that_it_answers(shipped, experiment, audited)
    ending, content = shipped.artefact(0)
    folder = made(output or path / "export")
    file = folder / f"{name}-{at}-run-{number:04d}{ending}"
    with atomic(file) as temporary:
        temporary.write_bytes(content)
    card = defined(
        {
            "file": file.name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "quantizer": name,
            "made_by": experiment.config.quantizer[name],
            "checkpoint": at,
            "epoch": experiment.config.training.epochs if at == LAST else epoch,
            "run": number,
            "data": {key: merged.dataset[key] for key in ("name", "task", "sha256")},
            "inputs": _inputs(experiment),
            "target": _target(experiment, mask),
            "audit": _found(report, name, at),
            "command": report.manifest.get("command"),
            "commit": report.manifest.get("commit"),
            "versions": report.manifest.get("versions"),
        }
    )
    write_json(file.with_suffix(".json"), card)
    return file, card


def _audited(run: Run, quantizer: str, checkpoint: str) -> tuple[int | None, np.ndarray]:
    """After which epoch a release was taken, and what it answers on the pool."""
    if checkpoint == LAST:
        return None, run.answers(quantizer)
    releases = run.read().meta["quantizers"][quantizer].get("releases", {})
    if checkpoint not in releases:
        there = ", ".join([*releases, *([] if LAST in releases else [LAST])])
        raise QuantmiaError(f"--checkpoint {checkpoint}: was not released; there are {there}")
    return releases[checkpoint], run.release("pool", quantizer, checkpoint)


def _kept(experiment: Experiment, run: Run, epoch: int | None) -> Tensors:
    """The parameters of a run after an epoch, of a trajectory that was kept."""
    config = experiment.config
    assert isinstance(config.training.stack, int)  # auto has become a number
    every = blocks(run.folders[0].manifest()["runs"], config.training.stack)
    block = next(each for each in every if run.number in each)
    trajectory = Trajectory.of_block(experiment, block)
    if run.seed != config.seed or not trajectory.intact():
        raise FolderError(
            f"{run.folders[0].path}: keeps models of the last epoch alone; run the command that "
            "made it again with resume=true trajectory.keep=true and 'release.checkpoints' as it "
            "was, into another folder, or export --checkpoint last"
        )
    (params,) = (params for at, params in trajectory.read() if at == epoch)
    return {name: value[block.index(run.number)].numpy() for name, value in params.items()}


def _see_that_it_answers(shipped: Any, experiment: Experiment, audited: np.ndarray) -> None:
    """Raise a QuantmiaError if a model is not the one that was audited."""
    pool = torch.from_numpy(experiment.inputs[experiment.parts.pool])
    found = shipped(pool)[0].numpy(force=True).reshape(audited.shape)
    if not np.allclose(found, audited, rtol=0, atol=CLOSE * float(np.abs(audited).max())):
        raise QuantmiaError(
            f"what is exported answers otherwise than what was audited, by up to "
            f"{np.abs(found - audited).max():.2g}; the code, a library or the processor is another "
            "one: run the experiment again"
        )


def _inputs(experiment: Experiment) -> dict[str, Any]:
    """How features become what the model sees."""
    how = experiment.standardised
    return {
        "features": list(experiment.inputs.shape[1:]),
        "mean": how.centre.tolist(),
        "deviation": how.width.tolist(),
        "within_deviations": FARTHEST if how.winsorised else None,
    }


def _target(experiment: Experiment, mask: np.ndarray) -> dict[str, Any]:
    """How answers become targets."""
    if experiment.dataset.task_name != "regression":
        return {"answers": "logits", "classes": experiment.dataset.classes}
    labels, public = experiment.labels.target, experiment.config.training.dp.wanted
    ((mean, deviation),) = scale_of_targets(labels, experiment.parts, mask, public)
    return {"answers": "(target - mean) / deviation", "mean": mean, "deviation": deviation}


def _found(report: Report, quantizer: str, checkpoint: str) -> Mapping[str, Any]:
    """What the ranking says of all runs of this release."""
    table = report.tables["ranking"]
    if checkpoint != LAST:
        table = report.tables["front"]
        table = table[table["checkpoint"] == checkpoint]
    (row,) = table[table["quantizer"] == quantizer].to_dict("records")
    words = "mis", "auc", "utility", "bits", "epsilon", "runs"
    found = {str(key): value for key, value in row.items() if str(key).startswith(words)}
    calibration = report.tables.get("calibration")
    if calibration is not None and checkpoint == LAST:
        mine = calibration[calibration["quantizer"] == quantizer]
        found["calibration"] = mine.drop(columns="quantizer").to_dict("records")
    return {"of_runs": report.conclusion.runs, "warnings": list(report.warnings)} | found
