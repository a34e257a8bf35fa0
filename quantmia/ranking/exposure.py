"""Which samples of the pool are found, and how sure that is."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy.stats import false_discovery_control

from quantmia.attacks.leave_one_out import LeaveOneOut
from quantmia.attacks.sides import Sides
from quantmia.errors import QuantmiaError
from quantmia.runs.merge import Merged
from quantmia.seeding import Purpose, stream
from quantmia.tasks import TASKS

LEAST = 2  # runs with a sample, and without it
FALSE_DISCOVERIES = 0.05  # share of the samples that pass
SHUFFLES = 20  # by the rate of false discoveries: so many null scores beyond the strictest p value

NUMBERS = 1 << 20  # signals that are shuffled at once: bounds the memory

Signals = Float[np.ndarray, "runs pool"]
Members = Bool[np.ndarray, "runs pool"]


@dataclass(frozen=True)
class Exposure:
    """Samples that are found beyond chance.

    Args:
        table: the most exposed of them; index `position` in the pool, a column of privacy scores
            for each quantizer, `p` and `q`, the false discovery rate at which a sample passes.
        found: how many there are.
        rate: the false discovery rate that they pass at.
        runs: of how many runs.
    """

    table: pd.DataFrame
    found: int
    rate: float
    runs: int


def privacy_scores(signal: Signals, members: Members) -> Float[np.ndarray, " pool"]:
    """How far apart training on a sample moves its signal, in standard deviations.

    |mean_in - mean_out| / (sd_in + sd_out), the privacy score of Carlini, Jagielski et al. 2022
    (The Privacy Onion Effect, section 3).

    Args:
        signal: of every run and sample, see `Task.signal`.
        members: whether the run trained on the sample.

    Returns:
        NaN for samples that fewer than two runs trained on, or left out.
    """
    means, deviations = [], []
    for chosen in (members, ~members):
        count = chosen.sum(0)
        mean = np.where(chosen, signal, 0.0).sum(0) / np.maximum(count, 1)
        squares = np.where(chosen, np.square(signal - mean), 0.0).sum(0)
        deviation = np.sqrt(squares / np.maximum(count - 1, 1))
        means.append(np.where(count >= LEAST, mean, np.nan))
        deviations.append(deviation)
    apart, spread = np.abs(means[0] - means[1]), deviations[0] + deviations[1]
    return np.divide(apart, spread, out=np.full_like(apart, np.nan), where=spread > 0)


def exposure_p_values(
    signal: Signals, members: Members, rate: float, rng: np.random.Generator
) -> Float[np.ndarray, " pool"]:
    """How often shuffled membership moves a sample's signal as far as training on it did.

    The statistic is the gap of the sides by its standard error with moderated variances, which
    makes samples comparable (Smyth 2004). Membership is shuffled by handing each run the members
    of another, so that it has nothing to do with the signals; the null is that of all samples
    together (as in SAM, Tusher, Tibshirani and Chu 2001).

    Args:
        signal: of every run and sample.
        members: whether the run trained on the sample.
        rate: of false discoveries that the p values are to resolve.
        rng: shuffles.

    Returns:
        NaN for samples that fewer than two runs trained on, or left out.
    """
    observed = _gaps(signal, members[None])[0]
    null, left = [], round(SHUFFLES / rate)
    while left > 0:
        batch = min(left, max(1, NUMBERS // signal.size))
        order = rng.permuted(np.tile(np.arange(len(members)), (batch, 1)), axis=1)
        gaps = _gaps(signal, members[order])
        null.append(gaps[np.isfinite(gaps)])
        left -= batch
    ordered = np.sort(np.concatenate(null))
    beyond = len(ordered) - np.searchsorted(ordered, observed, side="left")
    return np.where(np.isfinite(observed), (1 + beyond) / (1 + len(ordered)), np.nan)


def _gaps(
    signal: Signals, members: Bool[np.ndarray, "shuffles runs pool"]
) -> Float[np.ndarray, "shuffles pool"]:
    """Size of each sample's gap between members and others, in moderated standard errors."""
    inside, outside = (_statistics(signal, chosen) for chosen in (members, ~members))
    sides = Sides.of(inside, outside)
    error = np.sqrt(sides.variance * sides.noise)
    known = (inside.count >= LEAST) & (outside.count >= LEAST) & (error > 0)
    return np.divide(np.abs(sides.own), error, out=np.full_like(error, np.nan), where=known)


def _statistics(signal: Signals, chosen: Bool[np.ndarray, "shuffles runs pool"]) -> LeaveOneOut:
    """Of all runs, none of which is left out; a row a shuffle."""
    weight = chosen.astype(np.float64)
    values = (np.ones_like(signal), signal, np.square(signal))
    return LeaveOneOut(*(np.einsum("srp,rp->sp", weight, each) for each in values))


def most_exposed(
    merged: Merged, quantizers: list[str], count: int, rate: float = FALSE_DISCOVERIES
) -> Exposure:
    """The samples that the models give away beyond chance, and how much under each quantizer.

    Args:
        merged: runs of an experiment.
        quantizers: the first one decides which samples.
        count: how many to name at most.
        rate: false discovery rate (Benjamini and Hochberg 1995).

    Raises:
        FolderError: a run is missing or damaged.
        QuantmiaError: too few runs to say.
    """
    task = TASKS[merged.dataset["task"]]
    signals: dict[str, list[np.ndarray]] = {name: [] for name in quantizers}
    members = []
    for run in merged.runs:
        if run.read().meta["diverged"]:
            continue
        scores = run.scores()
        members.append(scores["members"].astype(bool))
        for name in quantizers:
            output = scores[name] if scores[name].ndim > 1 else scores[name][:, None]
            signals[name].append(task.signal(output, scores["target"]))
    if len(members) < 2 * LEAST:
        raise QuantmiaError(
            f"--expose-samples: needs {2 * LEAST} runs or more, and there are {len(members)}."
        )
    was = np.stack(members)
    table = pd.DataFrame({n: privacy_scores(np.stack(s), was) for n, s in signals.items()})
    table.index.name = "position"
    first = np.stack(signals[quantizers[0]])
    table["p"] = exposure_p_values(first, was, rate, stream(0, Purpose.SHUFFLES))
    table = table.dropna()
    table["q"] = false_discovery_control(table["p"]) if len(table) else table["p"]
    passing = table[table["q"] <= rate].sort_values(
        ["p", quantizers[0]], ascending=[True, False], kind="stable"
    )
    return Exposure(passing.head(count), len(passing), rate, len(was))
