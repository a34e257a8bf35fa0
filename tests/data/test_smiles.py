"""What RDKit says of SMILES, asked once."""

import sys

import pandas as pd
import pytest

from quantmia.data import smiles
from quantmia.data.molecules import usable
from quantmia.data.smiles import skeletons, structures
from quantmia.errors import QuantmiaError

SMILES = ("OCC", "CCO", "C[C@H](O)Cl", "[Na+].CC(=O)[O-]", "C1CC", "", None, 7)
KNOWN = [
    ("CCO", 1, None),
    ("CCO", 1, None),
    ("C[C@H](O)Cl", 1, None),
    ("CC(=O)[O-].[Na+]", 2, "CC(=O)[O-]"),
    None,
    None,
    None,
    None,
]


@pytest.fixture
def without_rdkit(monkeypatch):
    """RDKit as if it were not there; its version is known."""

    def remove():
        for name in [each for each in sys.modules if each.partition(".")[0] == "rdkit"]:
            monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setitem(sys.modules, "rdkit", None)

    return remove


def test_a_structure_is_its_canonical_smiles_its_fragments_and_the_largest():
    assert structures(SMILES, None) == KNOWN


def test_skeletons_know_no_stereochemistry_isotopes_and_numbers():
    assert skeletons(["C[C@H](O)Cl", "C[C@@H](O)Cl", "[13CH3][CH:4](O)Cl"], None) == ["CC(O)Cl"] * 3


def test_a_second_time_rdkit_is_not_asked(tmp_path, without_rdkit):
    first = structures(SMILES, tmp_path), skeletons(SMILES[:4], tmp_path)
    without_rdkit()
    assert (structures(SMILES, tmp_path), skeletons(SMILES[:4], tmp_path)) == first
    assert first[0] == KNOWN


def test_other_molecules_and_other_versions_are_asked_anew(tmp_path, monkeypatch, without_rdkit):
    structures(SMILES, tmp_path)
    without_rdkit()
    with pytest.raises(QuantmiaError, match=r"RDKit, which is not installed"):
        structures(SMILES[:1], tmp_path)
    monkeypatch.setattr(smiles, "installed_version", lambda _: "another")
    with pytest.raises(QuantmiaError, match=r"RDKit, which is not installed"):
        structures(SMILES, tmp_path)


def test_what_is_damaged_is_asked_again(tmp_path):
    structures(SMILES, tmp_path)
    (kept,) = (tmp_path / "molecules").iterdir()
    kept.write_bytes(kept.read_bytes()[:-7])
    assert structures(SMILES, tmp_path) == KNOWN


@pytest.mark.parametrize("mixtures", ["drop", "keep", "largest"])
@pytest.mark.parametrize("unique", [True, False])
def test_from_the_cache_the_same_rows_are_usable(tmp_path, mixtures, unique):
    smiles = pd.Series([*SMILES, "[K+].CC(=O)[O-]", "CC(=O)[O-]"], dtype=object)
    faults = pd.Series(None, smiles.index, dtype=object)
    asked, *kept = (
        usable(smiles, faults, smiles.astype(str), mixtures, unique, cache)
        for cache in (None, tmp_path, tmp_path)
    )
    assert kept == [asked, asked]


def test_a_cache_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(QuantmiaError, match="QUANTMIA_CACHE"):
        structures(SMILES, tmp_path / "file")
