"""Blocks of runs: trained as one stack, measured checkpoint by checkpoint, written run by run."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from quantmia.config.released import released
from quantmia.data import members, targets_of_runs
from quantmia.data.split import halves
from quantmia.device import deterministic
from quantmia.experiment import Experiment
from quantmia.files import Tensors
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.preemption import Stop
from quantmia.progress import Advance
from quantmia.runs.content import GUESS, HELD_OUT, MEANS, MEASURING, PLACES, RunFiles
from quantmia.runs.folder import RunFolder
from quantmia.runs.shards import blocks
from quantmia.seeding import Purpose, stream
from quantmia.training.allocator import keep_freed_memory
from quantmia.training.checkpoints import Trajectory
from quantmia.training.losses import Measured, along, measure
from quantmia.training.train import train
from quantmia.vocabulary import LAST


@dataclass(frozen=True)
class Trained:
    """A run that is trained and measured.

    Args:
        run: its index.
        files: losses and scores by quantizer.
        model: the final parameters in full precision.
    """

    run: int
    files: RunFiles
    model: Tensors


def train_missing(experiment: Experiment, folder: RunFolder, runs: int, stop: Stop) -> None:
    """Train and measure the blocks of runs that are not in the folder yet.

    Args:
        experiment: fitted to its data and device.
        folder: where the files of every run go.
        runs: of the whole experiment; a shard trains its part of them.
        stop: lets the block in hand finish when the job is told to stop.

    Raises:
        Preempted: it was told to stop.
    """
    config = experiment.config
    stack = config.training.stack
    assert isinstance(stack, int)  # auto has become a number
    mine = blocks(runs, stack, config.shard, config.shards)
    missing = [block for block in mine if not all(folder.is_done(run) for run in block)]
    if not missing:
        return
    keep_freed_memory()
    # A copy, because torch aligns its memory and bits can depend on alignment.
    features = torch.tensor(experiment.inputs).to(config.device)
    n_checkpoints = len(config.training.checkpoints)
    evaluations = sum(along(each, n_checkpoints) for each in experiment.quantizers.values())
    stage = experiment.progress.stage
    with (
        deterministic(torch.device(config.device)),
        stage("training", len(missing) * config.training.epochs, "epochs") as epochs,
        stage("evaluation", len(missing) * evaluations, "checkpoints") as checkpoints,
    ):
        for block in missing:
            with stop.finishing():
                heeding = stop.steps(epochs), stop.steps(checkpoints)
                trained = list(_train_block(experiment, features, block, *heeding))
                with stop.writing():
                    for each in trained:
                        folder.write_run(each.run, each.files, each.model)


def _train_block(
    experiment: Experiment, features: Tensor, block: range, epochs: Advance, checkpoints: Advance
) -> Iterator[Trained]:
    config, dataset, parts = experiment.config, experiment.dataset, experiment.parts
    mask = members(config.seed, block, len(parts.pool), config.split.membership)
    labels, public = experiment.labels.target, config.training.dp.wanted
    targets = targets_of_runs(labels, dataset.task_name, parts, mask, public)
    pool, pool_targets = features[parts.pool], _there(targets[:, parts.pool], config.device)
    held_out = features[parts.validation], _there(targets[:, parts.validation], config.device)
    seeds = [int(stream(config.seed, Purpose.INITIALISATION, run).integers(2**62)) for run in block]
    kind = Stack if config.training.vectorize else Loop
    stack = kind(experiment.model, seeds, dataset.task, config.device)
    trajectory = Trajectory.of_block(experiment, block)
    if trajectory.intact():
        steps = trajectory.read(config.device)
        epochs(config.training.epochs)
    else:
        chosen = [torch.from_numpy(np.flatnonzero(row)) for row in mask]
        steps = train(
            stack,
            config.training,
            pool,
            pool_targets,
            chosen,
            config.seed,
            block,
            epochs,
            experiment.quantizers[config.training.qat] if config.training.qat else None,
        )
        if config.trajectory.keep:
            steps = trajectory.keep(steps)
    with closing(steps):
        measured = measure(
            steps,
            len(trajectory.epochs),
            stack,
            experiment.quantizers,
            held_out,
            pool,
            released(config.release.checkpoints, trajectory.epochs),
            checkpoints,
            experiment.shown([(config.seed, run) for run in block], mask, config.device),
            experiment.kept,
        )
        next(steps, None)  # lets a kept trajectory say that it is complete
    for row, run in enumerate(block):
        files = _files(experiment, measured, run, row, mask[row], targets[row])
        yield Trained(run, files, {name: value[row] for name, value in measured.final.items()})


def _there(targets: Shaped[np.ndarray, "runs samples"], device: str) -> Tensor:
    return torch.tensor(targets).to(device)


def _files(
    experiment: Experiment,
    measured: Measured,
    run: int,
    row: int,
    mask: Bool[np.ndarray, " pool"],
    targets: Shaped[np.ndarray, " samples"],
) -> RunFiles:
    """One run's share of a block's measurements."""
    parts, quantizers, kept = experiment.parts, measured.quantizers, experiment.kept
    facts: dict[str, dict[str, Any]] = {
        name: {
            "bits": each.bits,
            "sparsity": float(each.sparsity[row]),
            "models": each.models[row].tolist(),
            "utility": each.utility[row],
        }
        for name, each in quantizers.items()
    }
    meta = {
        "run": run,
        "seed": experiment.config.seed,
        "diverged": bool(measured.diverged[row]),
        "task": experiment.dataset.task_name,
        "quantizers": facts,
    }
    scores = {name: _answers(each.released.pool[LAST][row]) for name, each in quantizers.items()}
    scores |= {"members": mask.astype(np.uint8), "target": targets[parts.pool]}
    releases: Tensors = {}
    if any(len(each.released.epochs) > 1 for each in quantizers.values()):
        measuring = targets[parts.validation][halves(len(parts.validation))[1]]
        releases["target"] = measuring
        if part := kept.releases:
            releases["target"], releases[PLACES] = measuring[part.measured], part.pool
            meta[GUESS] = experiment.dataset.task.guess(measuring)
            meta[MEASURING] = len(measuring)
        for name, each in quantizers.items():
            its = each.released
            facts[name]["releases"] = {key: int(value[row]) for key, value in its.epochs.items()}
            if merits := {key: float(value[row]) for key, value in its.merits.items()}:
                facts[name]["merits"] = merits
            for key in its.epochs:
                releases[f"measured/{name}/{key}"] = _answers(its.measured[key][row])
                if key != LAST:  # whose are the scores
                    releases[f"pool/{name}/{key}"] = _answers(its.pool[key][row])
    losses = {name: each.losses[row] for name, each in quantizers.items()}
    if kept.losses is not None:
        losses[PLACES], meta[HELD_OUT] = kept.losses, len(parts.validation)
        for name, each in quantizers.items():
            assert each.means is not None
            losses[MEANS + name] = each.means[row]
    return RunFiles(losses, scores, meta, releases)


def _answers(output: Float[np.ndarray, "samples out"]) -> NDArray[np.float32]:
    """As they are stored: of one number a sample without an axis for it."""
    return output[:, 0] if output.shape[-1] == 1 else output
