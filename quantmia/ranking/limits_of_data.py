"""What the data that were ranked on do not allow to conclude."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from quantmia.data.standardise import FARTHEST
from quantmia.errors import counted
from quantmia.ranking.verdict import Caution
from quantmia.runs.content import HELD_OUT, MEASURING


def dropped_rows(dataset: Mapping[str, Any]) -> Iterator[Caution]:
    """What was not used of the source, if there is anything.

    Args:
        dataset: what a manifest says of the data.
    """
    reasons = dataset["dropped"]
    if reasons:
        total = sum(reasons.values())
        listed = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        yield Caution(
            f"{total} of {total + dataset['samples']} rows were dropped ({listed}): dropped.csv",
            "The ranking is about the others. A row that occurs twice would be member and "
            "non-member at once, and spoil the attacks.",
        )


def extreme_values(dataset: Mapping[str, Any]) -> Iterator[Caution]:
    """What lies far out in the data, if anything does.

    Args:
        dataset: what a manifest says of the data; old ones do not know.
    """
    found = dataset.get("extreme", {"values": 0, "targets": 0})
    if found["values"]:
        where = (
            f"{counted(found['values'], 'value')} of {counted(found['samples'], 'sample')} in "
            f"{counted(found['features'], 'feature')} {_lie(found['values'])} beyond "
            f"{FARTHEST:g} standard deviations (up to {found['farthest']:.0f})"
        )
        if found["winsorised"]:
            yield Caution(
                f"{where} and were brought in to them: extreme.csv",
                "They are mostly of features that are nearly constant. split.standardise=true "
                "leaves them where they are.",
            )
        else:
            yield Caution(
                f"{where} and were left there: extreme.csv",
                "A few such samples can decide what a model does and what lira finds. "
                "split.standardise=winsorise brings them in.",
            )
    if found["targets"]:
        yield Caution(
            f"{counted(found['targets'], 'target')} {_lie(found['targets'])} beyond {FARTHEST:g} "
            f"standard deviations (up to {found['farthest_target']:.0f}): extreme.csv",
            "Where such a sample is a member, a run's loss is about little else. If it is a "
            "mistake, leave it out; if it is a tail, train on the logarithm.",
        )


def changed_labels(dataset: Mapping[str, Any]) -> Iterator[Caution]:
    """That samples of the pool were given other labels, if any were.

    Args:
        dataset: what a manifest says of the data; old ones and those of others do not know.
    """
    changed = dataset.get("changed_labels", 0)
    if changed:
        yield Caution(
            f"{changed} of the {dataset['pool']} targets in the pool are not those of the data: "
            "split.label_noise changed them",
            "Models are trained on them, and attackers know them so. Losses and utility are of "
            "the held-out samples, whose targets are those of the data.",
        )


def kept_samples(dataset: Mapping[str, Any], meta: Mapping[str, Any]) -> Iterator[Caution]:
    """What is of a part of the samples, because keeping all would take too much.

    Args:
        dataset: what a manifest says of the data.
        meta: what the files of a run say of it.
    """
    if HELD_OUT in meta:
        yield Caution(
            f"variances in r_Q are of a part of the {meta[HELD_OUT]} held-out samples "
            "(indicator.samples), mean losses are of all",
            "indicator.samples=null keeps the losses of all.",
            on_r_q=True,
        )
    if MEASURING in meta:
        yield Caution(
            f"releases are compared on a part of the {dataset['pool']} samples of the pool "
            "(release.samples), their utilities and the ranking after the last epoch are of all",
            "release.samples=null compares them on all.",
        )


def _lie(number: int) -> str:
    return "lies" if number == 1 else "lie"


def remarks(dataset: Mapping[str, Any]) -> Iterator[Caution]:
    """What was noticed when the outputs were recorded.

    Args:
        dataset: what a manifest says of the data; those of our own trainings have no remarks.
    """
    yield from (Caution(each["text"], each["advice"]) for each in dataset.get("remarks", ()))


def guessing(table: pd.DataFrame, dataset: Mapping[str, Any]) -> Iterator[Caution]:
    """Quantizers that predict no better than the most frequent class always would.

    Args:
        table: the ranking.
        dataset: what a manifest says of the data; old ones do not know the classes' shares.
    """
    share = dataset.get("largest_class")
    if share is None:
        return
    poor = table[(table["utility_metric"] == "accuracy") & (table["utility"] <= share)]
    if len(poor):
        yield Caution(
            f"always guessing the most frequent class is right in {share:.3f} of the cases: "
            f"{', '.join(poor['quantizer'])} {'is' if len(poor) == 1 else 'are'} no better",
            "It leaks little because it says little: do not count it as private. roc_auc in "
            "utility.csv tells more where one class is rare.",
        )
