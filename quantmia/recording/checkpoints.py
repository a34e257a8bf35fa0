"""Checkpoints of somebody's training, which quantmia quantizes and asks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from quantmia.config.recorded import ATTACKS
from quantmia.config.released import on_grid
from quantmia.data.calibration import rows_of
from quantmia.errors import FolderError, OutputsError, first_line
from quantmia.files import read_json, write_json
from quantmia.models.factory import FAULTS
from quantmia.models.layers import LayerInputs
from quantmia.models.loop import Loop
from quantmia.models.skeleton import skeleton
from quantmia.models.stack import Factory
from quantmia.progress import Progress
from quantmia.quantizers import Quantizer
from quantmia.quantizers.shipped import Shipped
from quantmia.quantizers.stored import Stored
from quantmia.recording.outputs import answers
from quantmia.recording.plan import Plan
from quantmia.recording.pool import Pool
from quantmia.recording.recorder import Recorder
from quantmia.recording.rows import Rows
from quantmia.recording.states import Checkpoints, fitted, read_state
from quantmia.runs.folder import RunFolder
from quantmia.vocabulary import OutputKind

SOURCE = "checkpoints.json"  # what a folder is made of
SHOWN = 80  # characters of a value in a message


def import_checkpoints(
    checkpoints: Checkpoints,
    rows: Rows,
    members: Plan | NDArray,
    path: Path,
    factory: Factory,
    quantizers: Mapping[str, Quantizer],
    progress: Progress,
    held_out: Rows | None = None,
    task: str | None = None,
    kind: OutputKind | None = None,
    attacks: Sequence[str] = ATTACKS,
    made_of: Mapping[str, str] | None = None,
) -> RunFolder:
    """Quantize every checkpoint and record what it answers; killed and called again, it goes on.

    Outputs are kept of about eight epochs, losses on held-out samples of all; of a quantizer with
    `trajectory: last` of the last epoch alone.

    Args:
        checkpoints: files by run and epoch.
        rows: samples that may be members, as the models take them.
        members: a plan, or [runs, samples] with 1 where a run trained on one.
        path: of the folder that is made.
        factory: returns the architecture.
        quantizers: by name.
        progress: shows how far it is.
        held_out: samples that no run trained on, of whose losses r_Q is made.
        task: `regression`, `binary` or `multiclass`; None: it is seen from the targets.
        kind: what the models answer; None: it is seen from the answers.
        attacks: by the names of `conf/attack/`.
        made_of: what the models are called, without which a folder is not gone on with.

    Raises:
        OutputsError: something does not fit together; the message names file and value.
        FolderError: the folder holds something else.
    """
    mask = members.members if isinstance(members, Plan) else members
    pool = Pool.of(rows.target, mask, task)
    if list(checkpoints) != list(range(pool.runs)):
        raise OutputsError(
            f"--checkpoints: there are files of the runs {_shortly(list(checkpoints))}, and "
            f"--members has {pool.runs}, numbered from 0"
        )
    epochs = list(checkpoints[0])
    if held_out is not None and None in epochs:
        raise OutputsError(
            "--held-out: r_Q compares the checkpoints along a training, and --checkpoints has no * "
            "for the epoch"
        )
    asked = _Asked(factory, quantizers, pool, rows, held_out, kind)
    released = [None] if None in epochs else on_grid([each for each in epochs if each])
    # Before anything is written.
    asked.of(0, checkpoints[0][epochs[0]], released=True, names=quantizers)
    source = {"--data": rows.fingerprint} | dict(made_of or {})
    source |= {} if held_out is None else {"--held-out": held_out.fingerprint}
    _refuse_other(path, source)
    with Recorder(
        path, target=rows.target, members=members, task=task, outputs=kind, attacks=attacks
    ) as recorder:
        write_json(path / SOURCE, source)
        along = [name for name, each in quantizers.items() if each.trajectory == "all"]
        short = [name for name in quantizers if name not in along]
        left = sorted(
            {
                *recorder.remaining(*along, epochs=released),
                *recorder.remaining(*short, epochs=released[-1:]),
            }
        )
        if not left:
            progress.say(f"{path} has all of them already; none was asked again.")
        with progress.stage("checkpoints", len(left) * len(epochs), "checkpoints") as advance:
            for run in left:
                for epoch, file in checkpoints[run].items():
                    names = quantizers if epoch == epochs[-1] else along
                    for name, each in asked.of(run, file, epoch in released, names).items():
                        if each.losses is not None and epoch is not None:
                            recorder.losses(run, name, epoch, each.losses)
                        if each.outputs is not None:
                            recorder.add(run, name, each.outputs, epoch=epoch, bits=each.bits)
                    advance(1)
    return RunFolder(path)


@dataclass(frozen=True)
class _Answer:
    """Of one checkpoint and quantizer; None: not asked for."""

    outputs: NDArray | None
    losses: NDArray[np.float32] | None
    bits: float


@dataclass(frozen=True, kw_only=True)
class _HeldOut(Pool):
    """Samples that no run trained on, measured by the scale of those that some did."""

    pool: Pool

    @property
    def scale(self) -> tuple[float, float]:
        """Of the pool."""
        return self.pool.scale

    @property
    def classes(self) -> int:
        """Of the pool."""
        return self.pool.classes


class _Asked:
    """Asks the models of checkpoints, one after another."""

    def __init__(
        self,
        factory: Factory,
        quantizers: Mapping[str, Quantizer],
        pool: Pool,
        rows: Rows,
        held_out: Rows | None,
        kind: OutputKind | None,
    ):
        self._model = _module(factory)
        self._loop = Loop(lambda: self._model, [0], pool.task)
        self._members = pool.members
        self._shown: tuple[int, dict[str, LayerInputs]] = (-1, {})
        self._quantizers = quantizers
        for name, each in quantizers.items():
            if each.looks_at and each.looks_at[0] != "members":
                raise OutputsError(
                    f"--quantizer {name}: source={each.looks_at[0]}: of another's training there "
                    "are members alone to calibrate on; use source: members"
                )
        self._kind: OutputKind | None = kind
        self._inputs = torch.from_numpy(rows.features)
        self._held_out = None if held_out is None else torch.from_numpy(held_out.features)
        if held_out is None:
            return
        if held_out.features.shape[1:] != rows.features.shape[1:]:
            raise OutputsError(
                f"--held-out has features of the shape {held_out.features.shape[1:]}, and --data "
                f"{rows.features.shape[1:]}"
            )
        values = held_out.target
        if pool.task_name != "regression":
            others = set(np.unique(values).tolist()) - set(range(pool.classes))
            if others:
                raise OutputsError(
                    f"--held-out has the class {min(others)}, which --data does not have"
                )
        self._measured = _HeldOut(
            pool.task_name, values, np.zeros((1, len(values)), bool), pool=pool
        )

    def of(
        self, run: int, path: Path, released: bool, names: Collection[str]
    ) -> dict[str, _Answer]:
        """What the models of a checkpoint answer, by quantizer."""
        state = fitted(read_state(path), self._model, path)
        params = self._loop.initial | {name: value[None] for name, value in state.items()}
        found = {}
        for name in names:
            quantizer = self._quantizers[name]
            shown = self._shown_to(run).get(name)
            shipped = quantizer.release(params, self._loop, self._inputs, shown)
            outputs = self._answers(shipped, self._inputs, path) if released else None
            losses = None
            if self._held_out is not None:
                held_out = self._answers(shipped, self._held_out, path)
                losses = self._losses(held_out, f"{path}, {name}, held out")
            stored = Stored.of(shipped, quantizer, params, self._loop, shown)
            found[name] = _Answer(outputs, losses, stored.bits)
        return found

    def _shown_to(self, run: int) -> dict[str, LayerInputs]:
        """What quantizers that look at data are shown: members of the run, drawn as ours are."""
        if self._shown[0] != run:
            found = {}
            for name, each in self._quantizers.items():
                if each.looks_at:
                    own = np.flatnonzero(self._members[run])
                    drawn = rows_of(own, min(each.looks_at[1], len(own)), seed=0, run=run)
                    found[name] = LayerInputs(skeleton(self._model), self._inputs[drawn][None])
            self._shown = run, found
        return self._shown[1]

    def _answers(self, models: Shipped, inputs: Tensor, path: Path) -> NDArray:
        try:
            return models(inputs)[0].numpy(force=True)
        except FAULTS as error:
            raise OutputsError(
                f"{path}: the model fails on samples of the shape {tuple(inputs.shape[1:])} "
                f"({type(error).__name__}: {first_line(error)})"
            ) from error

    def _losses(self, outputs: NDArray, what: str) -> NDArray[np.float32]:
        pool = self._measured
        values = answers(outputs, pool, what, self._kind).values
        raw = torch.from_numpy(values[:, None] if values.ndim == 1 else values)
        return pool.task.loss(raw, torch.from_numpy(pool.target_of(0))).numpy()


def _refuse_other(path: Path, source: Mapping[str, str]) -> None:
    """Raise a FolderError where a folder is of other models or samples than what would be added."""
    there = read_json(path / SOURCE)
    changed = [key for key in {**there, **source} if there and there.get(key) != source.get(key)]
    if changed:
        said = "; ".join(
            f"{key} was {there.get(key, 'not given')[:SHOWN]} and is "
            f"{source.get(key, 'not given')[:SHOWN]}"
            for key in changed
        )
        raise FolderError(f"{path} is of other checkpoints ({said}); choose another folder (-o)")


def _module(factory: Factory) -> nn.Module:
    """The architecture, of whatever numbers."""
    try:
        model: object = factory()
    except FAULTS as error:
        raise OutputsError(
            f"--model: cannot be made ({type(error).__name__}: {first_line(error)}); its "
            "arguments: --model-args NAME=VALUE"
        ) from error
    if not isinstance(model, nn.Module):
        raise OutputsError(f"--model: makes a {type(model).__name__}, and no torch.nn.Module")
    return model


def _shortly(runs: list[int]) -> str:
    """Few numbers, or the ends of many."""
    return ", ".join(map(str, runs)) if len(runs) < 9 else f"{runs[0]} to {runs[-1]}"
