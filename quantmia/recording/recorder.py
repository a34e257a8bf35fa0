"""A recorder: what models of somebody's own training answer, kept as soon as it is there."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from filelock import FileLock
from jaxtyping import Bool
from numpy.typing import NDArray

from quantmia.config.recorded import ATTACKS
from quantmia.errors import FolderError, OutputsError
from quantmia.files import DamagedFileError, read_tensors, write_tensors
from quantmia.recording.outputs import answers
from quantmia.recording.plan import Plan
from quantmia.recording.pool import Pool, numbers, refuse_other_than_finite
from quantmia.recording.written import (
    Outputs,
    files_of,
    finish,
    lacking,
    manifest_of,
    refuse_name,
)
from quantmia.runs.folder import RunFolder
from quantmia.vocabulary import OutputKind

PARTS = "parts"
LOG = logging.getLogger("quantmia")


class Recorder:
    """Records what models answer, run by run, and makes of it a folder that quantmia can rank.

    Every call is kept at once in a file of its own: a script that was killed goes on where it
    stopped, and several processes may record different runs. When the last output is there, the
    folder is finished. More variants may be recorded later.

        with quantmia.Recorder("outputs/mine", target=y, members="plan") as recorder:
            for run in recorder.remaining("full_precision", "int8"):
                model = train(X[recorder.members[run]], y[recorder.members[run]])
                recorder.add(run, "full_precision", model.predict_proba(X))
                recorder.add(run, "int8", quantize(model).predict_proba(X))

    Args:
        folder: where the runs go.
        target: [samples], of every sample that may be a member, in the order of the outputs; or
            [runs, samples] where each run has a scale of its own.
        members: a plan, the folder of one, or [runs, samples] with 1 where a run trains on one.
        task: `regression`, `binary` or `multiclass`; None: it is seen from the targets.
        outputs: `logits`, `probabilities` or `predictions`; None: it is seen from the outputs.
        samples: names of the samples.
        attacks: that rank the variants.

    Raises:
        OutputsError: (a ValueError) something cannot be used; the message names row and value.
        FolderError: the folder holds something else.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        target: Any,
        members: Any,
        task: str | None = None,
        outputs: OutputKind | None = None,
        samples: Sequence[Any] | None = None,
        attacks: Sequence[str] = ATTACKS,
    ):
        if isinstance(members, str | Path):
            members = Plan.read(Path(members))
        plan = members if isinstance(members, Plan) else Plan(np.zeros((0, 0), bool), None)
        mask = plan.members if isinstance(members, Plan) else members
        self.pool = Pool.of(target, mask, task, samples, plan.membership)
        self._kind: OutputKind | None = outputs
        self._attacks = tuple(attacks)
        self._folder = RunFolder(Path(folder))
        self._begin()

    @property
    def members(self) -> Bool[np.ndarray, "runs samples"]:
        """True where a run trains on a sample."""
        return self.pool.members

    @property
    def runs(self) -> int:
        """How many there are."""
        return self.pool.runs

    def remaining(self, *variants: str, epochs: Iterable[int | None] = (None,)) -> Iterator[int]:
        """Runs that lack some of these outputs, or anything that another run has, each once.

        Args:
            variants: names.
            epochs: of which every variant is to have outputs; None: of the last alone.
        """
        wanted = {_file(name, epoch, "answers") for name in variants for epoch in epochs}
        seen: set[int] = set()
        while True:
            there = {run: self._files(run) for run in range(self.runs)}
            everything = wanted.union(*there.values())
            lacking = [run for run in there if run not in seen and everything - there[run]]
            if not lacking:
                return
            seen.add(lacking[0])
            yield lacking[0]

    def add(
        self,
        run: int,
        variant: str,
        outputs: Any,
        *,
        epoch: int | None = None,
        bits: float | None = None,
    ) -> None:
        """Keep what a model answers on all samples; of the same call twice, the later one.

        Args:
            run: its index.
            variant: how it is quantized; the model as it was trained is best called
                `full_precision`, with which the others are then compared.
            outputs: [samples], or [samples, classes].
            epoch: of a checkpoint along the training; None: there is only the last.
            bits: that the variant stores a weight, for the tables.
        """
        what = self._named(run, variant, epoch)
        found = answers(outputs, self.pool, what, self._kind)
        self._keep(
            run,
            variant,
            epoch,
            "answers",
            found.values,
            {"saturated": found.saturated, "bits": bits},
        )

    def losses(self, run: int, variant: str, epoch: int, losses: Any) -> None:
        """Keep a checkpoint's losses on samples that no run trained on, of which r_Q is made.

        Args:
            run: its index.
            variant: how it is quantized.
            epoch: of the checkpoint, from 1.
            losses: one a sample; the same samples in the same order every time.
        """
        what = f"losses of {self._named(run, variant, epoch)}"
        values = numbers(losses, what)
        if values.ndim != 1 or len(values) < 2:
            raise OutputsError(f"{what} have the shape {values.shape}: one a sample is wanted")
        refuse_other_than_finite(values, what)
        if epoch < 1:
            raise OutputsError(f"{what}: epochs are numbered from 1")
        self._keep(run, variant, epoch, "losses", values.astype(np.float32), {})

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()

    def finish(self) -> bool:
        """Make the folder ready to be ranked, if every run has what any of them has.

        Returns:
            Whether it has; else more is to be recorded, and the log says what.

        Raises:
            OutputsError: the outputs have nothing to do with the targets, or do not fit together.
        """
        with FileLock(self._folder.path / ".lock"):
            recorded = {run: self._of(run) for run in range(self.runs)}
            if lacks := lacking(recorded):
                LOG.warning("%s is not finished: %s", self._folder.path, lacks)
                if not self._folder.finished:  # with fewer variants, which then are what it has
                    self._folder.write_manifest(self._running() | {"lacks": lacks})
                return False
            for kind in ("scores", "losses"):
                (self._folder.path / kind).mkdir(exist_ok=True)
            for run, variants in recorded.items():
                self._folder.write_run(run, files_of(self.pool, run, variants), None)
            saturated = sum(each.saturated for of in recorded.values() for each in of.values())
            finish(self._folder, self.pool, recorded[0], saturated, self._attacks)
        return True

    def _begin(self) -> None:
        path, wanted = self._folder.path, self._running()
        path.mkdir(parents=True, exist_ok=True)
        if not (path / "manifest.json").exists():
            members = {"members": self.pool.members.astype(np.uint8)}
            write_tensors(path / "members.safetensors", members, {})
            self._folder.write_manifest(wanted)
            return
        there = self._folder.manifest()
        try:
            members = read_tensors(path / "members.safetensors")[0]["members"]
        except DamagedFileError:
            raise FolderError(
                f"{path} holds something else than a recording; choose another folder"
            ) from None
        if there["dataset"]["sha256"] != wanted["dataset"]["sha256"]:
            raise FolderError(f"{path} is of other targets or samples; choose another folder")
        if not np.array_equal(members, self.pool.members):
            raise FolderError(f"{path} is of other members; choose another folder")

    def _running(self) -> dict[str, Any]:
        """The manifest before all is recorded."""
        name = self._folder.path.name
        return manifest_of(self.pool, name, {}, self._attacks, state="running")

    def _named(self, run: int, variant: str, epoch: int | None) -> str:
        """For messages, once it is seen that there can be such a thing."""
        if not 0 <= run < self.runs:
            raise OutputsError(f"run {run}: there are {self.runs}, numbered from 0")
        refuse_name(variant)
        if epoch is not None and epoch < 1:
            raise OutputsError(f"epoch {epoch}: epochs are numbered from 1")
        return f"run {run}, {variant}" + ("" if epoch is None else f", epoch {epoch}")

    def _keep(
        self,
        run: int,
        variant: str,
        epoch: int | None,
        kind: str,
        values: NDArray[np.float32],
        meta: dict[str, Any],
    ) -> None:
        folder = self._folder.path / PARTS / f"run-{run:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        meta = {"variant": variant, "epoch": epoch, "kind": kind} | meta
        write_tensors(folder / _file(variant, epoch, kind), {kind: values}, meta)

    def _files(self, run: int) -> set[str]:
        """Names of what is kept of a run."""
        parts = self._folder.path / PARTS / f"run-{run:04d}"
        return {path.name for path in parts.glob("*.safetensors")}

    def _of(self, run: int) -> dict[str, Outputs]:
        """What is kept of a run, by variant."""
        found: dict[str, Outputs] = {}
        for name in sorted(self._files(run)):
            try:
                tensors, meta = read_tensors(self._folder.path / PARTS / f"run-{run:04d}" / name)
            except DamagedFileError as error:
                raise FolderError(f"{error}: delete it, and record it again") from None
            own = found.setdefault(meta["variant"], Outputs())
            kept = own.answers if meta["kind"] == "answers" else own.losses
            kept[meta["epoch"]] = tensors[meta["kind"]]
            own.saturated += meta.get("saturated", 0)
            if meta.get("bits") is not None:
                own.bits = float(meta["bits"])
        return found


def _file(variant: str, epoch: int | None, kind: str) -> str:
    return f"{variant}@{'last' if epoch is None else epoch}.{kind}.safetensors"
