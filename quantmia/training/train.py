"""Training of independent runs as one stack."""

from collections.abc import Generator, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.optim.sgd import sgd

from quantmia.accountant import Sampling
from quantmia.config.training import TrainingConfig
from quantmia.models.loop import Loop
from quantmia.models.stack import Params, Stack
from quantmia.progress import Advance
from quantmia.quantizers import Quantizer
from quantmia.training.batches import Batches
from quantmia.training.checkpoints import Checkpoint
from quantmia.training.dp_sgd import PoissonBatches, PrivateGradients


@runtime_checkable
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


def train(
    stack: Stack | Loop,
    config: TrainingConfig,
    features: Float[Tensor, "pool *features"],
    targets: Tensor,
    members: Sequence[Int[Tensor, " _"]],
    seed: int,
    runs: Sequence[int],
    advance: Advance,
    quantizer: Quantizer | None = None,
) -> Generator[Checkpoint, None, None]:
    """Train every run on its own members and yield its checkpoints as they come.

    The parameters that are yielded go on changing when the next checkpoint is asked for.

    Args:
        stack: the models; their initial parameters are copied.
        config: optimiser, epochs, batch size; private or not.
        features: of the whole pool.
        targets: [runs, pool], each run's on its own scale.
        members: indices into the pool that each run trains on.
        seed: the experiment's seed.
        runs: indices of the runs, which address their streams.
        advance: told of every epoch done.
        quantizer: of quantization-aware training: gradients are those of the quantized weights,
            and move the weights in full precision (the straight-through estimator of Bengio et
            al. 2013, as in Courbariaux et al. 2015). These are yielded.
    """
    params: Params = {name: value.clone() for name, value in stack.initial.items()}
    optimiser = OPTIMISERS[config.optimizer]([params[name] for name in stack.trained], config)
    if config.dp.wanted:
        assert isinstance(stack, Stack)  # seen to when the experiment was fitted
        sampling = Sampling.of(len(features), config.batch_size)
        batches = PoissonBatches(features, targets, members, sampling, seed, runs)
        expected = (len(features) // 2) * sampling.rate
        gradients = PrivateGradients(stack, config.dp, expected, seed, runs)
    else:
        batches = Batches(features, targets, members, config.batch_size, seed, runs)
        gradients = stack.gradients
    wanted = set(config.checkpoints)
    for epoch in range(1, config.epochs + 1):
        for x, y, weights in batches.epoch():
            seen = params
            if quantizer is not None and epoch > config.qat_warmup:
                seen = params | quantizer({name: params[name] for name in stack.parameters})
            optimiser.step(gradients(seen, x, y, weights))
        advance(1)
        if epoch in wanted:
            yield epoch, params
