"""Gaussian mixtures: the paper's synthetic study."""

import numpy as np

from quantmia.data.dataset import Dataset
from quantmia.seeding import Purpose, stream


def gaussian_mixture(
    name: str = "synthetic",
    modes: int = 8,
    sigma: float = 2.0,
    dimension: int = 128,
    size: int = 1000,
    classes: int = 2,
    seed: int = 0,
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
    """
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
