"""Random streams: every draw is addressed by (run, purpose), never by when it happens."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is used for; the numbers are part of the results, so they never change."""

    MEMBERS = 0
    INITIALISATION = 1
    BATCHES = 2
    VALIDATION = 3
    DATA = 4
    BOOTSTRAP = 5
    HALVES = 6
    EFFICIENCY = 7
    SHUFFLES = 8
    NOISE = 9
    LABELS = 10
    CALIBRATION = 11


def stream(seed: int, purpose: Purpose, run: int | None = None) -> np.random.Generator:
    """The generator of one purpose, for one run or (without `run`) for the whole experiment.

    Args:
        seed: the experiment's seed.
        purpose: what the numbers are used for.
        run: index of the run; its stream does not depend on how many runs there are.
    """
    key = (int(purpose),) if run is None else (run, int(purpose))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
