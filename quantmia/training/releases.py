"""What the models of checkpoints that might be shipped answer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from quantmia.quantizers.shipped import Shipped
from quantmia.vocabulary import BEST


@dataclass(frozen=True)
class Released:
    """What the releases of one quantizer answer, of every run in a block, by checkpoint.

    Args:
        epochs: after which each was taken.
        pool: raw outputs on the pool.
        measured: raw outputs on the half of the validation samples that measures them.
    """

    epochs: Mapping[str, Int[np.ndarray, " runs"]]
    pool: Mapping[str, NDArray[np.float32]]
    measured: Mapping[str, NDArray[np.float32]]


class Keeper:
    """Keeps what the releases of one quantizer answer, while its checkpoints pass.

    Args:
        wanted: epochs by name, as `quantmia.config.released` has them.
        pool: features that releases are attacked on.
        choosing: places of the validation samples that choose the best checkpoint.
        measuring: places of those that measure every release.
    """

    def __init__(
        self,
        wanted: Mapping[str, int | None],
        pool: Float[Tensor, "pool *features"],
        choosing: NDArray[np.int64],
        measuring: NDArray[np.int64],
    ):
        self._names = {epoch: name for name, epoch in wanted.items() if epoch is not None}
        self._inputs = pool
        self._choosing, self._measuring = choosing, measuring
        self._with_best = BEST in wanted
        self._lowest: NDArray[np.float64] = np.empty(0)
        self._best: Shipped | None = None
        self._epochs: dict[str, NDArray[np.int64]] = {}
        self._pool: dict[str, NDArray[np.float32]] = {}
        self._measured: dict[str, NDArray[np.float32]] = {}

    def see(
        self,
        epoch: int,
        models: Shipped,
        answers: NDArray[np.float32],
        losses: Float[np.ndarray, "runs validation"],
    ) -> None:
        """Keep what is to be kept of a checkpoint; a later call comes with a later epoch.

        Args:
            epoch: after which it was taken.
            models: of every run, as they are shipped.
            answers: raw outputs on the validation samples, [runs, validation, out].
            losses: of the same.
        """
        measured = answers[:, self._measuring]
        if self._with_best:
            self._look_for_the_best(epoch, models, measured, losses)
        if name := self._names.get(epoch):
            self._epochs[name] = np.full(len(losses), epoch)
            self._pool[name] = models(self._inputs).numpy(force=True)
            self._measured[name] = measured

    def _look_for_the_best(
        self, epoch: int, models: Shipped, measured: NDArray[np.float32], losses: NDArray
    ) -> None:
        mean = losses[:, self._choosing].mean(1, dtype=np.float64)
        if self._best is None:  # whatever its loss: of a diverged run no checkpoint is better
            self._lowest, self._best = mean, models.copy()
            self._epochs[BEST] = np.full(len(losses), epoch)
            self._measured[BEST] = measured.copy()
            return
        better = mean < self._lowest
        self._lowest[better] = mean[better]
        self._epochs[BEST][better] = epoch
        self._measured[BEST][better] = measured[better]
        self._best.take(np.flatnonzero(better), models)

    def kept(self) -> Released:
        """Everything, once all checkpoints have passed."""
        if self._best is not None:
            self._pool[BEST] = self._best(self._inputs).numpy(force=True)
            self._best = None
        return Released(self._epochs, self._pool, self._measured)
