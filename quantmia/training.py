"""Training of independent runs as one stack."""

from collections.abc import Generator, Sequence
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.optim.sgd import sgd

from quantmia.config.schema import TrainingConfig
from quantmia.progress import Advance
from quantmia.seeding import Purpose, stream
from quantmia.stack import Params, Stack
from quantmia.trajectory import Checkpoint


class Optimiser(Protocol):
    """Changes stacked parameters in place; elementwise, so that runs stay independent."""

    def step(self, gradients: list[Tensor]) -> None:
        """One update."""
        ...


class Adam:
    """Adam (Kingma and Ba 2015), PyTorch's fused kernel over the whole stack.

    The kernel that `torch.optim.Adam(fused=True)` calls, without the sorting of tensors by device
    that it does at every step.
    """

    def __init__(self, params: list[Tensor], config: TrainingConfig):
        self.params, self.config = params, config
        self.means = [torch.zeros_like(p) for p in params]
        self.squares = [torch.zeros_like(p) for p in params]
        self.steps = [torch.zeros((), device=p.device) for p in params]

    def step(self, gradients: list[Tensor]) -> None:
        """One update."""
        torch.ops.aten._foreach_add_.Scalar(self.steps, 1)
        torch.ops.aten._fused_adam_.default(
            self.params,
            gradients,
            self.means,
            self.squares,
            [],
            self.steps,
            lr=self.config.lr,
            beta1=0.9,
            beta2=0.999,
            weight_decay=self.config.weight_decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


class Sgd:
    """Stochastic gradient descent with momentum, PyTorch's fused kernel over the whole stack."""

    def __init__(self, params: list[Tensor], config: TrainingConfig):
        self.params, self.config = params, config
        self.momentum: list[Tensor | None] = [None for _ in params]

    def step(self, gradients: list[Tensor]) -> None:
        """One update."""
        sgd(
            self.params,
            gradients,
            self.momentum,
            fused=True,
            weight_decay=self.config.weight_decay,
            momentum=self.config.momentum,
            lr=self.config.lr,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )


OPTIMISERS = {"adam": Adam, "sgd": Sgd}


def checkpoint_epochs(config: TrainingConfig) -> list[int]:
    """The epochs (from 1) after which a checkpoint is taken."""
    return list(range(config.checkpoint_every, config.epochs + 1, config.checkpoint_every))


def train(
    stack: Stack,
    config: TrainingConfig,
    features: Float[Tensor, "pool features"],
    targets: Tensor,
    members: Int[Tensor, "runs members"],
    seed: int,
    runs: Sequence[int],
    advance: Advance,
) -> Generator[Checkpoint, None, None]:
    """Train every run on its own members and yield its checkpoints as they come.

    The parameters that are yielded go on changing when the next checkpoint is asked for.

    Args:
        stack: the models; their initial parameters are copied.
        config: optimiser, epochs, batch size.
        features: of the whole pool.
        targets: [runs, pool], each run's on its own scale.
        members: indices into the pool that each run trains on, equally many a run.
        seed: the experiment's seed.
        runs: indices of the runs, which address their streams.
        advance: told of every epoch done.
    """
    params: Params = {name: value.clone() for name, value in stack.initial.items()}
    optimiser = OPTIMISERS[config.optimizer](list(params.values()), config)
    generators = [stream(seed, Purpose.BATCHES, run) for run in runs]
    wanted = set(checkpoint_epochs(config))
    n_runs, n_members = members.shape
    # One buffer for every batch: fresh memory at each step costs as much as the optimiser.
    largest = min(config.batch_size, n_members)
    rows = features.new_empty(n_runs * largest, *features.shape[1:])
    for epoch in range(1, config.epochs + 1):
        shuffled = [torch.from_numpy(g.permutation(n_members)) for g in generators]
        order = members.gather(1, torch.stack(shuffled).to(members.device))
        order_targets = targets.gather(1, order)
        for start in range(0, n_members, config.batch_size):
            batch = order[:, start : start + config.batch_size]
            x = torch.index_select(features, 0, batch.reshape(-1), out=rows[: batch.numel()])
            x = x.unflatten(0, (n_runs, -1))
            y = order_targets[:, start : start + config.batch_size]
            optimiser.step(stack.gradients(params, x, y))
        advance(1)
        if epoch in wanted:
            yield epoch, params
