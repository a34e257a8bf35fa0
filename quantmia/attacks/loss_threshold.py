"""A small loss means a member."""

from dataclasses import dataclass
from typing import ClassVar

from quantmia.attacks.base import Attack


@dataclass(frozen=True, kw_only=True)
class LossThreshold(Attack):
    """Global threshold on the loss (Yeom et al. 2018)."""

    min_runs: ClassVar[int] = 2  # the threshold comes from another run

    def score(self, seen):
        """Minus the loss."""
        return -seen.loss
