"""Releases of several experiments on the same data, on one front."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantmia.errors import QuantmiaError
from quantmia.ranking.audit import trusted_attack
from quantmia.ranking.conclusion import REFERENCE
from quantmia.ranking.decision import Decision, Rule
from quantmia.ranking.gains import Figures, gains
from quantmia.ranking.pareto import undominated
from quantmia.ranking.resamples import Resamples
from quantmia.ranking.tables import attacks_of
from quantmia.statistics import Interval


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
        cls,
        fronts: Mapping[str, pd.DataFrame],
        runs: Mapping[str, int],
        rule: Rule,
        resamples: Mapping[str, Resamples | None] | None = None,
    ) -> "Joined":
        """That of several fronts.

        Gains are over the full precision of the first folder that has it, of trainings on the same
        members in the same order alone: others share no runs, so that differences are not sharp.

        Args:
            fronts: by the name of their folder.
            runs: of each.
            rule: what decides.
            resamples: of each, where they are at hand.

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
        found = Pairs.among(resamples or {}, attack)
        for at, (folder, scheme, checkpoint) in enumerate(
            zip(table["folder"], table["scheme"], table["checkpoint"].astype(str), strict=True)
        ):
            for column, value in found.cells(folder, scheme, checkpoint).items():
                table.loc[at, column] = value
        on_front = undominated(-auc, utility) & np.isfinite(utility)
        table["on_front"] = on_front.astype(int)
        against = found.against and f"{REFERENCE} ({found.against})"
        return cls(table, Decision.of(table, attack, min(runs.values()), rule, against))


@dataclass(frozen=True)
class Pairs:
    """Gains of releases over the full precision of a training on the same members.

    Args:
        against: its folder; None: there is none, or no other training is paired with it.
        gains: by folder, quantizer and checkpoint.
    """

    against: str | None
    gains: Mapping[tuple[str, str, str], Interval]

    @classmethod
    def among(cls, resamples: Mapping[str, Resamples | None], attack: str) -> "Pairs":
        """Over the first that has full precision and shares runs and resamples with another.

        Args:
            resamples: by folder.
            attack: whose advantage is compared.
        """
        known = {n: r for n, r in resamples.items() if r is not None and r.attack == attack}
        alike = Counter(each.shared for each in known.values())
        paired = {name: each for name, each in known.items() if alike[each.shared] > 1}
        against = next((name for name, each in paired.items() if _places(each, True)), None)
        if against is None:
            return cls(None, {})
        reference = paired[against]
        paired = {n: each for n, each in paired.items() if each.shared == reference.shared}
        keys, parts = [], []
        for name, each in paired.items():
            places = _places(each, False) if name == against else range(len(each.names))
            keys += [(name, *each.names[at]) for at in places]
            parts.append(vars(each.figures.some(places)))
        ours = Figures(**{k: np.concatenate([part[k] for part in parts]) for k in parts[0]})
        theirs = reference.figures.some(_places(reference, True))
        found = gains(ours, theirs, reference.guess, reference.intervals)
        return cls(against, dict(zip(keys, found, strict=True)))

    def cells(self, folder: str, scheme: str, checkpoint: str) -> dict[str, float]:
        """Columns of a row; none where nothing is known."""
        gain = self.gains.get((folder, scheme, checkpoint))
        return {} if gain is None else gain.cells("gain")


def _places(resamples: Resamples, unquantized: bool) -> list[int]:
    """Of the releases in full precision, or of the others."""
    names = enumerate(resamples.names)
    return [at for at, (quantizer, _) in names if (quantizer == REFERENCE) == unquantized]
