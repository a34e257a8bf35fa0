"""Data of any size, the same at every call: a table of numbers, and molecules."""

import csv
from collections.abc import Iterator
from importlib.metadata import files
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantmia.errors import QuantmiaError
from quantmia.files import atomic, write_text

COLUMNS = 12
BLOCK = 20_000  # rows that are made at once
# Where distinct molecules come from: distribution, file, separator, column.
SETS = (
    ("qc-B3DB", "B3DB/B3DB_classification.tsv", "\t", "SMILES"),
    ("chemloader", "chemloader/datasets/_local/Lipophilicity.csv", ",", "smiles"),
    ("qc-B3DB", "B3DB/B3DB_regression.tsv", "\t", "SMILES"),
)


def table(rows: int, path: Path) -> None:
    """Write a CSV file of 12 normal numbers and a binary target `y` that depends on them.

    Args:
        rows: how many.
        path: of the file.
    """
    rng = np.random.default_rng(0)
    weights = rng.standard_normal(COLUMNS)
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        for at in range(0, rows, BLOCK):  # what this process holds counts for those it starts
            x = rng.standard_normal((min(BLOCK, rows - at), COLUMNS))
            block = pd.DataFrame(x, columns=pd.Index([f"x{n}" for n in range(COLUMNS)]))
            block["y"] = (x @ weights + rng.standard_normal(len(x)) > 0).astype(int)
            block.to_csv(stream, index=False, header=at == 0, float_format="%.9g")


def molecules(count: int, path: Path) -> None:
    """Write a CSV file of distinct molecules, `smiles`, and whether their log P is above 2, `y`.

    They are those of packaged data sets in random order; where more are wanted, also these with a
    methyl group in place of one hydrogen, which keeps their sizes.

    Args:
        count: how many.
        path: of the file.

    Raises:
        QuantmiaError: there are not so many.
    """
    from rdkit import Chem
    from rdkit.Chem.rdMolDescriptors import CalcCrippenDescriptors

    chosen = [
        (smiles, int(CalcCrippenDescriptors(Chem.MolFromSmiles(smiles))[0] > 2))
        for smiles in islice(_distinct(), count)
    ]
    if len(chosen) < count:
        raise QuantmiaError(f"--molecules {count}: there are {len(chosen)}; choose no more")
    stream = StringIO()
    csv.writer(stream, lineterminator="\n").writerows([("smiles", "y"), *chosen])
    write_text(path, stream.getvalue())


def _distinct() -> Iterator[str]:
    """Canonical SMILES of single fragments, each once."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        read = [Chem.MolFromSmiles(text) for text in _packaged() if "." not in text]
    usable = [each for each in read if each is not None]
    order = np.random.default_rng(0).permutation(len(usable))
    seen: set[str] = set()
    for made in (Chem.MolToSmiles, None):
        for place in order:
            molecule = usable[place]
            for smiles in [made(molecule)] if made else _methylated(molecule):
                if smiles not in seen:
                    seen.add(smiles)
                    yield smiles


def _methylated(molecule: Any) -> Iterator[str]:
    from rdkit import Chem

    for atom in molecule.GetAtoms():
        if atom.GetSymbol() == "C" and atom.GetTotalNumHs():
            larger = Chem.RWMol(molecule)
            added = larger.AddAtom(Chem.Atom("C"))
            larger.AddBond(atom.GetIdx(), added, Chem.BondType.SINGLE)
            larger.GetAtomWithIdx(atom.GetIdx()).SetNumExplicitHs(0)
            if Chem.SanitizeMol(larger, catchErrors=True) == Chem.SanitizeFlags.SANITIZE_NONE:
                yield Chem.MolToSmiles(larger)


def _packaged() -> Iterator[str]:
    for package, name, separator, column in SETS:
        found = next(each for each in files(package) or () if str(each) == name)
        read = pd.read_csv(str(found.locate()), sep=separator, usecols=[column])
        yield from read[column].dropna().astype(str)
