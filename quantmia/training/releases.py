"""What the models of checkpoints that might be shipped answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from quantmia.quantizers.shipped import Shipped
from quantmia.vocabulary import BEST, LAST


@dataclass(frozen=True)
class Released:
    """What the releases of one quantizer answer, of every run in a block, by checkpoint.

    Args:
        epochs: after which each was taken.
        pool: raw outputs on the pool.
        measured: raw outputs on the half of the validation samples that measures them.
        merits: of every run on all of that half, where answers are kept of some of it alone.
    """

    epochs: Mapping[str, Int[np.ndarray, " runs"]]
    pool: Mapping[str, NDArray[np.float32]]
    measured: Mapping[str, NDArray[np.float32]]
    merits: Mapping[str, Float[np.ndarray, " runs"]] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """The samples that releases are compared on, where all would be too many.

    Args:
        inputs: features of those of the pool.
        measured: places among the validation samples that measure.
        merit: a run's figure of merit (its place among the runs, raw outputs) on all of the latter.
    """

    inputs: Float[Tensor, "kept *features"]
    measured: NDArray[np.int64]
    merit: Callable[[int, NDArray[np.float32]], float]


class Keeper:
    """Keeps what the releases of one quantizer answer, while its checkpoints pass.

    Args:
        wanted: epochs by name, as `quantmia.config.released` has them.
        pool: features that releases are attacked on.
        choosing: places of the validation samples that choose the best checkpoint.
        measuring: places of those that measure every release.
        part: of the pool and of these that answers are kept of; None: of all. Answers of the last
            checkpoint on the pool are kept of all anyway, because the ranking is of it.
    """

    def __init__(
        self,
        wanted: Mapping[str, int | None],
        pool: Float[Tensor, "pool *features"],
        choosing: NDArray[np.int64],
        measuring: NDArray[np.int64],
        part: Part | None = None,
    ):
        self._names = {epoch: name for name, epoch in wanted.items() if epoch is not None}
        self._inputs, self._part = pool, part
        self._attacked = pool if part is None else part.inputs
        self._choosing, self._measuring = choosing, measuring
        self._with_best = BEST in wanted
        self._lowest: NDArray[np.float64] = np.empty(0)
        self._best: Shipped | None = None
        self._epochs: dict[str, NDArray[np.int64]] = {}
        self._pool: dict[str, NDArray[np.float32]] = {}
        self._measured: dict[str, NDArray[np.float32]] = {}
        self._merits: dict[str, NDArray[np.float64]] = {}

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
        name = self._names.get(epoch)
        if not (name or self._with_best):
            return
        measured = answers[:, self._measuring]
        if self._with_best:
            self._look_for_the_best(epoch, models, measured, losses)
        if name:
            inputs = self._inputs if name == LAST else self._attacked
            self._epochs[name] = np.full(len(losses), epoch)
            self._pool[name] = models(inputs).numpy(force=True)
            self._keep(name, np.arange(len(losses)), measured)

    def _look_for_the_best(
        self, epoch: int, models: Shipped, measured: NDArray[np.float32], losses: NDArray
    ) -> None:
        mean = losses[:, self._choosing].mean(1, dtype=np.float64)
        if self._best is None:  # whatever its loss: of a diverged run no checkpoint is better
            self._lowest, self._best = mean, models.copy()
            self._epochs[BEST] = np.full(len(losses), epoch)
            self._keep(BEST, np.arange(len(losses)), measured)
            return
        better = np.flatnonzero(mean < self._lowest)
        self._lowest[better] = mean[better]
        self._epochs[BEST][better] = epoch
        self._keep(BEST, better, measured)
        self._best.take(better, models)

    def _keep(
        self, name: str, runs: NDArray[np.int64], measured: Float[np.ndarray, "runs measuring out"]
    ) -> None:
        """What some of the runs answer, in place of what an earlier checkpoint did."""
        kept = measured if self._part is None else measured[:, self._part.measured]
        self._measured.setdefault(name, np.empty_like(kept))[runs] = kept[runs]
        if self._part is not None:
            merits = self._merits.setdefault(name, np.empty(len(measured)))
            merits[runs] = [self._part.merit(int(run), measured[run]) for run in runs]

    def kept(self) -> Released:
        """Everything, once all checkpoints have passed."""
        if self._best is not None:
            self._pool[BEST] = self._best(self._attacked).numpy(force=True)
            self._best = None
        return Released(self._epochs, self._pool, self._measured, self._merits)
