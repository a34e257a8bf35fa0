import hashlib
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from quantmia.config.schema import ExperimentConfig, recorded
from quantmia.data import Dataset, split, standardise, with_noise
from quantmia.data.dataset import Dropped
from quantmia.data.synthetic import gaussian_mixture
from quantmia.runs import manifest
from quantmia.runs.manifest import Manifest, commit, write_dropped, write_extreme
from tests.tiny import tiny

DROPPED = (
    Dropped(3, "x, y", "missing target"),
    Dropped(5, "z", "same features as row 4"),
    Dropped(7, "w", "same features as row 4"),
    Dropped(9, "v", "target is no number: ten"),
)


def dataset(dropped=()) -> Dataset:
    made = gaussian_mixture(name="mine", dimension=4, size=60)
    return replace(made, dropped=tuple(dropped))


def begun(dropped=()) -> dict:
    return begun_with(tiny(), dropped)


def begun_with(config: ExperimentConfig, dropped=()) -> dict:
    data = dataset(dropped)
    parts = split(data, 0.4, 0)
    seen = standardise(data, parts)
    split_of = config.split
    labels = with_noise(data, parts, split_of.label_noise, split_of.seed)
    return Manifest.begun(config, data, parts, seen, labels, "quantmia run runs=8", {}).content


def test_what_is_known_before_anything_is_trained():
    content = begun()
    assert content["state"] == "running"
    assert content["command"] == "quantmia run runs=8"
    assert content["config"] == recorded(tiny())
    assert content["seed"] == 0
    assert content["device"] == "cpu"
    assert content["threads"] == torch.get_num_threads()
    assert set(content["versions"]) == {"quantmia", "torch", "numpy", "scipy", "hydra-core",
                                        "python"}  # fmt: skip
    assert content["versions"]["numpy"] == np.__version__
    assert "runs" not in content
    json.dumps(content, allow_nan=False)


def test_the_data_are_told_by_their_content():
    data = dataset()
    parts = split(data, 0.4, 0)
    held_out = data.target[parts.validation]
    assert begun()["dataset"] == {
        "name": "mine",
        "task": "binary",
        "samples": 60,
        "features": [4],
        "validation": len(parts.validation),
        "pool": len(parts.pool),
        "sha256": data.fingerprint,
        "largest_class": max((held_out == 0).mean(), (held_out == 1).mean()),
        "dropped": {},
        "extreme": standardise(data, parts).facts(),
        "changed_labels": 0,
    }


def test_changed_labels_are_counted():
    noisy = begun_with(tiny("split.label_noise=0.25"))["dataset"]
    assert noisy["changed_labels"] == 9  # of 36 in the pool
    assert noisy["sha256"] == begun()["dataset"]["sha256"]  # which is of the source


def test_dropped_rows_are_counted_by_kind():
    assert begun(DROPPED)["dataset"]["dropped"] == {
        "missing target": 1,
        "same features": 2,
        "target is no number": 1,
    }


def test_the_hash_is_of_the_configuration_alone():
    content = begun()
    text = json.dumps(content["config"], sort_keys=True)
    assert content["config_hash"] == hashlib.sha256(text.encode()).hexdigest()
    other = begun_with(replace(tiny(), seed=1))
    assert other["config_hash"] != content["config_hash"]
    resumed = begun_with(replace(tiny(), resume=True))
    assert resumed["config_hash"] == content["config_hash"]


def test_the_end_joins_what_was_known():
    made = Manifest({"state": "running", "runs": 8})
    made.finish(("out/run-0001",), measuring=1.239, total=2.0, peak_memory=3000)
    assert made.content == {
        "state": "finished",
        "runs": 8,
        "diverged": ["out/run-0001"],
        "timings": {"measuring_seconds": 1.24, "total_seconds": 2.0},
        "peak_memory_mib": 3,
    }


def test_dropped_rows_are_listed_with_their_reasons(tmp_path):
    write_dropped(tmp_path, dataset(DROPPED))
    table = pd.read_csv(tmp_path / "dropped.csv")
    assert list(table) == ["row", "identifier", "reason"]
    assert list(table["row"]) == [3, 5, 7, 9]
    assert table["identifier"][0] == "x, y"
    assert table["reason"][3] == "target is no number: ten"


def test_values_that_lie_far_out_are_listed(tmp_path):
    features = dataset().features.copy()
    features[5, 2] = 1e4
    data = replace(dataset(), features=features)
    found = standardise(data, split(data, 0.4, 0))
    write_extreme(tmp_path, found)
    written = pd.read_csv(tmp_path / "extreme.csv")
    pd.testing.assert_frame_equal(written, found.extreme, check_dtype=False)


def test_where_nothing_is_dropped_there_is_no_list(tmp_path):
    write_dropped(tmp_path, dataset())
    write_extreme(tmp_path, standardise(dataset(), split(dataset(), 0.4, 0)))
    assert list(tmp_path.iterdir()) == []


def git(root: Path, *words: str) -> None:
    who = ["-c", "user.name=me", "-c", "user.email=me@here", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A folder that the package seems to be run from."""
    package = tmp_path / "quantmia" / "runs"
    package.mkdir(parents=True)
    (package / "manifest.py").write_text("first")
    monkeypatch.setattr(manifest, "__file__", str(package / "manifest.py"))
    return tmp_path


def test_a_package_that_was_installed_has_no_commit(checkout):
    assert commit() is None


def test_a_checkout_has_its_commit_and_says_when_it_was_changed(checkout):
    git(checkout, "init", "-q")
    assert commit() is None  # nothing is committed yet
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "first")
    clean = commit()
    assert clean
    assert re.fullmatch(r"[0-9a-f]{40}", clean)
    git(checkout, "tag", "-a", "v1", "-m", "first")
    assert commit() == clean  # and not by the name of a tag
    (checkout / "quantmia" / "runs" / "manifest.py").write_text("second")
    assert commit() == f"{clean}-dirty"


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    (checkout / ".git").mkdir()
    assert commit() is None  # no repository
    monkeypatch.setenv("PATH", "")
    assert commit() is None
