"""What a model answered: logits, probabilities or predictions, as raw outputs of a task."""

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from quantmia.errors import OutputsError, counted
from quantmia.recording.pool import Pool, numbers, refuse_other_than_finite
from quantmia.vocabulary import OutputKind

SUM = 1e-3  # that a row of probabilities may be off
SLACK = 1e-6  # that a probability may lie beyond 0 or 1, as rounding leaves it
LARGEST = 1e18  # whose square is a number in single precision


@dataclass(frozen=True)
class Answers:
    """Raw outputs of a model on the pool.

    Args:
        values: float32 [samples], or [samples, classes]: predictions on the scale of the targets,
            or logits.
        kind: what they were.
        saturated: of how many samples a probability was so near to 0 or 1 that it was moved.
    """

    values: NDArray[np.float32]
    kind: OutputKind
    saturated: int = 0


def answers(values: Any, pool: Pool, what: str, kind: OutputKind | None = None) -> Answers:
    """Outputs of somebody's model as our own models would have them.

    Args:
        values: [samples], or [samples, classes], in the order of the pool.
        pool: the samples.
        what: whose outputs they are, for messages.
        kind: what they are; None: it is seen from the values.

    Raises:
        OutputsError: they cannot be used; the message names the row and the value.
    """
    if kind not in (None, *get_args(OutputKind)):
        raise OutputsError(f"outputs={kind}: has to be one of {', '.join(get_args(OutputKind))}")
    array = numbers(values, what)
    if array.dtype == np.float16:
        raise OutputsError(
            f"{what}: float16 has three digits, and every probability near 1 is 1; make them "
            "float32 before the softmax"
        )
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    _refuse_shape(array, pool, what)
    refuse_other_than_finite(array, what)
    if pool.task_name == "regression":
        if kind not in (None, "predictions"):
            raise OutputsError(f"{what}: outputs={kind}, but a regression has predictions")
        mean, deviation = pool.scale
        scaled = (array.astype(np.float64) - mean) / deviation
        return Answers(in_single_precision(scaled, what), "predictions")
    if kind == "predictions":
        raise OutputsError(
            f"{what}: outputs=predictions, but attacks read how sure a classifier is; give its "
            "logits or its probabilities"
        )
    _refuse_labels(array, what)
    if _are_probabilities(array, what, kind):
        return _logits(array)
    if array.ndim == 2 and pool.task_name == "binary":
        array = array[:, 1].astype(np.float64) - array[:, 0]
    return Answers(in_single_precision(array, what), "logits")


def in_single_precision(values: NDArray, what: str) -> NDArray[np.float32]:
    """The values as float32, in which their squares are numbers too.

    Args:
        values: finite.
        what: whose they are, for the message.

    Raises:
        OutputsError: one is too large.
    """
    bad = np.argwhere(~(np.abs(values) < LARGEST))
    if len(bad):
        at = tuple(map(int, bad[0]))
        raise OutputsError(
            f"{what}: row {at[0]} is {values[at]:.3g}, and {LARGEST:g} is too much: scale them, or "
            "leave out the run whose training diverged"
        )
    return values.astype(np.float32)


def _refuse_labels(array: NDArray, what: str) -> None:
    """Raise an OutputsError for classes in place of how sure a model is of them."""
    labels = bool(np.isin(array, (0, 1)).all() or np.isin(array, (-1, 1)).all())
    if labels:
        raise OutputsError(
            f"{what}: all outputs are {sorted(set(array.ravel().tolist()))}, which are labels; "
            "attacks read how sure a classifier is: give its logits or its probabilities"
        )


def _refuse_shape(array: NDArray, pool: Pool, what: str) -> None:
    samples, columns = pool.samples, {"regression": 1, "binary": 2}.get(pool.task_name)
    columns = pool.classes if columns is None else columns
    wanted: list[tuple[int, ...]] = [(samples, columns)] if columns > 1 else []
    if pool.task_name != "multiclass":
        wanted.insert(0, (samples,))
    if array.shape in wanted:
        return
    listed = " or ".join(str(each) for each in wanted)
    transposed = "; it looks transposed" if array.shape[::-1] in wanted and array.ndim > 1 else ""
    raise OutputsError(
        f"{what}: outputs have the shape {array.shape}, and {pool.task_name} of {samples} samples "
        f"has {listed}{transposed}"
    )


def _are_probabilities(array: NDArray, what: str, told: OutputKind | None) -> bool:
    """As told, if that is possible, or as they look."""
    within = np.asarray((array >= -SLACK) & (array <= 1 + SLACK))
    if array.ndim == 1:
        if told == "probabilities":
            _refuse_row(~within, array, what, "is not between 0 and 1")
        return told == "probabilities" or (told is None and bool(within.all()))
    total = array.sum(1, dtype=np.float64)
    whole = np.abs(total - 1) <= SUM
    if told == "probabilities":
        _refuse_row(np.asarray(~within.all(1)), array, what, "is not between 0 and 1")
        _refuse_row(~whole, total, what, "is the sum of its probabilities, not 1")
        return True
    alike = bool(within.all())
    if alike and whole.all():
        if told == "logits":
            raise OutputsError(
                f"{what}: outputs=logits, but every row is between 0 and 1 and sums to 1: these "
                "are probabilities"
            )
        return True
    if alike and told is None:
        _refuse_row(
            ~whole, total, what, "is the sum of a row between 0 and 1: say whether these are logits"
        )
    return False


def _refuse_row(bad: NDArray[np.bool_], values: NDArray, what: str, why: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        value = values[row] if values.ndim == 1 else values[row].tolist()
        shown = f"{value:.6g}" if np.ndim(value) == 0 else value
        raise OutputsError(f"{what}: row {row}: {shown} {why} ({counted(int(bad.sum()), 'row')})")


def _logits(array: NDArray) -> Answers:
    """Of probabilities; nearer to 0 or 1 than their precision tells apart, they are moved there.

    So a model has the same logits whether it gives one class's probability or those of both.
    """
    kind = np.finfo(array.dtype if array.dtype.kind == "f" else np.float64)
    least = float(kind.eps) / 2
    p = array.astype(np.float64)
    outside = (p < least) | (p > 1 - least)
    saturated = int((outside if p.ndim == 1 else outside.any(1)).sum())
    p = np.clip(p, least, 1 - least)
    if p.ndim == 1:
        return Answers((np.log(p) - np.log1p(-p)).astype(np.float32), "probabilities", saturated)
    log = np.log(p)
    log = log[:, 1] - log[:, 0] if p.shape[1] == 2 else log
    return Answers(log.astype(np.float32), "probabilities", saturated)
