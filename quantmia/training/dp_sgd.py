"""DP-SGD (Abadi et al. 2016): Poisson batches, clipped gradients of samples, and noise.

The noise comes from the experiment's seed, so that an audit can be repeated: whoever knows the seed
can subtract it. A model that is shipped has to be trained with a seed that nobody knows.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from quantmia.accountant import Sampling
from quantmia.config.training import DpConfig
from quantmia.models.stack import Params, Stack
from quantmia.seeding import Purpose, stream
from quantmia.training.batches import Batch

WIDTH = 16  # batches are filled up to multiples of it, so that few shapes are captured


class PoissonBatches:
    """Batches that each member is in by a coin of its own, as the accountant supposes.

    Their number and expected size depend on the pool and not on a run's members, and what is
    missing to the largest batch of the stack is filled with samples of weight 0.

    Args:
        features: of the whole pool.
        targets: of each run, on its own scale.
        members: indices into the pool, of each run.
        sampling: of the batches.
        seed: the experiment's seed.
        runs: indices of the runs, which address their streams.

    `steps` are the batches of an epoch.
    """

    def __init__(
        self,
        features: Float[Tensor, "pool *features"],
        targets: Tensor,
        members: Sequence[Int[Tensor, " _"]],
        sampling: Sampling,
        seed: int,
        runs: Sequence[int],
    ):
        self.features, self.targets, self.sampling = features, targets, sampling
        self.steps = sampling.steps
        self.members = [chosen.cpu().numpy() for chosen in members]
        self.generators = [stream(seed, Purpose.BATCHES, run) for run in runs]

    def epoch(self) -> Iterator[Batch]:
        """As many batches as pass over the members once, in the mean."""
        for _ in range(self.steps):
            rows = [
                own[generator.random(len(own)) < self.sampling.rate]
                for generator, own in zip(self.generators, self.members, strict=True)
            ]
            largest = max(WIDTH, *map(len, rows))
            shape = (len(rows), -(-largest // WIDTH) * WIDTH)
            batch, weights = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
            for run, own in enumerate(rows):
                batch[run, : len(own)], weights[run, : len(own)] = own, 1.0
            there = torch.from_numpy(batch).to(self.features.device)
            x = torch.index_select(self.features, 0, there.reshape(-1)).unflatten(0, shape)
            yield x, self.targets.gather(1, there), torch.from_numpy(weights).to(x.device)


class PrivateGradients:
    """Clipped sums with noise, over the size that a batch is expected to have.

    Args:
        stack: the models.
        config: clipping norm and noise.
        expected: members a batch, in the mean.
        seed: the experiment's seed.
        runs: indices of the runs, which address their streams.
    """

    def __init__(
        self, stack: Stack, config: DpConfig, expected: float, seed: int, runs: Sequence[int]
    ):
        assert config.noise_multiplier is not None  # an epsilon has become one
        self.stack, self.bound, self.expected = stack, config.max_grad_norm, expected
        self.deviation = config.noise_multiplier * config.max_grad_norm
        initial = [stack.initial[name] for name in stack.trained]
        self.shapes = [value.shape for value in initial]
        self.noise = torch.empty(len(runs), sum(v[0].numel() for v in initial)).to(initial[0])
        seeds = [int(stream(seed, Purpose.NOISE, run).integers(2**62)) for run in runs]
        self.generators = [torch.Generator(self.noise.device).manual_seed(each) for each in seeds]

    def __call__(
        self, params: Params, x: Tensor, y: Tensor, weights: Tensor | None
    ) -> list[Tensor]:
        """Those of a batch, in the order of the stack's trained parameters.

        Args:
            params: of every run.
            x: features.
            y: targets.
            weights: 1 of what is in a run's batch, 0 of what is not.
        """
        assert weights is not None  # Poisson batches have them
        sums = self.stack.clipped(params, x, y, weights, self.bound)
        for row, generator in zip(self.noise, self.generators, strict=True):
            row.normal_(generator=generator)
        sizes = [shape[1:].numel() for shape in self.shapes]
        parts = self.noise.split(sizes, dim=1)
        return [
            torch.add(total, part.reshape(shape), alpha=self.deviation).div_(self.expected)
            for total, part, shape in zip(sums, parts, self.shapes, strict=True)
        ]
