"""Per-sample losses of quantized checkpoints, streamed: each is evaluated as it comes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from numpy.typing import NDArray
from torch import Tensor

from quantmia.data.kept import Kept, Places
from quantmia.data.split import halves
from quantmia.models.layers import LayerInputs
from quantmia.models.loop import Loop
from quantmia.models.stack import Params, Stack
from quantmia.progress import Advance
from quantmia.quantizers import Quantizer
from quantmia.quantizers.stored import Stored
from quantmia.tasks import Task
from quantmia.training.checkpoints import Checkpoint
from quantmia.training.releases import Keeper, Part, Released
from quantmia.vocabulary import LAST

EVERY = Kept()


@dataclass
class Measurement:
    """What one quantizer does to a block of runs.

    Args:
        losses: float32, of every checkpoint that was quantized on the validation samples that are
            kept.
        means: mean losses over all validation samples, and over either half of them; None where
            all losses are kept.
        models: index of the first of these checkpoints with the very same quantized parameters.
        utility: of the last checkpoint of every run on all validation samples, figures by name.
        released: what the checkpoints that might be shipped answer.
        sparsity: share of zeros among the quantized weights of the last checkpoint.
        bits: stored a quantized weight, scales and all.
    """

    losses: Float[np.ndarray, "runs checkpoints kept"]
    means: Float[np.ndarray, "runs three checkpoints"] | None
    models: Int[np.ndarray, "runs checkpoints"]
    utility: list[dict[str, float]]
    released: Released
    sparsity: Float[np.ndarray, " runs"]
    bits: float


@dataclass
class Measured:
    """What was measured of a block of runs.

    Args:
        quantizers: the measurements by quantizer.
        final: parameters of the last checkpoint in full precision, [runs, *shape].
        diverged: which runs have a parameter that is not finite.
    """

    quantizers: dict[str, Measurement]
    final: dict[str, NDArray]
    diverged: Bool[np.ndarray, " runs"]


def measure(
    checkpoints: Iterable[Checkpoint],
    n_checkpoints: int,
    stack: Stack | Loop,
    quantizers: Mapping[str, Quantizer],
    validation: tuple[Float[Tensor, "samples *features"], Shaped[Tensor, "runs samples"]],
    pool: Float[Tensor, "pool *features"],
    releases: Mapping[str, int | None],
    advance: Advance,
    shown: Mapping[str, LayerInputs] | None = None,
    kept: Kept = EVERY,
) -> Measured:
    """Quantize and evaluate every checkpoint, then forget it.

    Args:
        checkpoints: the trajectory of a block of runs.
        n_checkpoints: how many there are.
        stack: evaluates them.
        quantizers: by name.
        validation: features, and targets on each run's scale.
        pool: features that the released models are scored on.
        releases: epochs by name, the last one's among them.
        advance: told of every quantized checkpoint done.
        shown: what quantizers that look at data are shown, by name.
        kept: of which samples losses and answers are kept.
    """
    x, y = validation
    n_runs, targets = len(y), y.numpy(force=True)
    parts = halves(y.shape[1])
    traces = {
        name: _Trace((n_runs, along(each, n_checkpoints), y.shape[1]), kept.losses)
        for name, each in quantizers.items()
    }
    diverged = np.zeros(n_runs, bool)
    measurements: dict[str, Measurement] = {}
    final: dict[str, NDArray] = {}
    the_last = {LAST: releases[LAST]}
    part = _part(kept, pool, stack.task, targets[:, parts[1]])
    keepers = {
        name: Keeper(the_last if each.trajectory == "last" else releases, pool, *parts, part)
        for name, each in quantizers.items()
    }
    for k, (epoch, params) in enumerate(checkpoints):
        diverged |= ~_finite(params)
        if k == n_checkpoints - 1:
            # Here and not after the loop: asking for more may train on and change `params`.
            final = {name: value.numpy(force=True).copy() for name, value in params.items()}
        for name, quantizer in quantizers.items():
            trace = traces[name]
            place = k - n_checkpoints + trace.models.shape[1]
            if place < 0:
                continue
            rows = shown.get(name) if shown else None
            shipped = quantizer.release(params, stack, x, rows)
            output = shipped(x)
            found = stack.task.loss(output, y).numpy(force=True)
            answers = output.numpy(force=True)
            trace.take(place, found, shipped.fingerprints())
            keepers[name].see(epoch, shipped, answers, found)
            if k == n_checkpoints - 1:
                stored = Stored.of(shipped, quantizer, params, stack, rows)
                utility = [
                    {} if bad else stack.task.utility(*each)
                    for bad, *each in zip(diverged, answers, targets, strict=True)
                ]
                measurements[name] = Measurement(
                    trace.losses,
                    trace.means,
                    trace.models,
                    utility,
                    keepers[name].kept(),
                    stored.sparsity,
                    stored.bits,
                )
            advance(1)
    return Measured(measurements, final, diverged)


def along(quantizer: Quantizer, checkpoints: int) -> int:
    """Of how many checkpoints of a trajectory a quantizer is tried: of all, or the last.

    Args:
        quantizer: says which.
        checkpoints: how many there are.
    """
    return checkpoints if quantizer.trajectory == "all" else 1


class _Trace:
    """Losses of one quantizer's checkpoints, of which a part of the samples may be kept."""

    def __init__(self, size: tuple[int, int, int], kept: Places | None):
        runs, checkpoints, samples = size
        self._kept = slice(None) if kept is None else kept
        self._whole = () if kept is None else (slice(None), *halves(samples))
        some = samples if kept is None else len(kept)
        self.losses = np.empty((runs, checkpoints, some), np.float32)
        self.models = np.empty((runs, checkpoints), np.int64)
        self.means = np.empty((runs, 3, checkpoints)) if self._whole else None
        self._first: list[dict[int, int]] = [{} for _ in range(runs)]

    def take(
        self, place: int, losses: Float[np.ndarray, "runs samples"], marks: Sequence[int]
    ) -> None:
        """Keep what is to be kept of a checkpoint; models with the same mark are the same."""
        self.losses[:, place] = losses[:, self._kept]
        for at, of in enumerate(self._whole):
            assert self.means is not None
            self.means[:, at, place] = losses[:, of].mean(1, dtype=np.float64)
        for run, mark in enumerate(marks):
            self.models[run, place] = self._first[run].setdefault(mark, place)


def _part(
    kept: Kept,
    pool: Float[Tensor, "pool *features"],
    task: Task,
    targets: Shaped[np.ndarray, "runs measuring"],
) -> Part | None:
    if kept.releases is None:
        return None

    def merit(run: int, answers: Float[np.ndarray, "measuring out"]) -> float:
        with np.errstate(over="ignore", invalid="ignore"):  # of a run that diverged
            return task.merit(answers, targets[run])[0]

    attacked = torch.from_numpy(kept.releases.pool).to(pool.device)
    return Part(pool[attacked], kept.releases.measured, merit)


def _finite(params: Params) -> Bool[np.ndarray, " runs"]:
    flags = [torch.isfinite(value).reshape(len(value), -1).all(1) for value in params.values()]
    return torch.stack(flags).all(0).numpy(force=True)
