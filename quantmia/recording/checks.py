"""Whether what was recorded fits together, and has to do with the targets."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantmia.errors import OutputsError
from quantmia.recording.outputs import in_single_precision
from quantmia.recording.pool import Pool, numbers, refuse_other_than_finite
from quantmia.recording.remarks import Remark
from quantmia.runs.folder import RunFolder

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")  # of a variant
LEAST_ASSOCIATION = 3.0  # of outputs with targets, in standard errors
ENOUGH = 50  # samples, of which a model that is any good shows more


@dataclass
class Outputs:
    """What was recorded of one variant of the models of one run.

    Args:
        answers: raw outputs on the pool, by the epoch that they were taken after; None: at the end.
        losses: on samples that no run trained on, by epoch.
        bits: stored a weight; NaN: not known.
        kinds: what the outputs were.
        saturated: of how many samples a probability was moved away from 0 or 1.
    """

    answers: dict[int | None, NDArray[np.float32]] = field(default_factory=dict)
    losses: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    bits: float = float("nan")
    kinds: set[str] = field(default_factory=set)
    saturated: int = 0


Variants = Mapping[str, Outputs]


def refuse_name(variant: str) -> None:
    """Raise an OutputsError for a variant that no file or column can be named by."""
    if variant in ("members", "target"):
        raise OutputsError(f"variant {variant}: the name is taken; call it by how it is quantized")
    if not NAME.fullmatch(variant):
        raise OutputsError(f"variant {variant!r}: a name of letters, digits and . _ + - is wanted")


def lacking(recorded: Mapping[int, Variants]) -> str | None:
    """The first thing that a run lacks and another has, in words; None: they are all alike.

    A variant may be of the last epoch alone.

    Args:
        recorded: by run.

    Raises:
        OutputsError: what there is does not fit together, whatever is yet to come.
    """
    every = [each for variants in recorded.values() for each in variants.values()]
    _refuse_unlike(recorded)
    names = sorted({name for variants in recorded.values() for name in variants})
    epochs = {epoch for each in every for epoch in each.answers}
    measured = {epoch for each in every for epoch in each.losses}
    if None in epochs and len(epochs) > 1:
        raise OutputsError(
            "some outputs have an epoch and some have none: give all of them one, or the last alone"
        )
    ends = epochs if None in epochs else _last(epochs), _last(measured)
    for name in names:
        everywhere = [variants.get(name, Outputs()) for variants in recorded.values()]
        own = [(set(mine.answers), set(mine.losses)) for mine in everywhere]
        last_alone = all(a <= ends[0] and b <= ends[1] for a, b in own) and ends in own
        wanted = ends if last_alone else (epochs, measured)
        for run, mine in zip(recorded, everywhere, strict=True):
            for what, these, there in zip(
                ("outputs", "losses"), wanted, (mine.answers, mine.losses), strict=True
            ):
                for epoch in sorted(these - set(there), key=str):
                    of = "" if epoch is None else f" of epoch {epoch}"
                    return f"run {run} has no {what}{of} for {name}, and others have"
    if not epochs:
        return "no outputs are recorded"
    if measured and None not in epochs and epochs - measured:
        return f"there are outputs of epoch {min(map(str, epochs - measured))} and no losses"
    return None


def _last(epochs: set[int | None] | set[int]) -> set[int | None]:
    return {max(epoch for epoch in epochs if epoch is not None)} if epochs else set()


def _refuse_unlike(recorded: Mapping[int, Variants]) -> None:
    """Raise an OutputsError where runs answer in different ways, or were held out differently."""
    kinds: dict[str, int] = {}
    lengths: dict[int, str] = {}
    for run, variants in recorded.items():
        for name, each in variants.items():
            for kind in each.kinds:
                kinds.setdefault(kind, run)
            for epoch, row in each.losses.items():
                lengths.setdefault(len(row), f"run {run}, {name}, epoch {epoch}")
    if len(kinds) > 1:
        said = " and ".join(f"{kind} (run {run})" for kind, run in sorted(kinds.items()))
        raise OutputsError(
            f"outputs look like {said}, and have to be the same everywhere: say what they are, "
            "outputs=logits or outputs=probabilities"
        )
    if len(lengths) > 1:
        said = " and ".join(f"{number} of {which}" for number, which in sorted(lengths.items()))
        raise OutputsError(f"losses have to be of the same samples everywhere; there are {said}")


def losses_of(values: Any, what: str) -> NDArray[np.float32]:
    """Losses of one checkpoint, checked.

    Args:
        values: one a sample.
        what: whose they are, for messages.

    Raises:
        OutputsError: they cannot be used.
    """
    found = numbers(values, what)
    if found.ndim != 1 or len(found) < 2:
        raise OutputsError(f"{what} have the shape {found.shape}: one a sample is wanted")
    refuse_other_than_finite(found, what)
    return in_single_precision(found, what)


def on_association(folder: RunFolder, pool: Pool, names: Sequence[str]) -> Iterator[Remark]:
    """Refuse outputs that do not go with the targets, as in another order; of few samples, say so.

    A model that learnt nothing but its members still goes with their targets.
    """
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    for run in range(pool.runs):
        scores, target = folder.read_scores(run), pool.target_of(run)
        parts = (np.ones(pool.samples, bool), pool.members[run])
        for name, mine in found.items():
            mine.append([_association(scores[name][p], target[p], pool.task_name) for p in parts])
    best = max(float(np.mean(mine, axis=0).max()) for mine in found.values())
    if best > LEAST_ASSOCIATION:
        return
    text = (
        "outputs and targets have nothing to do with each other, whatever the run and the variant "
        f"({best:.1f} standard errors): are the outputs in the order of the targets, and of a "
        "binary task those of class 1?"
    )
    if pool.samples >= ENOUGH:
        raise OutputsError(text)
    yield Remark(text, "So few samples may not show it. Else the figures mean nothing.")


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
