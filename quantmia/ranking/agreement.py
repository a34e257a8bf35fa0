"""Whether rankings agree: r_Q with the attacks, with itself on other grids and on other runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantmia.attacks.metrics import AttackResult, security
from quantmia.ranking.evidence import Evidence
from quantmia.ranking.indicated import Indicated
from quantmia.statistics import Bootstrap, Interval, mean_defined, spearman


@dataclass(frozen=True)
class GridAgreement:
    """Spearman between the rankings by r_Q on two checkpoint grids of the same trajectories.

    Args:
        every: one checkpoint is kept of so many.
        reference: the same of the finest grid there is.
        spearman: of the two rankings.
    """

    every: int
    reference: int
    spearman: Interval


@dataclass(frozen=True)
class Agreement:
    """Spearman's correlations of the ranking by r_Q.

    Args:
        attacks: with the MIS of each attack.
        grids: with itself on coarser grids.
        between_halves: mean over random halves of the runs; NaN for fewer than four runs.
        quantizers: that are ranked.
        runs: that they are ranked by.
    """

    attacks: Mapping[str, Interval]
    grids: Sequence[GridAgreement]
    between_halves: float
    quantizers: int
    runs: int

    def table(self) -> pd.DataFrame:
        """Rows `attack, statistic, value, low, high, quantizers, runs`."""
        rows = [(attack, "spearman", each) for attack, each in self.attacks.items()]
        rows += [
            ("", f"spearman_r_q_grid_{each.every}_with_grid_{each.reference}", each.spearman)
            for each in self.grids
        ]
        halves = Interval(self.between_halves, np.nan, np.nan)
        rows.append(("", "spearman_r_q_between_halves", halves))
        common = {"quantizers": self.quantizers, "runs": self.runs}
        return pd.DataFrame(
            [
                {"attack": attack, "statistic": statistic} | vars(spread) | common
                for attack, statistic, spread in rows
            ]
        )


def agree(
    found: Evidence,
    indicated: Indicated,
    attacks: Mapping[str, Mapping[str, AttackResult]],
    bootstrap: Bootstrap,
    between_halves: float,
) -> Agreement:
    """Every correlation with its interval.

    Args:
        found: the runs.
        indicated: r_Q of every quantizer.
        attacks: by attack and quantizer.
        bootstrap: of the runs.
        between_halves: as `half_split_stability` measures it.
    """
    names, with_attacks = indicated.names, {}
    for attack, results in attacks.items():
        mis = np.array([results[name].mis.value for name in names])
        again = security(np.stack([results[name].resampled for name in names]))
        with_attacks[attack] = bootstrap.interval(
            float(spearman(indicated.r_q, mis)),
            np.atleast_1d(spearman(indicated.resampled, again)),
        )
    return Agreement(
        with_attacks, _of_grids(found, bootstrap), between_halves, len(names), bootstrap.runs
    )


def _of_grids(found: Evidence, bootstrap: Bootstrap) -> list[GridAgreement]:
    finest = min(found.grids)
    reference, again = (f(found.grids[finest]) for f in (mean_defined, bootstrap.means))
    grids = []
    for every, values in found.grids.items():
        if every != finest:
            value = float(spearman(reference, mean_defined(values)))
            spread = bootstrap.interval(value, spearman(again, bootstrap.means(values)))
            grids.append(GridAgreement(every, finest, spread))
    return grids
