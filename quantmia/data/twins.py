"""Samples that are alike: one among the members and one outside would blur who is a member."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from quantmia.data.dataset import Dropped
from quantmia.data.smiles import skeletons

BLOCK = 1 << 14  # samples that are hashed at once
ROUNDING = 1e-3  # of the largest number that an embedder gives
Duplicates = Literal["drop", "molecules", "keep"]


def once(
    rows: NDArray[np.int64],
    features: NDArray[np.float32],
    compared: NDArray[np.float32],
    names: pd.Series,
    dropped: Sequence[Dropped],
    duplicates: Duplicates,
    structures: Sequence[str] = (),
    cache: Path | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float32], list[Dropped]]:
    """Samples of which no two are alike, and the others with the row that they equal.

    Args:
        rows: numbers of the samples' rows in the source [samples].
        features: [samples, ...].
        compared: what has to differ between two samples [samples, ...].
        names: identifiers of all rows of the source.
        dropped: rows of the source that were left out before.
        duplicates: `drop` keeps the first of its kind; anything else keeps all, because the same
            molecules were looked for before they were embedded.
        structures: SMILES of the samples, of molecules.
        cache: the cache folder, where what RDKit says is kept; None: nowhere.

    Returns:
        Rows and features of those that stay, and all that is dropped, in the source's order.
    """
    if duplicates != "drop":
        return rows, features, list(dropped)
    first = first_of_its_kind(compared)
    if len(structures):
        first = np.minimum(first, _first_alike(compared, structures, cache))
    again = first != np.arange(len(rows))
    twins = [
        Dropped(int(row), str(names.iloc[row]), f"same features as row {other}")
        for row, other in zip(rows[again], rows[first[again]], strict=True)
    ]
    in_order = sorted([*dropped, *twins], key=lambda each: each.row)
    return rows[~again], features[~again], in_order


def _first_alike(
    features: NDArray[np.float32], structures: Sequence[str], cache: Path | None
) -> NDArray[np.int64]:
    """For each molecule the position of the first that an embedder tells apart by rounding alone.

    Sums over atoms depend on the order in which a SMILES names them. Only molecules that are the
    same without stereochemistry, isotopes and numbers of atoms are compared.
    """
    near = ROUNDING * float(np.abs(features).max(initial=0))
    seen: dict[str, list[int]] = {}
    found = np.arange(len(structures))
    for position, skeleton in enumerate(skeletons(structures, cache)):
        others = seen.setdefault(skeleton, [])
        apart = (np.abs(features[position] - features[other]).max() for other in others)
        alike = next((o for o, far in zip(others, apart, strict=True) if far <= near), None)
        if alike is None:
            others.append(position)
        else:
            found[position] = alike
    return found


def first_of_its_kind(features: NDArray[np.float32]) -> NDArray[np.int64]:
    """For each sample the position of the first with the very same features.

    Only samples whose hash comes again are kept and compared: a million of them take no memory.

    Args:
        features: [samples, ...].
    """
    found = np.arange(len(features))
    hashes = np.empty(len(features), np.uint64)
    for at in range(0, len(features), BLOCK):
        block = _without_sign_of_zero(features[at : at + BLOCK])
        hashes[at : at + len(block)] = [xxh3_64_intdigest(row) for row in block]
    seen: dict[bytes, int] = {}
    for position in np.flatnonzero(pd.Series(hashes).duplicated(keep=False)):
        row = _without_sign_of_zero(features[position]).tobytes()
        found[position] = seen.setdefault(row, int(position))
    return found


def _without_sign_of_zero(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """In memory of its own; -0 is 0."""
    return np.ascontiguousarray(features + np.float32(0))
