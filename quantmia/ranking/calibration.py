"""Whose rows calibrated a release: every quantizer's, asked of all runs."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool

from quantmia.attacks.calibration import OUTPUTS, WEIGHTS, calibration_scores
from quantmia.attacks.metrics import FALSE_POSITIVE_RATES, assess
from quantmia.data import calibration_rows
from quantmia.experiment import Experiment
from quantmia.models.differences import Differences
from quantmia.models.skeleton import skeleton
from quantmia.quantizers import Quantizer
from quantmia.ranking.evidence import Evidence
from quantmia.ranking.verdict import Caution
from quantmia.statistics import Bootstrap, Interval

GUESSING = 0.5  # AUC


def calibration_audit(
    found: Evidence, experiment: Experiment, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Which rows each run's last model was calibrated on, as attackers tell it.

    The rows in question are those set apart; every run was shown some of them, drawn at random. Of
    a quantizer that is shown nothing, or noise, such draws are asked too, which is the control. One
    that changes nothing has no rows in the table.

    Args:
        found: the runs.
        experiment: theirs, with `calibration.audit`.
        bootstrap: of the runs.

    Raises:
        FolderError: the data are no longer those that the runs were trained on.
    """
    parts, runs = experiment.parts, [(run.seed, run.number) for run in found.runs]
    members = np.stack([run.scores()["members"].astype(bool) for run in found.runs])
    models = [run.model() for run in found.runs]
    original = {k: torch.from_numpy(np.stack([m[k] for m in models])) for k in models[0]}
    module, rows = skeleton(experiment.model()), []
    asked = torch.from_numpy(experiment.inputs[parts.apart])
    quantizers, usual = experiment.quantizers, experiment.config.calibration.rows

    def count(quantizer: Quantizer) -> int:
        """How many of them a run was shown, or of a control, is said to have been shown."""
        if quantizer.looks_at and quantizer.looks_at[0] == "apart":
            return quantizer.looks_at[1]
        return min(usual, len(parts.apart) // 2)

    with experiment.progress.stage("calibration", len(quantizers), "quantizers") as advance:
        for name, quantizer in quantizers.items():
            shipped = experiment.shipped(name, runs, members, original)
            moved = Differences.of(module, asked, original, shipped)
            if moved.outputs.any() or moved.layers.any():
                source = quantizer.looks_at[0] if quantizer.looks_at else "none"
                drawn = calibration_rows(parts, "apart", count(quantizer), members, runs)
                shown = np.stack([np.isin(parts.apart, each) for each in drawn])
                rows += _figures(name, source, moved, shown, bootstrap)
            advance(1)
    return pd.DataFrame(rows)


def _figures(
    name: str,
    source: str,
    moved: Differences,
    shown: Bool[np.ndarray, "runs rows"],
    bootstrap: Bootstrap,
) -> Iterator[dict[str, Any]]:
    """A row for each attack on a quantizer."""
    scores = dict(calibration_scores(moved.layers, moved.widths, moved.outputs, shown))
    error = (1 - bootstrap.confidence) / len(scores)
    for attack, own in scores.items():
        result = assess(own, shown, bootstrap)
        row: dict[str, Any] = {
            "quantizer": name,
            "shown": source,
            "rows": int(shown[0].sum()),
            "others": int((~shown[0]).sum()),
            "attack": attack,
        }
        row |= result.auc.cells("auc") | result.advantage.cells("advantage")
        # Of several attacks the best is chosen after looking.
        row["auc_at_least"] = bootstrap.lower(result.resampled_auc, error)
        for rate in FALSE_POSITIVE_RATES:
            row |= result.roc[rate].cells(f"tpr_at_fpr_{rate}")
        yield row


def given_away(table: pd.DataFrame) -> Iterator[Caution]:
    """Quantizers whose calibration rows are told from others beyond chance, in one sentence.

    Args:
        table: of the audit.
    """
    by_weights = table[table["attack"] == WEIGHTS.name]
    least = table[table["shown"] == "apart"].groupby("quantizer", sort=False)["auc_at_least"].max()
    names = list(least[least > GUESSING].index)
    if not names:
        return
    worst = table[table["quantizer"].isin(names)].sort_values("auc")["quantizer"].iloc[-1]
    by = {row["attack"]: row for row in table[table["quantizer"] == worst].to_dict("records")}
    weights, rate = by[WEIGHTS.name], FALSE_POSITIVE_RATES[0]
    surely = weights[f"tpr_at_fpr_{rate}"]
    at_few = f", {surely:.0%} of them at {rate:.0%} false alarms," if np.isfinite(surely) else ""
    give, them = ("gives", "it") if len(names) == 1 else ("give", "them")
    yield Caution(
        f"{', '.join(names)} {give} away which rows calibrated {them}: the {weights['rows']} of "
        f"{weights['rows'] + weights['others']} that {worst} was shown are told from the others "
        f"with AUC {_interval(weights)}{at_few} by who has {WEIGHTS.has}, and with AUC "
        f"{_interval(by[OUTPUTS.name])} by who has {OUTPUTS.has}",
        "Calibrate on noise (calibration.source=noise), on rows that anybody may know, or on many "
        f"more of them; or use a quantizer that looks at none{_beside(by_weights)}.",
    )


def _beside(by_weights: pd.DataFrame) -> str:
    """What the same attack makes of quantizers that look at no data."""
    control = by_weights[by_weights["shown"] == "none"]["auc"]
    if control.empty:
        return ""
    ends = sorted({f"{control.min():.2f}", f"{control.max():.2f}"})
    return f" (AUC {' to '.join(ends)} here, where 0.5 is guessing)"


def _interval(row: dict[Any, Any]) -> str:
    value, low, high = vars(Interval.of_cells(row, "auc")).values()
    return f"{value:.3f} [{low:.3f}, {high:.3f}]" if low == low else f"{value:.3f}"
