"""The samples that models of others may have been trained on: targets, members, names."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped
from numpy.typing import NDArray

from quantmia.data.dataset import fingerprint_of
from quantmia.errors import OutputsError, did_you_mean
from quantmia.recording.plan import LEAST
from quantmia.tasks import TASKS, Task, TaskName
from quantmia.vocabulary import Membership


@dataclass(frozen=True)
class Pool:
    """Checked when it is made.

    Args:
        task_name: `regression`, `binary` or `multiclass`.
        target: of every sample, or of every run and sample where each run has a scale of its own;
            class indices from 0 for classification.
        members: True where a run trained on a sample.
        names: of the samples; none: they are numbered.
        membership: how members were drawn; None: not known.
        drawn: whether quantmia drew them.
    """

    task_name: TaskName
    target: Shaped[np.ndarray, "*runs samples"]
    members: Bool[np.ndarray, "runs samples"]
    names: tuple[str, ...] = field(default=())
    membership: Membership | None = None
    drawn: bool = False

    @classmethod
    def of(
        cls,
        target: Any,
        members: Any,
        task: str | None = None,
        names: Sequence[Any] | None = None,
        membership: Membership | None = None,
        drawn: bool = False,
    ) -> "Pool":
        """From arrays of somebody's own.

        Args:
            target: [samples], or [runs, samples].
            members: [runs, samples], true or 1 where a run trained on a sample.
            task: `regression`, `binary` or `multiclass`; None: it is seen from the targets.
            names: of the samples.
            membership: how members were drawn.
            drawn: whether quantmia drew them.

        Raises:
            OutputsError: they cannot be used; the message names the row and the value.
        """
        mask, values = _members(members), numbers(target, "target")
        if values.dtype == bool:  # of a comparison: whether it is this class
            values = values.astype(np.int64)
        if values.shape not in (mask.shape, mask.shape[1:]):
            raise OutputsError(
                f"target has the shape {values.shape}, and members {mask.shape}: it has to be "
                f"({mask.shape[1]},), or {mask.shape} where each run has a scale of its own"
                + _transposed(mask.shape, values.shape)
            )
        refuse_other_than_finite(values, "target")
        if (np.ptp(values, axis=-1) == 0).any():
            raise OutputsError("target: all values are the same; there is nothing to learn")
        if membership == "coin" and len(set(mask.sum(1))) == 1:
            raise OutputsError(
                f"membership=coin: every run has {mask[0].sum()} members, which coins do not give; "
                "a bound on epsilon would not hold"
            )
        named = tuple(str(each) for each in names) if names is not None else ()
        if named and len(named) != mask.shape[1]:
            raise OutputsError(f"samples: {len(named)} names for {mask.shape[1]} samples")
        twice = [name for name, count in Counter(named).items() if count > 1]
        if twice:
            raise OutputsError(
                f"samples: {twice[0]} is there twice; every sample needs its own name"
            )
        pool = cls(_task(task, values), values, mask, named, membership, drawn)
        if pool.task_name != "regression":
            pool._refuse_other_than_classes()
        return pool

    @property
    def runs(self) -> int:
        """How many trainings."""
        return len(self.members)

    @property
    def samples(self) -> int:
        """How many there are."""
        return self.members.shape[1]

    @property
    def task(self) -> Task:
        """Its losses, utilities and signals."""
        return TASKS[self.task_name]

    @property
    def classes(self) -> int:
        """Number of classes; 0 for regression."""
        return 0 if self.task_name == "regression" else int(self.target.max()) + 1

    @property
    def scale(self) -> tuple[float, float]:
        """Mean and deviation of the targets that all runs share, by which outputs are measured too.

        0 and 1 for classes, and where each run has a scale of its own.
        """
        if self.task_name != "regression" or self.target.ndim > 1:
            return 0.0, 1.0
        values = self.target.astype(np.float64)
        return float(values.mean()), float(values.std())

    def target_of(self, run: int) -> NDArray:
        """Targets of a run, as its scores keep them."""
        own = self.target if self.target.ndim == 1 else self.target[run]
        if self.task_name == "multiclass":
            return own.astype(np.int64)
        mean, deviation = self.scale
        return ((own.astype(np.float64) - mean) / deviation).astype(np.float32)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of task, targets and names."""
        return fingerprint_of(self.task_name, self.target, np.array(self.names, dtype=str))

    def _refuse_other_than_classes(self) -> None:
        found = np.unique(self.target)
        if not np.array_equal(found, np.arange(len(found))):
            shown = found[:10].tolist()
            raise OutputsError(
                f"target: classes have to be numbered 0, 1, ... as the outputs' columns are, and "
                f"each has to occur; found {shown}"
                + (": subtract 1" if np.array_equal(found, np.arange(1, len(found) + 1)) else "")
            )
        if (len(found) == 2) != (self.task_name == "binary") or len(found) < 2:
            raise OutputsError(
                f"task={self.task_name}: the targets are of {len(found)} kinds; "
                "binary has two, multiclass more"
            )
        for run, was in enumerate(self.members):
            own = self.target if self.target.ndim == 1 else self.target[run]
            for side, what in ((own[was], "trains on"), (own[~was], "leaves out")):
                if len(np.unique(side)) < 2:
                    raise OutputsError(
                        f"run {run}: all samples that it {what} are of class {int(side[0])}"
                    )


