"""Minibatches of every run at once, from its own shuffled members."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from quantmia.seeding import Purpose, stream

Batch = tuple[Tensor, Tensor, Tensor | None]  # features, targets, weights of the loss


class Batches:
    """Cuts the members of every run into the same number of batches, however many they are.

    A run on half the pool gets batches of `batch_size` and a smaller last one. Another number of
    members is cut into as many batches, as equal as can be, so that all runs take the same number
    of steps and none depends on the others; what is missing to the largest batch is filled with
    samples of weight 0.

    Args:
        features: of the whole pool.
        targets: of each run, on its own scale.
        members: indices into the pool, of each run.
        batch_size: samples a batch.
        seed: the experiment's seed.
        runs: indices of the runs, which address their streams.

    `steps` are the batches of an epoch.
    """

    def __init__(
        self,
        features: Float[Tensor, "pool *features"],
        targets: Tensor,
        members: Sequence[Int[Tensor, " _"]],
        batch_size: int,
        seed: int,
        runs: Sequence[int],
    ):
        self.features, self.targets = features, targets
        self.members = [chosen.numpy(force=True) for chosen in members]
        self.generators = [stream(seed, Purpose.BATCHES, run) for run in runs]
        half = len(features) // 2
        starts = np.append(np.arange(0, half, batch_size), half)
        ends = [
            starts if len(chosen) == half else _evenly(len(chosen), len(starts))
            for chosen in members
        ]
        if all(len(chosen) == half for chosen in members):
            positions = [
                torch.arange(start, end).expand(len(runs), -1) for start, end in pairwise(starts)
            ]
            weights = [None for _ in positions]
        else:
            positions, weights = _filled(np.stack(ends, axis=1))
            weights = [each.to(features.device) for each in weights]
        self.steps = len(positions)
        self.weights = weights
        self.sizes = [each.numel() for each in positions]
        # Places in what `epoch` shuffles, batch after batch.
        row = torch.arange(len(runs))[:, None] * max(map(len, members))
        places = torch.cat([(row + each).reshape(-1) for each in positions])
        self.places = places.to(features.device)
        # One buffer for every batch: fresh memory at each step costs as much as the optimiser.
        rows = features.new_empty(max(self.sizes), *features.shape[1:])
        self.rows = [rows[:size] for size in self.sizes]
        self.batches = [part.unflatten(0, (len(runs), -1)) for part in self.rows]

    def epoch(self) -> Iterator[Batch]:
        """The batches of one pass over the members, newly shuffled; they share memory."""
        shuffled = np.zeros((len(self.members), max(map(len, self.members))), np.int64)
        for row, chosen, generator in zip(shuffled, self.members, self.generators, strict=True):
            row[: len(chosen)] = chosen[generator.permutation(len(chosen))]
        order = torch.from_numpy(shuffled).to(self.targets.device)
        # Of all batches at once: in a step of a small model every call counts.
        chosen = order.reshape(-1).index_select(0, self.places).split(self.sizes)
        targets = self.targets.gather(1, order).reshape(-1).index_select(0, self.places)
        targets = targets.split(self.sizes)
        parts = zip(chosen, self.rows, self.batches, targets, self.weights, strict=True)
        for indices, rows, x, y, weights in parts:
            torch.index_select(self.features, 0, indices, out=rows)
            yield x, y.view(x.shape[:2]), weights


def _evenly(count: int, bounds: int) -> NDArray[np.int64]:
    return np.round(np.linspace(0, count, bounds)).astype(np.int64)


def _filled(bounds: Int[np.ndarray, "bounds runs"]) -> tuple[list[Tensor], list[Tensor]]:
    """Positions in each run's order [runs, batch], and weights that average over what is there."""
    size = np.diff(bounds, axis=0)[..., None]
    slot = np.arange(size.max())
    inside = slot < size
    positions = np.where(inside, bounds[:-1, :, None] + slot, 0)
    weights = np.where(inside, 1 / np.maximum(size, 1), 0.0).astype(np.float32)
    return list(torch.from_numpy(positions)), list(torch.from_numpy(weights))
