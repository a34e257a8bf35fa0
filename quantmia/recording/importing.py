"""Outputs that somebody has in files, made a run folder."""

from collections.abc import Sequence
from pathlib import Path

from quantmia.config.recorded import ATTACKS, settings
from quantmia.errors import FolderError, OutputsError
from quantmia.recording.checks import Outputs, lacking, losses_of, refuse_name
from quantmia.recording.outputs import answers
from quantmia.recording.pool import Pool
from quantmia.recording.tables import Arrays
from quantmia.recording.written import files_of, finish
from quantmia.runs.folder import RunFolder
from quantmia.vocabulary import Membership, OutputKind


def import_outputs(
    arrays: Arrays,
    path: Path,
    task: str | None = None,
    kind: OutputKind | None = None,
    membership: Membership | None = None,
    attacks: Sequence[str] = ATTACKS,
) -> RunFolder:
    """Write the run folder of recorded outputs, run by run.

    Args:
        arrays: that were read.
        path: the folder, which must be empty, or not there yet.
        task: `regression`, `binary` or `multiclass`; None: it is seen from the targets.
        kind: what the outputs are; None: it is seen from them.
        membership: how members were drawn; None: not known.
        attacks: by the names of `conf/attack/`.

    Raises:
        OutputsError: something cannot be used; the message names row and value.
        FolderError: the folder holds something already.
    """
    folder = RunFolder(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FolderError(f"{path} is not an empty folder; choose another one (-o)")
    for name in arrays.outputs:
        refuse_name(name)
    settings(attacks)  # which there have to be
    pool = Pool.of(arrays.target, arrays.members, task, arrays.samples, membership)
    with folder.lock():
        try:
            _write(arrays, pool, folder, kind, attacks)
        except BaseException:
            for half in path.glob("*/run-*.safetensors"):  # of this call: the folder was empty
                half.unlink()
            raise
    return folder


def _write(
    arrays: Arrays,
    pool: Pool,
    folder: RunFolder,
    kind: OutputKind | None,
    attacks: Sequence[str],
) -> None:
    saturated, first = 0, {}
    for run in range(pool.runs):
        variants = _of_run(arrays, pool, run, kind)
        first = first or variants
        if lacks := lacking({0: first, run: variants}):  # the first as well, to be compared with
            raise OutputsError(lacks)
        saturated += sum(each.saturated for each in variants.values())
        folder.write_run(run, files_of(pool, run, variants), None)
    finish(folder, pool, first, saturated, attacks)


def _of_run(arrays: Arrays, pool: Pool, run: int, kind: OutputKind | None) -> dict[str, Outputs]:
    found = {}
    for name, of_epochs in arrays.outputs.items():
        own = found[name] = Outputs()
        for epoch, outputs in of_epochs.items():
            what = f"run {run}, {name}" + ("" if epoch is None else f", epoch {epoch}")
            found_here = answers(outputs[run], pool, what, kind)
            own.answers[epoch] = found_here.values
            own.saturated += found_here.saturated
            own.kinds.add(found_here.kind)
        if name in arrays.losses:
            rows = enumerate(arrays.losses[name][run], 1)
            what = f"losses of run {run}, {name}, checkpoint"
            own.losses = {at: losses_of(row, f"{what} {at}") for at, row in rows}
    return found