def numbers(values: Any, what: str) -> NDArray:
    """An array of numbers, of whatever framework, on the host.

    Args:
        values: an array, a tensor, a column, a list.
        what: it is, for the message.

    Raises:
        OutputsError: it is none, or of half precision.
    """
    if hasattr(values, "detach"):  # a tensor of PyTorch
        if values.device.type == "meta":
            raise OutputsError(f"{what}: a tensor on the meta device, which holds no numbers")
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":
            raise OutputsError(f"{what}: bfloat16 has two digits; make it float32 (.float())")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise OutputsError(
            f"{what}: not an array ({error}); of batches: np.concatenate, torch.cat"
        ) from None
    if array.dtype.kind not in "biuf":
        kind = "objects" if array.dtype == object else f"{array.dtype}"
        raise OutputsError(
            f"{what} holds {kind}, not numbers; of classes by name: "
            "np.searchsorted(model.classes_, y)"
        )
    return array


def refuse_other_than_finite(values: NDArray, what: str) -> None:
    """Raise an OutputsError that names the first row with a value that is not a number.

    Args:
        values: of every row, in the last axis of targets and the first of outputs.
        what: they are.
    """
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        at, more = tuple(map(int, bad[0])), len(bad) - 1
        row = at[0] if len(at) == 1 else at
        others = f", and {more} more are no numbers" if more else ""
        raise OutputsError(f"{what}: row {row} is {values[at]}{others}")


def _transposed(wanted: tuple[int, ...], found: tuple[int, ...]) -> str:
    return "; it looks transposed" if len(found) == 2 and found[::-1] == wanted else ""


def _members(members: Any) -> Bool[np.ndarray, "runs samples"]:
    """Checked: two runs or more that differ, each with samples on either side."""
    mask = numbers(members, "members")
    if mask.ndim != 2:
        raise OutputsError(f"members has the shape {mask.shape}: it has to be (runs, samples)")
    if mask.dtype != bool:
        others = np.unique(mask[(mask != 0) & (mask != 1)])
        if len(others):
            raise OutputsError(
                f"members holds {others[0]}: it has to be 1 where a run trained on a sample, else 0"
                "; of places: mask = np.zeros((runs, samples), bool); mask[run, places] = True"
            )
        mask = mask.astype(bool)
    runs, samples = mask.shape
    if runs < 2:
        raise OutputsError(
            f"members: {runs} run; every run is attacked with the help of others, so that 4 or "
            "more are needed"
        )
    inside = mask.sum(1)
    for run in np.flatnonzero((inside < LEAST) | (inside > samples - LEAST)):
        raise OutputsError(
            f"run {run} trained on {inside[run]} of {samples} samples: an attack tells those from "
            f"others, and needs {LEAST} of either"
            + ("; members looks transposed" if runs > samples else "")
        )
    if (mask == mask[0]).all():
        raise OutputsError(
            "members: all runs trained on the same samples, so that no sample is seen both in and "
            "out; draw members for every run by itself: quantmia plan"
        )
    return mask


def _task(told: str | None, target: NDArray) -> TaskName:
    """As told, or as the targets look."""
    if told is not None:
        for name in TASKS:
            if told == name:
                return name
        raise OutputsError(
            f"task={told}: has to be one of {', '.join(TASKS)}{did_you_mean(str(told), TASKS)}"
        )
    whole = target.dtype.kind != "f" or bool((target == np.round(target)).all())
    if not whole:
        return "regression"
    found = np.unique(target)
    if len(found) == 2 and set(found.tolist()) == {0, 1}:
        return "binary"
    raise OutputsError(
        f"task has to be told, regression or multiclass: target holds {len(found)} whole numbers "
        f"from {found[0]:g} to {found[-1]:g}"
    )
