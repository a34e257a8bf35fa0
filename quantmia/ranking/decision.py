"""What to ship, as facts drawn from the front; the words are in `quantmia.ranking.advice`."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from quantmia.ranking.conclusion import REFERENCE, defined
from quantmia.ranking.front import FLAGGED
from quantmia.ranking.releases import AT
from quantmia.statistics import Interval
from quantmia.tasks import metric_name
from quantmia.vocabulary import BEST

GUARANTEED = "epsilon_upper"  # of private training, a column
WIDER = 3  # times the utility that may be given up, for the stronger protection that is mentioned


@dataclass(frozen=True)
class Rule:
    """What decides between releases.

    Args:
        utility_loss: share of the best utility that may be given up.
        mis: what the MIS has to be at least; None: the utility decides.
    """

    utility_loss: float
    mis: float | None = None

    def allows(self, front: pd.DataFrame, attack: str) -> pd.Series:
        """Whether every release may be shipped.

        Args:
            front: one row a release.
            attack: that orders the releases.
        """
        if self.mis is None:
            return front["utility"] >= _least(float(front["utility"].max()), self.utility_loss)
        return front[[f"mis_{attack}", "mis_upper"]].min(axis=1) >= self.mis


@dataclass(frozen=True)
class Offer:
    """A release that can be had.

    Args:
        quantizer: its name.
        checkpoint: its name.
        epoch: after which it is taken; of `best` the mean over the runs.
        utility: in the metric of the task.
        mis_upper: upper limit of its MIS by all attacks.
        precision: share of members among as many members as others, of what an attacker flags
            at one false positive in 100; None where the samples are too few.
        epsilon: that its training guarantees; None where that is not private.
    """

    quantizer: str
    checkpoint: str
    epoch: float
    utility: float
    mis_upper: float
    precision: float | None
    epsilon: float | None = None

    @classmethod
    def of(cls, row: pd.Series) -> "Offer":
        """A row of the front."""
        rate, epsilon = float(row[FLAGGED]), float(row.get(GUARANTEED, np.nan))
        return cls(
            str(row["quantizer"]),
            str(row["checkpoint"]),
            float(row["epoch"]),
            float(row["utility"]),
            float(row["mis_upper"]),
            None if np.isnan(rate) else rate / (rate + AT),
            None if np.isnan(epsilon) else epsilon,
        )


@dataclass(frozen=True)
class Decision:
    """Which release to ship, what that gains, and whether quantizing gains anything.

    Args:
        rule: what decided.
        attack: that orders the releases.
        metric: of the utility, as people write it.
        runs: that were audited.
        best_utility: of all releases.
        ship: what the rule chooses; None where no release keeps it.
        usual: full precision at its best loss, which people ship; None where it was not looked at.
        saved: MIS of what is shipped, less that of the usual.
        gain: MIS of the quantized release with the surest gain that the rule allows, less that of
            full precision at the same utility; None where it is not known.
        gained_by: that release.
        loses: whether every quantized release that the rule allows surely has a lower MIS.
        stronger: the most private of those that cost up to three times the utility.
        most_private: of all releases.
        against: in full precision, what gains are of; None: of the same training.
    """

    rule: Rule
    attack: str
    metric: str
    runs: int
    best_utility: float
    ship: Offer | None
    usual: Offer | None
    saved: Interval | None
    gain: Interval | None
    gained_by: Offer | None
    loses: bool
    stronger: Offer | None
    most_private: Offer
    against: str | None = None

    @classmethod
    def of(
        cls, front: pd.DataFrame, attack: str, runs: int, rule: Rule, against: str | None = None
    ) -> "Decision":
        """That of a front.

        Args:
            front: one row a release.
            attack: that orders the releases, by its AUC.
            runs: that were audited.
            rule: what decides.
            against: in full precision, what gains are of, if it is of another training.
        """
        utility, auc = front["utility"], front[f"auc_{attack}"]
        best = float(utility.max())
        allowed = front[rule.allows(front, attack)]
        ship = _first(allowed, auc if rule.mis is None else -utility)
        usual = front[(front["quantizer"] == REFERENCE) & (front["checkpoint"] == BEST)]
        saved = None if ship is None or usual.empty else Interval.of_cells(ship.to_dict(), "saved")
        quantized = allowed[allowed["gain"].notna()]
        surest = _first(quantized, -quantized["gain_low"].fillna(quantized["gain"]))
        stronger = _first(front[utility >= _least(best, WIDER * rule.utility_loss)], auc)
        most_private = _first(front, auc)
        assert most_private is not None
        return cls(
            rule,
            attack,
            metric_name(str(front["utility_metric"].iloc[0])),
            runs,
            best,
            None if ship is None else Offer.of(ship),
            None if usual.empty else Offer.of(usual.iloc[0]),
            saved,
            None if surest is None else Interval.of_cells(surest.to_dict(), "gain"),
            None if surest is None else Offer.of(surest),
            bool((quantized["gain_high"] < 0).all()) and not quantized.empty,
            None if stronger is None or rule.mis is not None else Offer.of(stronger),
            Offer.of(most_private),
            against,
        )

    def ships(self, row: pd.Series) -> bool:
        """Whether it chooses a row of the front."""
        chosen = self.ship and (self.ship.quantizer, self.ship.checkpoint)
        return chosen == (row["quantizer"], row["checkpoint"])

    def facts(self) -> dict[str, Any]:
        """As JSON holds it; what is undefined is null."""
        return defined(asdict(self))


def _least(best: float, loss: float) -> float:
    """The least utility that is allowed; a best one below 0 may be missed as far."""
    return best - loss * abs(best)


def _first(front: pd.DataFrame, key: pd.Series) -> pd.Series | None:
    """The row with the least value of a key; None of no rows."""
    if front.empty:
        return None
    return front.iloc[int(np.argmin(key[front.index].fillna(np.inf)))]
