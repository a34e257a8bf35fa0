"""What RDKit says of SMILES, asked once: a second run of the same molecules does without RDKit."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from quantmia.data.cache import folder_in
from quantmia.data.extras import installed_version
from quantmia.errors import DataError, QuantmiaError
from quantmia.files import DamagedFileError, read_tensors, write_tensors

# SMILES of a molecule, how many fragments it has, SMILES of the largest if there are several.
Structure = tuple[str, int, str | None]


def structures(smiles: Sequence[object], cache: Path | None) -> list[Structure | None]:
    """Canonical SMILES, number of fragments and largest fragment; None of what is no molecule.

    Args:
        smiles: texts; anything else is no molecule.
        cache: the cache folder; None: ask RDKit each time.

    Raises:
        DataError: RDKit is not installed.
    """
    answers = _asked("structures", smiles, _structure, cache)
    return [None if each is None else (each[0], each[1], each[2]) for each in answers]


def skeletons(smiles: Sequence[str], cache: Path | None) -> list[str]:
    """Canonical SMILES of what is bound to what: no stereochemistry, isotopes, numbers of atoms.

    Args:
        smiles: that RDKit reads.
        cache: the cache folder; None: ask RDKit each time.
    """
    return _asked("skeletons", smiles, _skeleton, cache)


def _asked(
    what: str, smiles: Sequence[object], ask: Callable[[str], Any], cache: Path | None
) -> list[Any]:
    texts = [each if isinstance(each, str) else None for each in smiles]
    if cache is None:
        return _answers(texts, ask)
    identity = [what, f"rdkit {_version()}"]
    address = hashlib.sha256(json.dumps([*identity, texts]).encode()).hexdigest()
    path = folder_in(cache, "molecules") / f"{address}.safetensors"
    try:
        return read_tensors(path)[1]["answers"]
    except DamagedFileError:  # or not there
        answers = _answers(texts, ask)
        write_tensors(path, {}, {"of": identity, "answers": answers})
        return answers


def _version() -> str:
    try:
        return installed_version("rdkit")
    except QuantmiaError as error:
        raise _absent() from error


def _absent() -> DataError:
    return DataError(
        "dataset.smiles: molecules are read by RDKit, which is not installed: "
        "pip install 'quantmia[molecules]'"
    )


def _answers(texts: Sequence[str | None], ask: Callable[[str], Any]) -> list[Any]:
    try:
        from rdkit import rdBase
    except ImportError as error:
        raise _absent() from error
    with rdBase.BlockLogs():
        return [None if text is None else ask(text) for text in texts]


def _structure(text: str) -> Structure | None:
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(text)
    if molecule is None or molecule.GetNumAtoms() == 0:
        return None
    parts = Chem.GetMolFrags(molecule)
    largest = None
    if len(parts) > 1:
        fragments = Chem.GetMolFrags(molecule, asMols=True)
        largest = Chem.MolToSmiles(max(fragments, key=lambda each: each.GetNumHeavyAtoms()))
    return Chem.MolToSmiles(molecule), len(parts), largest


def _skeleton(text: str) -> str:
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(text)
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)
    return Chem.MolToSmiles(molecule, isomericSmiles=False)
