"""Scores with a known leak, made without any model."""

from functools import lru_cache

import numpy as np
import torch
from torch import nn

from quantmia.attacks import Observed, WhiteBox
from quantmia.tasks import TASKS

LINEAR = nn.Linear(3, 1, device="meta")


@lru_cache(maxsize=400)
def null_problem(seed, runs=8, pool=100):
    """Members drawn after training; several tests repeat their question on many of these."""
    return problem(runs, pool, leak=0.0, seed=seed)


def halves(runs, pool, rng, kind="independent"):
    """Membership by independent random halves, by complementary ones, or by coins."""
    if kind == "coin":
        return rng.random((runs, pool)) < 0.5
    members = np.zeros((runs, pool), bool)
    for row in members:
        row[rng.permutation(pool)[: pool // 2]] = True
    if kind == "complementary":
        members[1::2] = ~members[: runs - runs % 2 : 2]
    return members


def problem(runs=20, pool=200, leak=1.0, seed=0, kind="independent", task="binary"):
    """Signals of samples that differ, raised (or for regression shrunk) by membership."""
    rng = np.random.default_rng(seed)
    members = halves(runs, pool, rng, kind)
    features = rng.normal(size=(pool, 3)), rng.normal(size=(pool // 2, 3))
    noise = rng.normal(size=(runs, pool))
    held_out = rng.normal(size=(runs, pool // 2))
    if task == "regression":
        hard = rng.normal(size=(1, pool))
        signal = (hard + noise) * np.exp(-leak * members)
        loss, population = signal**2, (rng.normal(size=(1, pool // 2)) + held_out) ** 2
    else:
        signal = features[0][:, 0] + rng.normal(size=(1, pool)) + leak * members + noise
        loss = np.logaddexp(0, -signal)
        population = np.logaddexp(0, -(features[1][:, 0] + held_out))
    # Linear models that lean toward the samples they were trained on.
    lean = rng.normal(size=(runs, 3)) + leak * members @ features[0] / pool
    white_box = WhiteBox(
        LINEAR,
        {"weight": torch.from_numpy(lean[:, None]).float(), "bias": torch.zeros(runs, 1)},
        torch.from_numpy(features[0]).float(),
        TASKS["regression" if task == "regression" else "binary"],
    )
    return Observed(
        signal=signal,
        loss=loss,
        members=members,
        population=population,
        output=signal[..., None].astype(np.float32),
        target=np.ones((runs, pool), np.float32),
        two_sided=task == "regression",
        features=features,
        white_box=white_box,
    )
