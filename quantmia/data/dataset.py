"""Features, targets and what is known about them."""

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quantmia.errors import DataError
from quantmia.tasks import TASKS, Task, TaskName


@dataclass(frozen=True)
class Dropped:
    """A row of the source that is not used: its number (from 0), its identifier and why."""

    row: int
    identifier: str
    reason: str

    @property
    def kind(self) -> str:
        """The reason without what is particular to the row."""
        return re.split(r" as row |: ", self.reason)[0]


@dataclass(frozen=True)
class Dataset:
    """A supervised learning problem, checked when it is made.

    Args:
        name: what reports call it.
        features: float32 [samples, features].
        target: [samples]; float for regression, class indices from 0 otherwise.
        task_name: `regression`, `binary` or `multiclass`.
        identifiers: one name a sample, as the source calls it.
        dropped: rows of the source that are not among the samples.
        structures: SMILES of every sample, of molecules.
        columns: one name a feature, where the source has any.

    Raises:
        DataError: NaN or infinite numbers, a constant target, a single class, unequal lengths.
    """

    name: str
    features: NDArray[np.float32]
    target: NDArray
    task_name: TaskName
    identifiers: tuple[str, ...]
    dropped: tuple[Dropped, ...] = field(default=())
    structures: tuple[str, ...] = field(default=())
    columns: tuple[str, ...] = field(default=())

    def __post_init__(self):
        if not len(self.features) == len(self.target) == len(self.identifiers):
            raise DataError(
                f"{self.name}: {len(self.features)} rows of features, {len(self.target)} targets "
                f"and {len(self.identifiers)} identifiers; there must be as many of each."
            )
        if not self.size:
            raise DataError(f"{self.name}: there are no samples; check the source and its filters.")
        if self.size == 1:
            reasons = (
                ", ".join(sorted({each.kind for each in self.dropped})) or "the source has one"
            )
            raise DataError(
                f"{self.name}: a single sample is left ({reasons}); there is no training"
            )
        _check_finite(self.name, "features", self.features, self.identifiers)
        _check_finite(self.name, "targets", self.target, self.identifiers)
        if len(np.unique(self.target)) < 2:
            what = "the target is constant" if self.task_name == "regression" else "a single class"
            raise DataError(
                f"{self.name}: {what} ({self.target[:1]} in all {len(self.target)} samples); "
                "there is nothing to learn. Choose another target column."
            )
        if self.task_name != "regression" and not set(np.unique(self.target)) == set(
            range(self.classes)
        ):
            raise DataError(
                f"{self.name}: classes must be the integers 0..{self.classes - 1} and each must "
                f"occur; found {np.unique(self.target)[:10].tolist()}."
            )

    @property
    def size(self) -> int:
        """Number of samples."""
        return len(self.target)

    @property
    def task(self) -> Task:
        """The task's losses, utilities and signals."""
        return TASKS[self.task_name]

    @property
    def classes(self) -> int:
        """Number of classes; 0 for regression."""
        return 0 if self.task_name == "regression" else int(self.target.max()) + 1

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of features and targets."""
        return fingerprint_of(self.task_name, self.features, self.target)


def fingerprint_of(task_name: TaskName, *arrays: NDArray) -> str:
    """SHA-256 of what data are.

    Args:
        task_name: `regression`, `binary` or `multiclass`.
        arrays: of numbers or texts.
    """
    digest = hashlib.sha256(task_name.encode())
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _check_finite(name: str, what: str, values: NDArray, identifiers: tuple[str, ...]) -> None:
    bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(1))
    if len(bad):
        shown = ", ".join(identifiers[row] for row in bad[:5])
        raise DataError(
            f"{name}: NaN or infinite {what} in {len(bad)} of {len(values)} samples ({shown}"
            f"{', ...' if len(bad) > 5 else ''}). Remove or impute them."
        )
