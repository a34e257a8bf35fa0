"""Features on one scale, told by the held-out samples, and what lies too far out on it.

A feature that is nearly constant becomes hundreds of deviations for the few samples that differ,
and these decide what a model and an attack with one variance for all samples do.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from quantmia.data.dataset import Dataset
from quantmia.data.split import Split
from quantmia.vocabulary import Winsorise

BLOCK = 1 << 14  # samples that are brought to scale at once
FARTHEST = 10.0  # deviations from the middle that a feature may lie
QUANTILES = (0.01, 0.5, 0.99)
NORMAL = 4.653  # how far apart the outer two are, in standard deviations
TARGET = "(target)"  # no feature is called so

Table = Float[np.ndarray, "samples features"]


@dataclass(frozen=True)
class Standardised:
    """What models see, and which values of the source lie far out.

    Args:
        values: float32.
        extreme: rows `sample, feature, value, deviations`, the farthest first; `(target)`
            stands among the features, and is never changed.
        winsorised: whether the extreme values of features were brought in.
        centre: what was subtracted from each feature.
        width: what it was then divided by.
    """

    values: Float[np.ndarray, "samples *features"]
    extreme: pd.DataFrame
    winsorised: bool
    centre: Float[np.ndarray, " features"]
    width: Float[np.ndarray, " features"]

    def facts(self) -> dict[str, int | float | bool]:
        """How many there are, as a manifest keeps it: of features, and of the target."""
        targets = self.extreme[self.extreme["feature"] == TARGET]
        values = self.extreme.drop(targets.index)
        return {
            "values": len(values),
            "samples": values["sample"].nunique(),
            "features": values["feature"].nunique(),
            "farthest": _farthest(values),
            "winsorised": self.winsorised,
            "targets": len(targets),
            "farthest_target": _farthest(targets),
        }


def _farthest(extreme: pd.DataFrame) -> float:
    return float(extreme["deviations"].abs().max()) if len(extreme) else 0.0


def standardise(
    dataset: Dataset, parts: Split, how: bool | Winsorise = "winsorise"
) -> Standardised:
    """Features by mean and deviation of the held-out samples, so that no membership leaks in.

    A feature that is constant on the held-out samples is only centred.

    Args:
        dataset: gives the features.
        parts: who is held out.
        how: `winsorise` takes mean and deviation without what lies far outside of the quantiles,
            and brings values in to 10 deviations; True does neither; False leaves the features as
            they are.
    """
    flat = dataset.features.reshape(dataset.size, -1)
    held_out = flat[parts.validation].astype(np.float64)
    inner = _scale(_inner(held_out))
    moments = _scale(held_out) if how is True else inner
    del held_out
    values = np.empty(flat.shape if how else 0, np.float32)
    found = []
    for at in range(0, dataset.size, BLOCK):
        block = slice(at, at + BLOCK)
        deviations = _deviations(flat[block], *inner)
        found.append(_beyond(deviations, at))
        if how == "winsorise":
            values[block] = np.clip(deviations, -FARTHEST, FARTHEST)
        elif how:
            values[block] = _deviations(flat[block], *moments)
    far = [_far(dataset, *map(np.concatenate, zip(*found, strict=True)))]
    far.append(_far_targets(dataset, parts))
    extreme = pd.concat([each for each in far if len(each)] or far[:1])
    extreme = extreme.sort_values("deviations", key=np.abs, ascending=False, ignore_index=True)
    scale = moments if how else (np.zeros(flat.shape[1]), np.ones(flat.shape[1]))
    values = values.reshape(dataset.features.shape) if how else dataset.features
    return Standardised(values, extreme, how == "winsorise", *scale)


def _inner(held_out: Table) -> Table:
    """With the outermost brought in, by quantiles; nearly constant features stay as they are."""
    low, middle, high = np.quantile(held_out, QUANTILES, axis=0)
    reach = np.where(high > low, FARTHEST * (high - low) / NORMAL, np.inf)
    return np.clip(held_out, middle - reach, middle + reach)


def _scale(held_out: Table) -> tuple[np.ndarray, np.ndarray]:
    deviation = held_out.std(0)
    return held_out.mean(0), np.where(deviation == 0, 1.0, deviation)


def _deviations(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    return (values - mean) / deviation


def _beyond(
    deviations: Float[np.ndarray, "samples features"], first: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sample, feature and deviations of what lies far out in a block of samples.

    Args:
        deviations: of the block.
        first: number of its first sample.
    """
    samples, features = np.nonzero(np.abs(deviations) > FARTHEST)
    return first + samples, features, deviations[samples, features]


def _far(
    dataset: Dataset, samples: np.ndarray, features: np.ndarray, deviations: np.ndarray
) -> pd.DataFrame:
    """Values of features that lie far out; those of features without names are told by number."""
    flat = dataset.features.reshape(dataset.size, -1)
    names = dataset.columns or [f"feature {each}" for each in range(flat.shape[1])]
    told = [names[each] for each in features]
    return _rows(dataset, samples, told, flat[samples, features], deviations)


def _far_targets(dataset: Dataset, parts: Split) -> pd.DataFrame:
    """Targets of a regression that lie far out."""
    if dataset.task_name != "regression":
        return pd.DataFrame()
    target = dataset.target[:, None].astype(np.float64)
    deviations = _deviations(target, *_scale(_inner(target[parts.validation])))[:, 0]
    samples = np.flatnonzero(np.abs(deviations) > FARTHEST)
    return _rows(dataset, samples, TARGET, target[samples, 0], deviations[samples])


def _rows(
    dataset: Dataset,
    samples: np.ndarray,
    features: str | list[str],
    values: np.ndarray,
    deviations: np.ndarray,
) -> pd.DataFrame:
    names = [dataset.identifiers[each] for each in samples]
    return pd.DataFrame(
        {"sample": names, "feature": features, "value": values, "deviations": deviations}
    )
