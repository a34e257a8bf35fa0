"""Releases of several experiments on the same data, on one front."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantmia.errors import QuantmiaError
from quantmia.ranking.audit import trusted_attack
from quantmia.ranking.decision import Decision, Rule
from quantmia.ranking.pareto import undominated
from quantmia.ranking.tables import attacks_of


@dataclass(frozen=True)
class Joined:
    """Releases that were trained in several ways.

    Args:
        table: the rows of all fronts with their `folder`; `quantizer` names the folder too, and
            `scheme` does not. Who is on the front is decided among all.
        decision: what to ship of all.
    """

    table: pd.DataFrame
    decision: Decision

    @classmethod
    def of(
        cls, fronts: Mapping[str, pd.DataFrame], runs: Mapping[str, int], rule: Rule
    ) -> "Joined":
        """That of several fronts.

        Nothing is said of gains: other trainings share no runs, so that differences are not sharp.

        Args:
            fronts: by the name of their folder.
            runs: of each.
            rule: what decides.

        Raises:
            QuantmiaError: the utilities are of different kinds, or the attacks are not the same.
        """
        metrics = {name: str(front["utility_metric"].iloc[0]) for name, front in fronts.items()}
        if len(set(metrics.values())) > 1:
            listed = ", ".join(f"{name}: {metric}" for name, metric in metrics.items())
            raise QuantmiaError(f"the utilities cannot be compared ({listed}).")
        attacks = {name: attacks_of(front) for name, front in fronts.items()}
        first = next(iter(attacks.values()))
        if any(its != first for its in attacks.values()):
            listed = "; ".join(f"{name}: {', '.join(its)}" for name, its in attacks.items())
            raise QuantmiaError(
                f"the folders were not attacked alike ({listed}), and who is attacked less would "
                "look safer. Repeat their commands with resume=true and the same 'attack=[...]', "
                "which trains nothing again."
            )
        attack = trusted_attack(first)
        assert attack is not None
        parts = []
        for name, front in fronts.items():
            own = front.assign(scheme=front["quantizer"])
            own["quantizer"] = [f"{quantizer} ({name})" for quantizer in front["quantizer"]]
            own.insert(0, "folder", name)
            parts.append(own)
        table = pd.concat(parts, ignore_index=True)
        unknown = [c for c in table if str(c).startswith(("gain", "saved"))]
        table[unknown] = np.nan
        utility, auc = table["utility"].to_numpy(float), table[f"auc_{attack}"].to_numpy(float)
        on_front = undominated(-auc, utility) & np.isfinite(utility)
        table["on_front"] = on_front.astype(int)
        return cls(table, Decision.of(table, attack, min(runs.values()), rule))
