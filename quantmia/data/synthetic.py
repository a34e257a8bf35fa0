"""Gaussian mixtures: the paper's synthetic study."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Lt

from quantmia.data.dataset import Dataset
from quantmia.errors import DataError
from quantmia.seeding import Purpose, stream


def gaussian_mixture(
    name: str = "synthetic",
    modes: Annotated[int, Ge(2)] = 8,
    sigma: Annotated[float, Ge(0), Lt(float("inf"))] = 2.0,
    dimension: Annotated[int, Ge(1)] = 128,
    size: Annotated[int, Ge(4)] = 1000,
    classes: Annotated[int, Ge(2)] = 2,
    seed: Annotated[int, Ge(0)] = 0,
) -> Dataset:
    """Samples around random centres; the modes are dealt to the classes in turn.

    Args:
        name: what reports call it.
        modes: centres, drawn from a standard Gaussian in `dimension` dimensions.
        sigma: standard deviation of every coordinate around its centre.
        dimension: features a sample.
        size: samples; every mode gets as many as the others, up to one.
        classes: 2 makes a binary task, more a multi-class one.
        seed: draws centres and samples; not the experiment's seed, so that experiments with
            different seeds see the same data.

    Raises:
        DataError: fewer modes than classes, some of which would have no sample.
    """
    if modes < classes:
        raise DataError(f"dataset.modes={modes}: has to be at least dataset.classes={classes}")
    rng = stream(seed, Purpose.DATA)
    centres = rng.standard_normal((modes, dimension))
    mode = rng.permutation(np.arange(size) % modes)
    features = centres[mode] + sigma * rng.standard_normal((size, dimension))
    return Dataset(
        name=name,
        features=features.astype(np.float32),
        target=(mode % classes).astype(np.int64),
        task_name="binary" if classes == 2 else "multiclass",
        identifiers=tuple(f"sample-{i}" for i in range(size)),
    )
