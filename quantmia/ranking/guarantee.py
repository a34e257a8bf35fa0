"""What private training guarantees, beside what attacks find."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from quantmia.accountant import Sampling, epsilon
from quantmia.config.recorded import RecordedTraining
from quantmia.config.training import TrainingConfig
from quantmia.ranking.verdict import Caution
from quantmia.vocabulary import BEST


@dataclass(frozen=True)
class Guarantee:
    """Differential privacy of a training.

    Args:
        training: how it was done.
        sampling: of its batches.
    """

    training: TrainingConfig
    sampling: Sampling

    @classmethod
    def of(cls, training: TrainingConfig | RecordedTraining, pool: int) -> "Guarantee | None":
        """That of a training; None where there is none, or none that is known.

        Args:
            training: how it was done.
            pool: samples that members are drawn from.
        """
        if isinstance(training, RecordedTraining) or not training.dp.wanted:
            return None
        return cls(training, Sampling.of(pool, training.batch_size))

    @cached_property
    def of_all(self) -> float:
        """Epsilon of all epochs together.

        Raises:
            QuantmiaError: the dp extra is not installed.
        """
        return self._after(self.training.epochs)

    def of_releases(self, front: pd.DataFrame) -> list[float]:
        """Epsilon of every release: of the epochs it was trained for.

        The best checkpoint was chosen after looking at all of them, and so has that of all.

        Args:
            front: one row a release.
        """
        rows = front[["checkpoint", "epoch"]].itertuples(index=False, name=None)
        return [self.of_all if name == BEST else self._after(round(epoch)) for name, epoch in rows]

    def cautions(self, ranking: pd.DataFrame) -> Iterator[Caution]:
        """What it is, and where an attack refutes it.

        Args:
            ranking: with `epsilon`, where attacks bound it from below.
        """
        dp, steps = self.training.dp, self.sampling.steps * self.training.epochs
        yield Caution(
            f"trained with DP-SGD: epsilon at most {self.of_all:.2f} at delta {dp.delta:g} (noise "
            f"multiplier {dp.noise_multiplier:.3g}, gradients clipped to {dp.max_grad_norm:g}, "
            f"{steps} steps on {self.sampling.rate:.2g} of the members)",
            "Whatever an attacker knows, that a sample was there changes the odds of any outcome "
            "by e^epsilon at most. The noise comes from seed: ship a model of a seed that nobody "
            "knows.",
        )
        refuted = ranking[ranking["epsilon"] > self.of_all] if "epsilon" in ranking else ranking[:0]
        if len(refuted):
            yield Caution(
                f"attacks show an epsilon of {refuted['epsilon'].max():.2f} or more of "
                f"{', '.join(refuted['quantizer'])}: more than training guarantees",
                "That happens by chance at most as often as the confidence allows. Else the "
                "training is not what the accountant supposes: look for what else saw the members.",
            )

    def _after(self, epochs: int) -> float:
        noise = self.training.dp.noise_multiplier
        assert noise is not None  # an epsilon has become one
        return epsilon(noise, self.sampling, epochs, self.training.dp.delta)
