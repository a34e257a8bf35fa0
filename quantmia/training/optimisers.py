"""What changes the parameters of a stack, and at which learning rate in every step."""

from collections.abc import Iterator
from itertools import cycle, repeat
from math import cos, pi
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from quantmia.config.training import TrainingConfig


@runtime_checkable
class Optimiser(Protocol):
    """Changes stacked parameters in place; elementwise, so that runs stay independent."""

    def step(self, gradients: list[Tensor], lr: float) -> None:
        """One update.

        Args:
            gradients: in the order of the parameters.
            lr: learning rate.
        """
        ...


class Adam:
    """Adam (Kingma and Ba 2015), PyTorch's fused kernel over the whole stack.

    The kernel that `torch.optim.Adam(fused=True)` calls, without the sorting of tensors by device
    that it does at every step.

    Args:
        params: [runs, *shape] each; they are changed.
        config: weight decay.
    """

    def __init__(self, params: list[Tensor], config: TrainingConfig):
        self.params, self.config = params, config
        self.means = [torch.zeros_like(p) for p in params]
        self.squares = [torch.zeros_like(p) for p in params]
        self.count = torch.zeros((), device=params[0].device)
        self.steps = [self.count for _ in params]

    def step(self, gradients: list[Tensor], lr: float) -> None:
        """One update.

        Args:
            gradients: in the order of the parameters.
            lr: learning rate.
        """
        self.count.add_(1)
        torch._fused_adam_(  # pyright: ignore[reportPrivateImportUsage]
            self.params,
            dense(gradients),
            self.means,
            self.squares,
            [],
            self.steps,
            lr=lr,
            beta1=0.9,
            beta2=0.999,
            weight_decay=self.config.weight_decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


class Sgd:
    """Stochastic gradient descent with momentum, PyTorch's fused kernel over the whole stack.

    Args:
        params: [runs, *shape] each; they are changed.
        config: weight decay and momentum.
    """

    def __init__(self, params: list[Tensor], config: TrainingConfig):
        self.params, self.config = params, config
        self.momentum = [torch.empty_like(p) for p in params] if config.momentum else []
        self.first = True

    def step(self, gradients: list[Tensor], lr: float) -> None:
        """One update.

        Args:
            gradients: in the order of the parameters.
            lr: learning rate.
        """
        torch._fused_sgd_(  # pyright: ignore[reportPrivateImportUsage]
            self.params,
            dense(gradients),
            self.momentum,
            weight_decay=self.config.weight_decay,
            momentum=self.config.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=self.first,  # which fills the momentum
        )
        self.first = False


def dense(gradients: list[Tensor]) -> list[Tensor]:
    """Gradients as parameters lie in memory: the fused kernels look at no strides.

    Args:
        gradients: views of others where a module multiplies by a transposed parameter.
    """
    return [gradient.contiguous() for gradient in gradients]


OPTIMISERS = {"adam": Adam, "sgd": Sgd}


def learning_rates(lr: float, restart: int | None = None) -> Iterator[float]:
    """Those of one step after another, without end.

    With warm restarts they go from `lr` to almost 0 along a cosine, and begin again (SGDR,
    Loshchilov and Hutter 2017, equation 5, whose cycles are here all as long as the first).

    Args:
        lr: the largest.
        restart: steps a cycle; None: the same rate for ever.
    """
    if restart is None:
        return repeat(lr)
    return cycle([lr * (1 + cos(pi * step / restart)) / 2 for step in range(restart)])
