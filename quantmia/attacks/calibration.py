"""Attacks that ask which rows calibrated a release: those that it answers like its original.

A quantizer that looks at data makes its errors small on the rows that it is shown. Who has the
original model and the release sees where they are small.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from quantmia.attacks.base import Observed
from quantmia.attacks.lira_eb import LiraEB

PerRow = Float[np.ndarray, "runs rows"]
SMALLEST = 1e-12  # of a mean squared difference, which counts as none
SHADOW = "_shadow"  # ends the names of attacks that other calibrations help


@dataclass(frozen=True)
class Knowledge:
    """What an attacker has, and what it is called.

    Args:
        name: of the attack.
        has: besides the rows in question, in words.
    """

    name: str
    has: str


WEIGHTS = Knowledge(
    "layer_difference", "the weights of the release and of the model before it was quantized"
)
OUTPUTS = Knowledge("output_difference", "the outputs of both models, and no weights")
ATTACKS = tuple(f"{each.name}{end}" for each in (WEIGHTS, OUTPUTS) for end in ("", SHADOW))


def calibration_scores(
    layers: Float[np.ndarray, "layers runs rows"],
    widths: Int[np.ndarray, " layers"],
    outputs: PerRow,
    shown: Bool[np.ndarray, "runs rows"],
) -> Iterator[tuple[str, PerRow]]:
    """The scores of every attack that so many runs allow, by name; higher = shown.

    Both statistics are log densities, less what a release's rows have in common, of normal
    differences of unknown size: -d/2 log of the mean square, of the d numbers that a layer or the
    model answers, summed over layers. `_shadow` attacks compare each with what the calibrations of
    all other runs did to the same row, by the empirical likelihood ratio of `lira_eb`.

    Args:
        layers: squared differences of the layers' outputs.
        widths: numbers that each of them sums.
        outputs: squared differences of the models' outputs.
        shown: which rows calibrated which run.
    """
    statistics = {
        WEIGHTS.name: sum(
            (width * _closeness(each) for each, width in zip(layers, widths, strict=True)),
            np.zeros(shown.shape),
        ),
        OUTPUTS.name: _closeness(outputs),
    }
    for name, statistic in statistics.items():
        yield name, statistic
        if len(shown) >= LiraEB.min_runs:
            yield f"{name}{SHADOW}", LiraEB().score(_as_seen(statistic, shown))


def _closeness(squares: PerRow) -> PerRow:
    """-log(d)/2 of each row less the run's mean, so that runs compare; 0 where none differs."""
    mean = squares.mean(1, keepdims=True)
    relative = np.divide(squares, mean, out=np.ones_like(squares), where=mean > 0)
    logs = np.log(np.maximum(relative, SMALLEST))
    return (logs.mean(1, keepdims=True) - logs) / 2


def _as_seen(statistic: PerRow, shown: Bool[np.ndarray, "runs rows"]) -> Observed:
    """A statistic in the place of a signal: shown rows are to a calibration what members are."""
    return Observed(
        signal=statistic,
        loss=-statistic,
        members=shown,
        population=None,
        output=statistic[:, :, None],
        target=statistic,
        two_sided=False,
    )
