"""Files of molecules as tables: a column SMILES, and what else is said of each."""

from collections.abc import Callable

import pandas as pd

from quantmia.errors import DataError

SMILES, NAME = "SMILES", "name"


def _read_smi(path: str, text: str) -> pd.DataFrame:
    """A SMILES a line, then its name and more: columns `SMILES`, `name`, `column 3`, ..."""
    mark = "\t" if "\t" in text else None  # where tabs separate, names may hold blanks
    rows = [line.split(mark) for line in text.splitlines() if line.strip()]
    if not rows:
        raise DataError(f"dataset.path={path}: is empty")
    table = pd.DataFrame(rows)
    known = [SMILES, NAME]
    table.columns = pd.Index(
        known[: len(table.columns)] + [f"column {n}" for n in range(3, len(table.columns) + 1)]
    )
    return table.infer_objects()


def _read_sdf(path: str, text: str) -> pd.DataFrame:
    """A row a structure: `SMILES` (empty where RDKit reads none), `name`, and its properties."""
    try:
        from rdkit import Chem, rdBase
    except ImportError as error:
        raise DataError(
            f"dataset.path={path}: SDF is read by RDKit, which is not installed: "
            "pip install 'quantmia[molecules]'"
        ) from error
    supplier = Chem.SDMolSupplier()
    with rdBase.BlockLogs():
        supplier.SetData(text)
        rows = []
        for molecule in supplier:
            if molecule is None:
                rows.append({SMILES: None})
                continue
            said = {name: molecule.GetProp(name) for name in molecule.GetPropNames()}
            title = molecule.GetProp("_Name") if molecule.HasProp("_Name") else None
            drawn = {SMILES: Chem.MolToSmiles(molecule)}  # whatever a property of that name says
            rows.append(drawn | {NAME: title or None} | said | drawn)
    if not rows:
        raise DataError(f"dataset.path={path}: holds no structure")
    return pd.DataFrame(rows)


STRUCTURES: dict[str, Callable[[str, str], pd.DataFrame]] = {".smi": _read_smi, ".sdf": _read_sdf}
