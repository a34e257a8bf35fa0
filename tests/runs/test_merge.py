from pathlib import Path

import numpy as np
import pytest

from quantmia.config.schema import recorded
from quantmia.errors import FolderError
from quantmia.runs.content import RunFiles
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from tests.configurations import configured


def folder(path: Path, *, seed=0, runs=4, names=("a", "b"), absent=(), sha="s", lr=0.1, **config):
    """A run folder whose losses are 100 seed + run, plus 0.1 for every later quantizer."""
    made = RunFolder(path)
    settings = recorded(configured()) | {"seed": seed, **config}
    settings["training"] |= {"stack": 1, "lr": lr}
    settings["quantizer"] = {name: {"_target_": name} for name in names}
    manifest = {
        "config": settings,
        "runs": runs,
        "state": "finished",
        "dataset": {"sha256": sha},
    }
    members = np.array([seed % 2, 1, 0], np.uint8)
    with made.lock():
        made.write_manifest(manifest)
        for run in made.numbers():
            if run in absent:
                continue
            losses = {
                name: np.full((2, 3), 100 * seed + run + ord(name) / 1000, np.float32)
                for name in names
            }
            scores = {name: each[0] for name, each in losses.items()} | {"members": members}
            meta = {"run": run, "diverged": False, "quantizers": {name: {} for name in names}}
            model = {"weight": np.full(1, run, np.float32)}
            made.write_run(run, RunFiles(losses, scores, meta), model)
    return made


def keys(merged):
    return [(run.seed, run.number) for run in merged.runs]


def test_shards_stand_in_the_order_of_a_single_folder(tmp_path):
    shards = [folder(tmp_path / str(k), shard=k, shards=3, runs=7) for k in range(3)]
    assert [each.numbers() for each in shards] == [[0, 3, 6], [1, 4], [2, 5]]
    merged = merge([shards[2], shards[0], shards[1]])
    assert keys(merged) == [(0, run) for run in range(7)]
    assert merged.notes == []
    assert [run.model()["weight"][0] for run in merged.runs] == list(range(7))


def test_an_absent_shard_is_noted(tmp_path):
    shards = [folder(tmp_path / str(k), shard=k, shards=3, runs=7) for k in (0, 2)]
    merged = merge(shards)
    assert keys(merged) == [(0, run) for run in (0, 2, 3, 5, 6)]
    assert merged.notes == [
        "runs 1, 4 of 7 (seed 0) are in none of the folders: the ranking is over the others"
    ]


def test_seeds_add_up_in_their_order(tmp_path):
    merged = merge([folder(tmp_path / "b", seed=5, runs=2), folder(tmp_path / "a", seed=1, runs=3)])
    assert keys(merged) == [(1, 0), (1, 1), (1, 2), (5, 0), (5, 1)]
    assert merged.config.seed == 1


def test_quantizers_of_the_same_runs_are_read_side_by_side(tmp_path):
    merged = merge([folder(tmp_path / "ab"), folder(tmp_path / "c", names=("c",))])
    assert merged.quantizers == ["a", "b", "c"]
    run = merged.runs[2]
    files = run.read()
    assert set(files.losses) == {"a", "b", "c"} == set(files.meta["quantizers"])
    for name in "abc":
        np.testing.assert_array_equal(files.losses[name], np.float32(2 + ord(name) / 1000))
        np.testing.assert_array_equal(run.losses(name, -1), files.losses[name][-1])
        np.testing.assert_array_equal(run.scores()[name], files.scores[name])


def test_a_run_without_some_of_the_quantizers_is_left_out(tmp_path):
    folders = [
        folder(tmp_path / "0ab"),
        folder(tmp_path / "0c", names=("c",)),
        folder(tmp_path / "1ab", seed=1, runs=2),
    ]
    merged = merge(folders)
    assert keys(merged) == [(0, run) for run in range(4)]
    assert merged.notes == ["2 runs are left out: they lack some of the quantizers"]
    with pytest.raises(FolderError, match="no run was measured with all"):
        merge([folders[1], folders[2]])


def test_other_experiments_are_refused(tmp_path):
    first = folder(tmp_path / "a")
    with pytest.raises(FolderError, match=r"training.lr: 0.1 and 0.2"):
        merge([first, folder(tmp_path / "b", seed=1, lr=0.2)])
    with pytest.raises(FolderError, match="content of the dataset"):
        merge([first, folder(tmp_path / "c", seed=1, sha="t")])
    other = folder(tmp_path / "d", seed=1)
    manifest = other.manifest()
    manifest["config"]["quantizer"]["b"]["bits"] = 3
    other.write_manifest(manifest)
    with pytest.raises(FolderError, match=r"quantizer.b.bits: \(absent\) and 3"):
        merge([first, other])


def test_the_same_runs_twice_are_refused(tmp_path):
    with pytest.raises(FolderError, match=r"hold the same runs \(seed 0, run 0\) with b"):
        merge([folder(tmp_path / "a"), folder(tmp_path / "b", names=("b", "c"))])


def test_other_members_under_the_same_seed_are_refused(tmp_path):
    merged = merge([folder(tmp_path / "a"), folder(tmp_path / "c", names=("c",))])
    files = merged.runs[0].folders[1].read_run(0)
    files.scores["members"][:] = 1
    merged.runs[0].folders[1].write_run(0, files, {})
    with pytest.raises(FolderError, match="other members"):
        merged.runs[0].read()


def test_a_missing_run_is_named_with_the_way_out(tmp_path):
    merged = merge([folder(tmp_path / "a", absent=(2,))])
    with pytest.raises(FolderError, match=r"run 2 is missing or damaged.*resume=true"):
        merged.runs[2].read()
    with pytest.raises(FolderError, match="no manifest"):
        merge([RunFolder(tmp_path)])


def test_a_manifest_of_another_version_is_one_message(tmp_path):
    old = folder(tmp_path / "a")
    manifest = old.manifest()
    del manifest["config"]["training"]["momentum"]
    manifest["config"]["optimiser"] = "adam"
    old.write_manifest(manifest)
    with pytest.raises(FolderError, match="another version of quantmia") as caught:
        merge([old])
    assert "training.momentum" in str(caught.value)
    assert "optimiser: unknown key" in str(caught.value)
