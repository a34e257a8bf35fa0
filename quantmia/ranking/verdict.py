"""What to know before believing a ranking."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantmia.attacks.extreme import AUC, MIS, MOST
from quantmia.ranking.agreement import Agreement, GridAgreement

REGIME = 0.1  # best_is_last above it: training stopped before its minimum
MOSTLY = 0.5  # share of the runs in which the gap has to be more than noise
AGREES = 0.8  # Spearman below it: the rankings disagree


@dataclass(frozen=True)
class Caution:
    """Something to know before believing a ranking.

    Args:
        text: what was found.
        advice: what it means, and what to do.
        on_r_q: whether it is about the indicator alone.
    """

    text: str
    advice: str
    on_r_q: bool = False

    def __str__(self) -> str:
        return self.text


def flags(table: pd.DataFrame, diagnostics: pd.DataFrame | None) -> list[str]:
    """Flags of every quantizer, separated by spaces.

    `utility_destroyed`: R² below 0. `before_minimum`: best_is_last above 0.1.
    `undefined_runs`: r_Q was undefined in some runs. `last_checkpoint`: it alone was quantized, and
    there is no r_Q.

    Args:
        table: the ranking, one row a quantizer.
        diagnostics: of those of them that have r_Q; None where there are no losses.
    """
    destroyed = (table["utility_metric"] == "r2") & (table["utility"] < 0)
    columns = {"utility_destroyed": destroyed.to_numpy()}
    if diagnostics is not None:
        of = diagnostics.set_index("quantizer").reindex(table["quantizer"])
        columns |= {
            "before_minimum": (of["best_is_last"] > REGIME).to_numpy(),
            "undefined_runs": (of["undefined_runs"] > 0).to_numpy(),
            "last_checkpoint": of["undefined_runs"].isna().to_numpy(),
        }
    return [
        " ".join(flag for flag, holds in columns.items() if holds[row]) for row in range(len(table))
    ]


def cautions(
    table: pd.DataFrame, diverged: Sequence[str], left_out: Sequence[Caution]
) -> Iterator[Caution]:
    """What limits the ranking by attacks.

    Args:
        table: the ranking with its flags.
        diverged: runs left out.
        left_out: attacks that could not be used.
    """
    yield from left_out
    if diverged:
        yield Caution(
            f"{len(diverged)} runs diverged and were left out everywhere: {', '.join(diverged)}",
            "Lower training.lr: what is left is a selection of the runs.",
        )
    destroyed = table[table["flags"].str.contains("utility_destroyed")]["quantizer"]
    yield from (
        Caution(
            f"{name} predicts worse than the mean (R² < 0)",
            "It leaks little because it says little: do not count it as private.",
        )
        for name in destroyed
    )


def of_r_q(
    diagnostics: pd.DataFrame, agreement: Agreement, trusted: str | None
) -> Iterator[Caution]:
    """What limits what r_Q says.

    Args:
        diagnostics: of every quantizer.
        agreement: of the ranking by r_Q.
        trusted: the attack that orders the ranking; None: r_Q does.
    """
    early = diagnostics[diagnostics["best_is_last"] > REGIME]["quantizer"]
    if len(early):
        yield Caution(
            f"training stopped before the minimum of the held-out loss for {', '.join(early)} "
            "(best_is_last > 0.1): their r_Q measures the optimiser's step; train longer",
            "r_Q is about models near the minimum of the loss. Raise training.epochs until the "
            "held-out loss has turned up again.",
            on_r_q=True,
        )
    seen, halves = diagnostics["gap_significant"].mean(), diagnostics["halves_correlation"]
    if seen < MOSTLY:
        yield Caution(
            f"the indicator r_Q cannot rank here: in {1 - seen:.0%} of the cases (runs and "
            "quantizers) the gap between the best two checkpoints, which it is made of, is within "
            f"the noise of the held-out samples{_of_halves(halves)}",
            "Other held-out samples would give other gaps. Hold out more (split.validation), or "
            "rank by an attack.",
            on_r_q=True,
        )
    yield from (_of_grid(each) for each in agreement.grids if each.spearman.value < AGREES)
    if agreement.between_halves < AGREES:
        yield Caution(
            f"the ranking by r_Q is unstable: Spearman {agreement.between_halves:.2f} between "
            "halves of the runs",
            "Other runs would rank in another way. Train more runs, or rank by an attack.",
            on_r_q=True,
        )
    if trusted and (spearman := agreement.attacks[trusted].value) < AGREES:
        yield Caution(
            f"r_Q and {trusted} disagree: Spearman {spearman:.2f} < {AGREES}; trust the attack",
            "r_Q is an indicator, an attack is a demonstration: what it found has leaked.",
            on_r_q=True,
        )
    high = diagnostics["dominated_by_high_loss"].mean()
    if high > 0.5:
        yield Caution(
            f"in {high:.0%} of the runs sigma^2 comes from a checkpoint in the high-loss half, "
            "not from a low-loss model as the paper says",
            "r_Q then compares the best model with one of the start of training. "
            "indicator=low_loss looks at the best models alone.",
            on_r_q=True,
        )


def of_the_last_alone(table: pd.DataFrame) -> Iterator[Caution]:
    """Who has no r_Q because no other checkpoint was quantized.

    Args:
        table: the ranking with its flags.
    """
    names = table[table["flags"].str.contains("last_checkpoint")]["quantizer"]
    if len(names):
        yield Caution(
            f"of {', '.join(names)} the last checkpoint alone was quantized (trajectory: last)",
            "r_Q compares the checkpoints of a training, and there is none; nor is an earlier "
            "release on the front. trajectory=all quantizes every checkpoint, which takes long.",
            on_r_q=True,
        )


def decided_by_few(attacks: pd.DataFrame) -> Iterator[Caution]:
    """Attacks whose figures a handful of samples decides, a sentence each.

    Args:
        attacks: the table.
    """
    for attack, rows in attacks.groupby("attack", sort=False) if len(attacks) else []:
        change = {key: (rows[f"{key}_without_extreme"] - rows[key]).abs() for key in ("auc", "mis")}
        decided = (change["auc"] > AUC) | (change["mis"] > MIS)
        if not decided.any():
            continue
        worst = rows.iloc[int(np.argmax((change["mis"] + change["auc"]).fillna(0)))]
        yield Caution(
            f"{MOST} samples decide what {attack} finds of {', '.join(rows['quantizer'][decided])}:"
            f" without them MIS of {worst['quantizer']} is {worst['mis_without_extreme']:.3f} and "
            f"not {worst['mis']:.3f}, AUC {worst['auc_without_extreme']:.3f} and not "
            f"{worst['auc']:.3f}",
            "Their outputs vary between runs far more than all others', and the attack takes its "
            "measure of chance from them; lira_eb has one for every sample. extreme.csv may name "
            "them.",
        )


def _of_halves(correlations: pd.Series) -> str:
    """How r from one half of the held-out samples goes with r from the other, if that is known."""
    known = correlations.dropna()
    if known.empty:
        return ""
    said = f"; log r from two halves of them correlates {known.median():.2f} in the median"
    return f"{said} ({known.min():.2f} to {known.max():.2f})"


def _of_grid(grid: GridAgreement) -> Caution:
    kept = "every checkpoint" if grid.reference == 1 else f"one checkpoint in {grid.reference}"
    return Caution(
        f"the ranking by r_Q depends on the checkpoint grid: Spearman {grid.spearman.value:.2f} "
        f"between keeping {kept} and one in {grid.every}",
        "r_Q compares the two best checkpoints, and how far apart these are is the grid's doing. "
        "Report r_Q with its grid, and rank by an attack.",
        on_r_q=True,
    )
