"""Samples as somebody's models take them, from arrays or a table."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped
from numpy.typing import NDArray

from quantmia.errors import OutputsError, counted, did_you_mean
from quantmia.recording.pool import numbers, refuse_other_than_finite
from quantmia.recording.tables import TABLES, loaded, numbers_of, read_table


@dataclass(frozen=True)
class Rows:
    """What models are asked, and the right answers.

    Args:
        features: as the models were trained on them: nothing is scaled here.
        target: of every sample.
    """

    features: Shaped[np.ndarray, "samples *features"]
    target: Shaped[np.ndarray, " samples"]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of both."""
        digest = hashlib.sha256()
        for each in (self.features, self.target):
            digest.update(repr((each.shape, each.dtype.str)).encode())
            digest.update(np.ascontiguousarray(each).data)
        return digest.hexdigest()


def read_rows(path: Path, target: str = "target") -> Rows:
    """Samples from a file.

    Args:
        path: an `.npz` with `features` and the target; or a table, `.csv` or `.parquet`, of which
            all other columns are features, in their order.
        target: name of the array or column of targets.

    Raises:
        OutputsError: it cannot be read, or lacks something.
    """
    if not path.exists():
        raise OutputsError(f"{path}: there is no such file")
    if path.suffix in TABLES:
        table = read_table(path)
        _refuse_absent(path, target, {str(name): None for name in table}, "column")
        columns = [numbers_of(path, table, str(name)) for name in table if name != target]
        if not columns:
            raise OutputsError(f"{path}: has no column of features besides {target}")
        features, targets = np.stack(columns, axis=1), numbers_of(path, table, target)
    elif path.suffix == ".npz":
        arrays = loaded(path)
        for name in ("features", target):
            _refuse_absent(path, name, arrays, "array")
        features = numbers(arrays["features"], f"{path}: features")
        targets = numbers(arrays[target], f"{path}: {target}")
    else:
        raise OutputsError(f"{path}: has to be an .npz, or a table ({', '.join(TABLES)})")
    if features.ndim < 2 or targets.shape != features.shape[:1]:
        raise OutputsError(
            f"{path}: features have the shape {features.shape} and {target} {targets.shape}: "
            "(samples, ...) and (samples,) are wanted"
        )
    flat = features.reshape(len(features), -1)
    bad = np.flatnonzero(~np.isfinite(flat).all(1))
    if len(bad):
        raise OutputsError(
            f"{path}: row {bad[0]} has a feature that is no number ({counted(len(bad), 'row')}); "
            "write what the models were given in its place"
        )
    refuse_other_than_finite(targets, f"{path}: {target}")
    whole = features.dtype.kind in "iu"  # such as tokens, which embeddings look up
    return Rows(
        features.astype(np.int64 if whole and path.suffix == ".npz" else np.float32), targets
    )


def _refuse_absent(path: Path, name: str, there: Mapping[str, NDArray | None], what: str) -> None:
    if name not in there:
        hint = did_you_mean(name, there) or f"; there is {', '.join(there) or 'nothing'}"
        raise OutputsError(f"{path}: lacks the {what} {name}{hint}")
