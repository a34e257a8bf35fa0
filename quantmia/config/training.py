"""The schema of a training: how one run is trained, privately or with a quantizer in the loop."""

from typing import Annotated, Literal

from annotated_types import Gt, Le
from pydantic import Strict
from pydantic.dataclasses import dataclass

from quantmia.config.values import (
    CHECKED,
    Count,
    CountOrAuto,
    Flag,
    Natural,
    NotNegative,
    Positive,
    Share,
)
from quantmia.vocabulary import Optimizer


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class DpConfig:
    """Differentially private training (DP-SGD, Abadi et al. 2016), if epsilon or noise is given.

    Args:
        epsilon: that all epochs together may have; decides the noise.
        noise_multiplier: deviation of the noise, in units of `max_grad_norm`.
        max_grad_norm: L2 norm that the gradient of every sample is clipped to.
        delta: of the guarantee; has to be below 1 / members.
    """

    epsilon: Annotated[float, Strict(), Gt(0), Le(100)] | None
    noise_multiplier: Positive | None
    max_grad_norm: Positive
    delta: Share

    @property
    def wanted(self) -> bool:
        """Whether training is to be private."""
        return self.epsilon is not None or self.noise_multiplier is not None


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class TrainingConfig:
    """How one run is trained; all runs alike.

    Args:
        optimizer: `adam` or `sgd`.
        lr: learning rate.
        batch_size: members a minibatch.
        epochs: passes over the members.
        checkpoint_every: epochs between checkpoints of the trajectory.
        weight_decay: L2 penalty added to the gradient.
        momentum: of `sgd`.
        warm_restarts: epochs in which the learning rate falls along a cosine to 0, before it
            starts again; null: it stays.
        sam: radius of sharpness-aware minimisation, by which the parameters of a run are moved
            before their gradient is taken; null: none.
        ema: decay a step of an exponential moving average of the weights, which is then what
            checkpoints hold; null: none.
        swa: first epoch (from 1) of those whose weights are averaged with equal shares, which is
            then what checkpoints hold; null: none.
        dp: what makes it differentially private.
        qat: a name of `quantizer`, by which the weights are quantized in every step (quantization-
            aware training) and which alone is measured; null: none.
        qat_warmup: epochs before that.
        stack: runs trained together; the same seed and stack give the same bits. `auto`: as many
            as the device's memory holds, 100 at most.
        vectorize: train the runs of a stack as one; false: one after another, for modules with
            buffers (BatchNorm) or random numbers (Dropout); `auto`: as one if the module can.
    """

    optimizer: Optimizer
    lr: Positive
    batch_size: Count
    epochs: Count
    checkpoint_every: Count
    weight_decay: NotNegative
    momentum: NotNegative
    warm_restarts: Count | None
    sam: Positive | None
    ema: Share | None
    swa: Count | None
    dp: DpConfig
    qat: str | None
    qat_warmup: Natural
    stack: CountOrAuto
    vectorize: Flag | Literal["auto"]

    @property
    def checkpoints(self) -> list[int]:
        """The epochs (from 1) after which a checkpoint is taken."""
        return list(range(self.checkpoint_every, self.epochs + 1, self.checkpoint_every))
