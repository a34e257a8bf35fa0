"""Blocks of runs: trained as one stack, measured checkpoint by checkpoint, written run by run."""

import hashlib
import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from quantmia.config.schema import ExperimentConfig
from quantmia.data import Dataset, Split, members, standardise
from quantmia.device import deterministic
from quantmia.errors import QuantmiaError
from quantmia.models.factory import model_factory
from quantmia.models.loop import Separate
from quantmia.models.stack import Stack
from quantmia.preemption import block as finishing_block
from quantmia.preemption import writing
from quantmia.progress import Advance, Progress
from quantmia.quantizers import Quantizer, make
from quantmia.runs.folder import RunFiles, RunFolder
from quantmia.runs.shards import blocks
from quantmia.seeding import Purpose, stream
from quantmia.training.allocator import keep_freed_memory
from quantmia.training.checkpoints import Trajectory
from quantmia.training.losses import Measurement, measure
from quantmia.training.train import checkpoint_epochs, train


def train_missing(
    config: ExperimentConfig,
    dataset: Dataset,
    parts: Split,
    folder: RunFolder,
    runs: int,
    cache: Path,
    progress: Progress,
) -> None:
    """Train and measure the blocks of runs that are not in the folder yet."""
    stack = config.training.stack
    assert isinstance(stack, int)  # auto has become a number
    mine = blocks(runs, stack, config.shard, config.shards)
    missing = [block for block in mine if not all(folder.is_done(run) for run in block)]
    if not missing:
        return
    keep_freed_memory()
    # Copies, because torch aligns its memory and bits can depend on alignment.
    features = torch.tensor(inputs(config, dataset, parts)).to(config.device)
    quantizers = {name: make(each) for name, each in config.quantizer.items()}
    epochs = config.training.epochs
    with (
        deterministic(torch.device(config.device)),
        progress.stage("training", len(missing) * epochs, "epochs") as train_advance,
        progress.stage(
            "evaluation",
            len(missing) * len(checkpoint_epochs(config.training)) * len(quantizers),
            "checkpoints",
        ) as measure_advance,
    ):
        for block in missing:
            with finishing_block():
                finished = list(
                    _measure_block(
                        config,
                        dataset,
                        parts,
                        features,
                        quantizers,
                        block,
                        cache,
                        (train_advance, measure_advance),
                    )
                )
                with writing():
                    for run, files, model in finished:
                        folder.write_run(run, files, model)


def _measure_block(
    config: ExperimentConfig,
    dataset: Dataset,
    parts: Split,
    features: torch.Tensor,
    quantizers: dict[str, Quantizer],
    block: range,
    cache: Path,
    advance: tuple[Advance, Advance],
):
    mask = members(config.seed, block, len(parts.pool), config.split.membership)
    targets = _targets(dataset, parts, mask)
    device = config.device
    pool_x, pool_y = features[parts.pool], torch.tensor(targets[:, parts.pool]).to(device)
    validation = features[parts.validation], torch.tensor(targets[:, parts.validation]).to(device)
    seeds = [int(stream(config.seed, Purpose.INITIALISATION, run).integers(2**62)) for run in block]
    kind = Stack if config.training.vectorize else Separate
    stack = kind(model_factory(config.model, dataset), seeds, dataset.task, device)
    epochs = checkpoint_epochs(config.training)
    trajectory = Trajectory(cache, _address(config, dataset, block), epochs)
    if trajectory.intact():
        checkpoints = trajectory.read(device)
        advance[0](config.training.epochs)
    else:
        chosen = [torch.from_numpy(np.flatnonzero(row)) for row in mask]
        checkpoints = train(
            stack, config.training, pool_x, pool_y, chosen, config.seed, block, advance[0]
        )
        if config.trajectory.keep:
            checkpoints = trajectory.keep(checkpoints)
    with closing(checkpoints):
        measured, final, diverged = measure(
            checkpoints, len(epochs), stack, quantizers, validation, pool_x, advance[1]
        )
        next(checkpoints, None)  # lets a kept trajectory say that it is complete
    for row, run in enumerate(block):
        yield (
            run,
            _run_files(
                config,
                dataset,
                measured,
                bool(diverged[row]),
                row,
                run,
                mask[row],
                targets[row],
                parts,
            ),
            {name: value[row] for name, value in final.items()},
        )


def _run_files(
    config,
    dataset,
    measured: dict[str, Measurement],
    diverged,
    row,
    run,
    mask,
    targets,
    parts,
) -> RunFiles:
    """One run's share of a block's measurements."""
    meta = {"run": run, "seed": config.seed, "diverged": diverged, "task": dataset.task_name}
    meta["quantizers"] = {
        name: {
            "bits": each.bits,
            "sparsity": float(each.sparsity[row]),
            "models": each.models[row].tolist(),
            "utility": {}
            if diverged
            else dataset.task.utility(each.validation[row], targets[parts.validation]),
        }
        for name, each in measured.items()
    }
    scores = {
        name: each.pool[row][:, 0] if each.pool.shape[-1] == 1 else each.pool[row]
        for name, each in measured.items()
    }
    scores |= {"members": mask.astype(np.uint8), "target": targets[parts.pool]}
    return RunFiles({name: each.losses[row] for name, each in measured.items()}, scores, meta)


def inputs(config: ExperimentConfig, dataset: Dataset, parts: Split) -> np.ndarray:
    """What the models see: features, standardised unless the configuration says not to."""
    return standardise(dataset, parts) if config.split.standardise else dataset.features


def _targets(dataset: Dataset, parts: Split, mask: np.ndarray) -> np.ndarray:
    """Targets on each run's scale, [runs, samples]: regression is standardised by its members."""
    if dataset.task_name != "regression":
        return np.tile(dataset.target, (len(mask), 1)).astype(
            np.int64 if dataset.task_name == "multiclass" else np.float32
        )
    target = dataset.target.astype(np.float64)
    rows = []
    for row in mask:
        own = target[parts.pool[row]]
        if own.std() == 0:
            raise QuantmiaError(
                "dataset: all members of a run have the same target, which cannot be "
                "standardised; use more data."
            )
        rows.append((target - own.mean()) / own.std())
    return np.stack(rows).astype(np.float32)


def _address(config: ExperimentConfig, dataset: Dataset, block: range) -> str:
    """Hash of everything that a block's checkpoints depend on, and of nothing else."""
    made_of = [
        dataset.fingerprint,
        asdict(config.split),
        config.model,
        asdict(config.training),
        config.seed,
        list(block),
        torch.__version__,
        config.device,
    ]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
