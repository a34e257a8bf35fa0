"""Code of the user's own is told by its content, with all that it imports of theirs."""

import importlib
import sys

import pytest

from quantmia.sources import sources, targets_of


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A model whose width stands in another file, beside one that nobody imports."""
    folder = tmp_path / "my_models"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "widths.py").write_text("WIDTH = 4\n")
    (folder / "other.py").write_text("WIDTH = 5\n")
    (folder / "heads.py").write_text(
        "import numpy as np\nfrom torch import nn\nfrom .widths import WIDTH\n\n"
        "def head(in_features, out_features):\n    return nn.Linear(in_features, out_features)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("my_models.heads")
    importlib.import_module("my_models.other")
    yield folder
    for name in [name for name in sys.modules if name.startswith("my_models")]:
        del sys.modules[name]


def test_a_file_and_what_it_imports_of_theirs(package):
    found = sources(["my_models.heads.head"])
    assert list(found) == ["my_models.heads", "my_models.widths"]
    assert all(len(digest) == 64 for digest in found.values())


def test_a_change_of_either_is_seen(package):
    before = sources(["my_models.heads.head"])
    (package / "other.py").write_text("WIDTH = 6\n")
    assert sources(["my_models.heads.head"]) == before
    (package / "widths.py").write_text("WIDTH = 6\n")
    after = sources(["my_models.heads.head"])
    assert after["my_models.heads"] == before["my_models.heads"]
    assert after["my_models.widths"] != before["my_models.widths"]


def test_ours_and_what_is_installed_is_told_by_versions():
    assert sources(["quantmia.models.linear", "torch.nn.Linear", "math.sqrt", "json.dumps"]) == {}


def test_targets_are_found_however_deep():
    entry = {"_target_": "a.B", "act": {"_target_": "c.D"}, "rest": [{"of": {"_target_": "e.f"}}]}
    assert list(targets_of({"model": entry, "lr": 1.0})) == ["a.B", "c.D", "e.f"]


@pytest.mark.parametrize(
    "line",
    [
        "import lazy_help",
        "from lazy_help import SCALE",
        "import importlib; importlib.import_module('lazy_help')",
        "from importlib import import_module; import_module('lazy_help')",
        "__import__('lazy_help')",
    ],
)
def test_what_is_imported_late_is_seen_before_it_is(line, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lazy_help.py").write_text("SCALE = 1.0\n")
    (tmp_path / "lazy.py").write_text(f"def counts(smiles):\n    {line}\n    return smiles\n")
    importlib.invalidate_caches()
    importlib.import_module("lazy")
    try:
        assert list(sources(["lazy.counts"])) == ["lazy", "lazy_help"]
        assert "lazy_help" not in sys.modules
    finally:
        del sys.modules["lazy"]
