"""Who is held out, and who each run trains on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Shaped
from numpy.typing import NDArray

from quantmia.data.dataset import Dataset
from quantmia.errors import DataError
from quantmia.seeding import Purpose, stream
from quantmia.tasks import TaskName
from quantmia.vocabulary import Membership


@dataclass(frozen=True)
class Split:
    """The validation samples (the same for every run) and the pool that members are drawn from.

    Args:
        validation: sorted indices into the dataset.
        pool: sorted indices of all other samples.
        apart: sorted indices of those that only calibrate, which are neither.
    """

    validation: NDArray[np.int64]
    pool: NDArray[np.int64]
    apart: NDArray[np.int64]


def split(dataset: Dataset, validation: float, seed: int, calibration: int = 0) -> Split:
    """Hold out a share of the samples, once for all runs.

    Args:
        dataset: what to split.
        validation: share of the samples, between 0 and 1.
        seed: draws the validation samples; not the experiment's seed, so that runs of different
            seeds can be merged.
        calibration: samples that are set apart from the pool.

    Raises:
        DataError: too few samples for validation or for two halves of the pool, or one class only.
    """
    n_val = round(validation * dataset.size)
    n_pool = dataset.size - n_val - calibration
    if n_val < 2 or n_pool < 4:
        apart = f" and split.calibration={calibration}" if calibration else ""
        raise DataError(
            f"split.validation={validation}{apart} of {dataset.size} samples leaves {n_val} for "
            f"validation (at least 2) and {max(n_pool, 0)} in the pool (at least 4: two halves of "
            f"two). Use more data or another split.{'calibration' if apart else 'validation'}."
        )
    order = stream(seed, Purpose.VALIDATION).permutation(dataset.size)
    held_out, apart, pool = np.split(order, [n_val, n_val + calibration])
    parts = Split(np.sort(held_out), np.sort(pool), np.sort(apart))
    for name, part in (("validation", parts.validation), ("pool", parts.pool)):
        if len(np.unique(dataset.target[part])) < 2:
            raise DataError(
                f"all {len(part)} samples of the {name} split have the same target; use more "
                "data, another split.validation or another split.seed."
            )
    return parts


def halves(samples: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two random halves of the validation samples, the same for every run; the first is smaller.

    Args:
        samples: for validation.
    """
    shuffled = np.random.default_rng(samples).permutation(samples)
    return shuffled[: samples // 2], shuffled[samples // 2 :]


def members(
    seed: int, runs: Sequence[int], n_pool: int, membership: Membership = "half"
) -> Bool[np.ndarray, "runs pool"]:
    """Who each run trains on: True where a sample of the pool is a member.

    Args:
        seed: the experiment's seed.
        runs: indices of the runs.
        n_pool: size of the pool.
        membership: `half`, each run's own random half (an odd pool leaves the larger half out);
            or `coin`, every sample by a fair coin of its own.

    Raises:
        DataError: the coins leave a run fewer than two members or non-members.
    """
    mask = np.zeros((len(runs), n_pool), bool)
    for row, run in zip(mask, runs, strict=True):
        rng = stream(seed, Purpose.MEMBERS, run)
        if membership == "half":
            row[rng.permutation(n_pool)[: n_pool // 2]] = True
        else:
            row[:] = rng.random(n_pool) < 0.5
            if not 2 <= row.sum() <= n_pool - 2:
                raise DataError(
                    f"split.membership=coin: run {run} drew {row.sum()} of {n_pool} samples as "
                    "members, and two members and two others are needed. Use more data or "
                    "split.membership=half."
                )
    return mask


def targets_of_runs(
    target: Shaped[np.ndarray, " samples"],
    task_name: TaskName,
    parts: Split,
    mask: Bool[np.ndarray, "runs pool"],
    public: bool = False,
) -> Shaped[np.ndarray, "runs samples"]:
    """Targets on each run's scale: regression is standardised by the run's own members.

    Args:
        target: of every sample of the dataset, as it is trained on.
        task_name: `regression`, `binary` or `multiclass`.
        parts: of the dataset.
        mask: who each run trains on.
        public: standardise by the validation samples in place of the members, whose mean is a
            secret of theirs.

    Raises:
        DataError: all members of a run have the same target.
    """
    if task_name != "regression":
        kind = np.int64 if task_name == "multiclass" else np.float32
        return np.tile(target, (len(mask), 1)).astype(kind)
    target = target.astype(np.float64)
    scales = scale_of_targets(target, parts, mask, public)
    return np.stack([(target - mean) / deviation for mean, deviation in scales]).astype(np.float32)


def scale_of_targets(
    target: Shaped[np.ndarray, " samples"],
    parts: Split,
    mask: Bool[np.ndarray, "runs pool"],
    public: bool = False,
) -> list[tuple[float, float]]:
    """Mean and deviation by which each run's targets of a regression are standardised.

    Args:
        target: of every sample of the dataset.
        parts: of the dataset.
        mask: who each run trains on.
        public: by the validation samples.

    Raises:
        DataError: all members of a run have the same target.
    """
    found = []
    for row in mask:
        own = target.astype(np.float64)[parts.validation if public else parts.pool[row]]
        if own.std() == 0:
            raise DataError(
                "dataset: all members of a run have the same target, which cannot be "
                "standardised; use more data."
            )
        found.append((float(own.mean()), float(own.std())))
    return found
