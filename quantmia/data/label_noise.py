"""Wrong labels on purpose: what a share of the pool is trained on, in every run."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from quantmia.data.dataset import Dataset
from quantmia.data.split import Split
from quantmia.errors import DataError
from quantmia.seeding import Purpose, stream


@dataclass(frozen=True)
class Labels:
    """The targets that models are trained on, and that attackers know of.

    Args:
        target: of every sample of the dataset, as its own are.
        changed: how many are not those of the dataset; all of them in the pool.
    """

    target: Shaped[np.ndarray, " samples"]
    changed: int


def with_noise(dataset: Dataset, parts: Split, share: float, seed: int) -> Labels:
    """Give a share of the pool other labels, once for all runs; the held-out ones stay.

    Of a classification each of these samples gets one of the other classes, all as likely
    (symmetric noise, Ghosh et al. 2017, section 2). Of a regression they hand their targets on in a
    circle, in random order, so that their distribution stays.

    Args:
        dataset: gives the targets.
        parts: of the dataset.
        share: of the pool, in [0, 1).
        seed: draws samples and labels; that of the split, so that runs of different seeds can be
            merged.

    Raises:
        DataError: the share is of too few samples to change a label, or of equal ones.
    """
    if share == 0:
        return Labels(dataset.target, 0)
    pool, regression = len(parts.pool), dataset.task_name == "regression"
    count, least = round(share * pool), 2 if regression else 1
    if count < least:
        raise DataError(
            f"split.label_noise={share} of {pool} samples in the pool is {count}, and to change a "
            f"label takes at least {least}. Use a larger share, more data, or 0 for no noise."
        )
    rng = stream(seed, Purpose.LABELS)
    chosen = rng.permutation(parts.pool)[:count]
    target = dataset.target.copy()
    if regression:
        target[chosen] = target[np.roll(chosen, 1)]
    else:
        target[chosen] = (
            target[chosen] + rng.integers(1, dataset.classes, count)
        ) % dataset.classes
    changed = int((target != dataset.target).sum())
    if not changed:
        raise DataError(
            f"split.label_noise={share}: the {count} samples that were drawn have the same target, "
            "and no label changes. Use a larger share, another split.seed, or 0 for no noise."
        )
    return Labels(target, changed)
