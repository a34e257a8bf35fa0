"""Weights averaged along a training, which are checkpoints in place of the weights themselves."""

from collections.abc import Sequence

import torch
from torch import Tensor

from quantmia.config.training import TrainingConfig
from quantmia.models.stack import Params


class Average:
    """What is a checkpoint of a training: its weights, or an average of those it passed.

    `ema` is an exponential moving average after every step, which begins with the weights after
    the first one as `torch.optim.swa_utils.AveragedModel` does: a mean of weights that occurred
    from then on, with nothing to correct, and what a user of PyTorch compares with. `swa` is the
    mean, with equal shares, of the weights after every epoch from one on (stochastic weight
    averaging, Izmailov et al. 2018, algorithm 1); before that the weights are the checkpoints.

    Training itself does not see an average. Frozen parameters have nothing to average, and a
    loop's buffers (BatchNorm) stay those of the training, not statistics of the averaged model.

    Args:
        config: `ema`, `swa` or none of them.
        params: of every run, which training changes in place.
        trained: names of those that it changes.
    """

    def __init__(self, config: TrainingConfig, params: Params, trained: Sequence[str]):
        self._ema, self._swa = config.ema, config.swa
        self._params, self._trained = params, trained
        self._current = [params[name] for name in trained]
        self._means: list[Tensor] = []
        self._epochs = 0

    def after_step(self) -> None:
        """Take up the weights after a step."""
        if self._ema is not None:
            self._take(1 - self._ema)

    def after_epoch(self, epoch: int) -> None:
        """Take up the weights after an epoch.

        Args:
            epoch: which, from 1.
        """
        if self._swa is not None and epoch >= self._swa:
            self._epochs += 1
            self._take(1 / self._epochs)

    @property
    def params(self) -> Params:
        """The average where there is one yet, and else the parameters; both go on changing."""
        if not self._means:
            return self._params
        return self._params | dict(zip(self._trained, self._means, strict=True))

    def _take(self, share: float) -> None:
        """Move the means a share of the way to the current weights."""
        if self._means:
            torch.ops.aten._foreach_lerp_.Scalar(self._means, self._current, share)
        else:
            self._means = [value.clone() for value in self._current]
