"""Write examples/molecules.csv: 200 made-up assay values of molecules built from fragments.

python scripts/example_molecules.py [FILE]

The values are the octanol-water coefficient that RDKit computes plus noise; nothing is measured.
A few rows have the faults of real files: a salt, a molecule drawn twice, an unreadable structure, a
missing value.
"""

import csv
import io
import sys
from itertools import product
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcCrippenDescriptors

RINGS = ("c1ccc({})cc1{}", "c1cc({})ncc1{}", "C1CCN({})CC1{}", "c1csc({})c1{}", "C1CCC({})CC1{}")
LEFT = ("C(=O)N", "C(=O)O", "CCO", "S(=O)(=O)N", "C(=O)NC", "CC#N", "CCCC", "C(F)(F)F")
RIGHT = ("C", "CC", "OC", "F", "C(C)C", "N(C)C", "COC")
ROWS = 200


def content() -> str:
    """The file's text; the same at every call."""
    rng = np.random.default_rng(0)
    built = [ring.format(left, right) for ring, left, right in product(RINGS, LEFT, RIGHT)]
    chosen = [built[place] for place in rng.permutation(len(built))[:ROWS]]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["compound", "SMILES", "pIC50"])
    for row, smiles in enumerate(chosen):
        value = (
            5
            + 0.6 * CalcCrippenDescriptors(Chem.MolFromSmiles(smiles))[0]
            + 0.2 * rng.standard_normal()
        )
        text = f"{value:.2f}"
        if row == 40:
            smiles += ".Cl"
        elif row == 90:
            smiles = Chem.MolToSmiles(Chem.MolFromSmiles(chosen[17]))
        elif row == 120:
            smiles = smiles[:-1] + "("
        elif row == 150:
            text = ""
        writer.writerow([f"QM-{row + 1:03d}", smiles, text])
    return stream.getvalue()


def main(arguments: list[str]) -> None:
    """Write the file."""
    path = Path(arguments[0] if arguments else "examples/molecules.csv")
    path.write_text(content(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
