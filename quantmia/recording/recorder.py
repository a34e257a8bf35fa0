"""A recorder: what models of somebody's own training answer, kept as soon as it is there."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from math import inf
from operator import index
from pathlib import Path
from types import TracebackType
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
from filelock import FileLock
from jaxtyping import Bool
from numpy.typing import NDArray

from quantmia.config.recorded import ATTACKS
from quantmia.errors import FolderError, OutputsError
from quantmia.files import DamagedFileError, read_tensors, write_tensors
from quantmia.recording.checks import Outputs, lacking, losses_of, refuse_name
from quantmia.recording.outputs import answers
from quantmia.recording.plan import Plan
from quantmia.recording.pool import Pool
from quantmia.recording.written import files_of, finish, manifest_of
from quantmia.runs.folder import RunFolder
from quantmia.vocabulary import OutputKind

PARTS = "parts"


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
        membership, drawn = None, False
        if isinstance(members, Plan):
            membership, drawn = members.membership, members.seed is not None
            members = members.members
        self.pool = Pool.of(target, members, task, samples, membership, drawn)
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
        epochs = tuple(epochs)
        wanted = {_file(name, epoch, "answers") for name in variants for epoch in epochs}
        seen: set[int] = set()
        while True:
            there = {run: self._files(run) for run in range(self.runs)}
            everything = wanted.union(*there.values())
            left = [run for run in there if run not in seen and everything - there[run]]
            if not left:
                return
            seen.add(left[0])
            yield left[0]

    def add(
        self,
        run: SupportsIndex,
        variant: str,
        outputs: Any,
        *,
        epoch: SupportsIndex | None = None,
        bits: SupportsFloat | None = None,
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
        which, at, what = self._named(run, variant, epoch)
        found = answers(outputs, self.pool, what, self._kind)
        meta = {"saturated": found.saturated, "bits": _bits(bits, what), "outputs": found.kind}
        self._keep(which, variant, at, "answers", found.values, meta)

    def losses(self, run: SupportsIndex, variant: str, epoch: SupportsIndex, losses: Any) -> None:
        """Keep a checkpoint's losses on samples that no run trained on, of which r_Q is made.

        Args:
            run: its index.
            variant: how it is quantized.
            epoch: of the checkpoint, from 1.
            losses: one a sample; the same samples in the same order every time.
        """
        which, at, what = self._named(run, variant, epoch)
        self._keep(which, variant, at, "losses", losses_of(losses, f"losses of {what}"), {})

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
            Whether it has; else more is to be recorded, and stderr is told what.

        Raises:
            OutputsError: the outputs have nothing to do with the targets, or do not fit together.
        """
        with FileLock(self._folder.path / ".lock"):
            recorded, before = kept(self._folder.path, self.runs), self._folder.manifest()
            if lacks := lacking(recorded):
                print(f"{self._folder.path} is not finished: {lacks}", file=sys.stderr)
                return False
            for kind in ("scores", "losses"):
                (self._folder.path / kind).mkdir(exist_ok=True)
            for run, variants in recorded.items():
                self._folder.write_run(run, files_of(self.pool, run, variants), None)
            saturated = sum(each.saturated for of in recorded.values() for each in of.values())
            finish(self._folder, self.pool, recorded[0], saturated, self._attacks)
            if self._folder.manifest() != before:  # a ranking of what it was is no longer its own
                (self._folder.path / "conclusion.json").unlink(missing_ok=True)
        return True

    def _begin(self) -> None:
        path = self._folder.path
        wanted = manifest_of(self.pool, path, {}, self._attacks, state="running")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FolderError(f"{path} cannot be made ({error.strerror})") from None
        with FileLock(path / ".lock"):
            self._begin_or_go_on(wanted)

    def _begin_or_go_on(self, wanted: dict[str, Any]) -> None:
        path = self._folder.path
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
        membership = there["config"]["split"]["membership"]
        if not np.array_equal(members, self.pool.members) or membership != self.pool.membership:
            raise FolderError(f"{path} is of other members; choose another folder")

    def _named(
        self, run: SupportsIndex, variant: str, epoch: SupportsIndex | None
    ) -> tuple[int, int | None, str]:
        """Run and epoch as Python's integers, and how messages call them; there can be such."""
        try:
            which, at = index(run), None if epoch is None else index(epoch)
        except TypeError:
            raise OutputsError(f"run {run!r}, epoch {epoch!r}: integers are wanted") from None
        if not 0 <= which < self.runs:
            raise OutputsError(f"run {which}: there are {self.runs}, numbered from 0")
        refuse_name(variant)
        if at is not None and at < 1:
            raise OutputsError(f"epoch {at}: epochs are numbered from 1")
        return which, at, f"run {which}, {variant}" + ("" if at is None else f", epoch {at}")

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
        return {path.name for path in _parts(self._folder.path, run)}


def kept(folder: Path, runs: int) -> dict[int, dict[str, Outputs]]:
    """What a recording has so far, by run and variant.

    Args:
        folder: of the recording.
        runs: how many it is to have.

    Raises:
        FolderError: a file is damaged.
    """
    return {run: _of(folder, run) for run in range(runs)}


def _parts(folder: Path, run: int) -> list[Path]:
    return sorted((folder / PARTS / f"run-{run:04d}").glob("*.safetensors"))


def _of(folder: Path, run: int) -> dict[str, Outputs]:
    """What is kept of a run, by variant."""
    found: dict[str, Outputs] = {}
    for path in _parts(folder, run):
        try:
            tensors, meta = read_tensors(path)
        except DamagedFileError as error:
            raise FolderError(f"{error}: delete it, and record it again") from None
        own = found.setdefault(meta["variant"], Outputs())
        here = own.answers if meta["kind"] == "answers" else own.losses
        here[meta["epoch"]] = tensors[meta["kind"]]
        own.kinds |= {meta["outputs"]} if "outputs" in meta else set()
        own.saturated += meta.get("saturated", 0)
        if meta.get("bits") is not None:
            own.bits = float(meta["bits"])
    return found


def _file(variant: str, epoch: int | None, kind: str) -> str:
    return f"{variant}@{'last' if epoch is None else epoch}.{kind}.safetensors"


def _bits(bits: Any, what: str) -> float | None:
    """Bits a weight, as a number above 0."""
    try:
        found = None if bits is None else float(bits)
    except (TypeError, ValueError):
        found = -inf
    if found is not None and not 0 < found < inf:
        raise OutputsError(f"{what}: bits={bits!r}: has to be a number above 0")
    return found
