"""Which samples of the pool are found most easily."""

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from quantmia.errors import QuantmiaError
from quantmia.runs.merge import Merged
from quantmia.tasks import TASKS

LEAST = 2  # runs with a sample, and without it


def privacy_scores(
    signal: Float[np.ndarray, "runs pool"], members: Bool[np.ndarray, "runs pool"]
) -> Float[np.ndarray, " pool"]:
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


def most_exposed(merged: Merged, quantizers: list[str], count: int) -> pd.DataFrame:
    """The samples that the models give away most, and how much under each quantizer.

    Args:
        merged: runs of an experiment.
        quantizers: the first one decides which samples.
        count: how many.

    Returns:
        Index `position` in the pool, a column of privacy scores for each quantizer.

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
    return table.dropna().sort_values(quantizers[0], ascending=False, kind="stable").head(count)
