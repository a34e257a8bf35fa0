"""What the data that were ranked on do not allow to conclude."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from quantmia.data.standardise import FARTHEST
from quantmia.errors import counted
from quantmia.ranking.verdict import Caution


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
    found = dataset.get("extreme", {"values": 0})
    if not found["values"]:
        return
    where = (
        f"{counted(found['values'], 'value')} of {counted(found['samples'], 'sample')} in "
        f"{counted(found['features'], 'column')} {'lies' if found['values'] == 1 else 'lie'} "
        f"beyond {FARTHEST:g} standard deviations (up "
        f"to {found['farthest']:.0f})"
    )
    if found["winsorised"]:
        yield Caution(
            f"{where}; features were brought in to them: extreme.csv",
            "They are mostly values of columns that are nearly constant. "
            "split.standardise=true leaves them where they are.",
        )
    else:
        yield Caution(
            f"{where}, and were left there: extreme.csv",
            "A few such samples can decide what a model does and what lira finds. "
            "split.standardise=winsorise brings them in.",
        )


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
