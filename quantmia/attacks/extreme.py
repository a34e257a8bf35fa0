"""Whether a handful of samples decides what an attack finds.

An attack that has one variance for all samples takes it from whichever vary most. One molecule that
every model predicts wildly otherwise can so blind it to a thousand others.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from quantmia.attacks.base import Attack, Observed
from quantmia.attacks.metrics import mean_advantage, mean_auc, security

MOST = 5  # samples that are called a handful
SHARE = 0.1  # of the variance over runs, from which on they are looked at
AUC, MIS = 0.02, 0.05  # changes from which on a reader is warned


@dataclass(frozen=True)
class Without:
    """What an attack finds without the most extreme samples.

    Args:
        auc: mean over the runs.
        mis: 1 - advantage, within [0, 1].
    """

    auc: float
    mis: float

    def cells(self) -> dict[str, float]:
        """As columns of a row."""
        return {"auc_without_extreme": self.auc, "mis_without_extreme": self.mis}


UNSEEN = Without(np.nan, np.nan)


def most_extreme(seen: Observed) -> Int[np.ndarray, " few"] | None:
    """The few samples whose signal varies most over the runs; None where they are ordinary.

    They are extreme where these few make a tenth of the variance of all.

    Args:
        seen: of all runs.
    """
    deviations = np.square(seen.signal - seen.signal.mean(0)).sum(0)
    few = np.sort(np.argsort(-deviations, kind="stable")[:MOST])
    enough = len(deviations) >= 20 * MOST  # of a tenth of all samples nobody is surprised
    return few if enough and deviations[few].sum() > SHARE * deviations.sum() else None


def without(attack: Attack, seen: Observed, few: Int[np.ndarray, " few"]) -> Without:
    """What an attack finds when it is shown the other samples alone.

    Args:
        attack: which.
        seen: of all runs.
        few: the samples to leave out.
    """
    others = seen.without(few)
    scores = attack.score(others)
    mis = float(security(mean_advantage(scores, others.members)))
    return Without(mean_auc(scores, others.members), mis)
