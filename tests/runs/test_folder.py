from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantmia.config.schema import ExperimentConfig, recorded
from quantmia.errors import FolderError
from quantmia.files import DamagedFileError
from quantmia.runs.content import RunFiles
from quantmia.runs.folder import RunFolder
from tests.configurations import configured


def config(**changes) -> ExperimentConfig:
    return replace(configured("device=cpu", "runs=8", "training.stack=4"), **changes)


def changed(of: Any, key: str, value: Any) -> Any:
    """A configuration or a part of it with another value at a dotted key."""
    head, _, rest = key.partition(".")
    if rest:
        value = changed(of[head] if isinstance(of, dict) else getattr(of, head), rest, value)
    return of | {head: value} if isinstance(of, dict) else replace(of, **{head: value})


def folder(path: Path, of: ExperimentConfig | None = None, **content) -> RunFolder:
    made = RunFolder(path)
    settings = recorded(of or config())
    with made.lock():
        made.write_manifest({"config": settings, "runs": 8, "state": "finished"} | content)
    return made


def files(run: int = 0, fill: float = 0.0) -> RunFiles:
    losses = {"sign": np.arange(6, dtype=np.float32).reshape(2, 3) + np.float32(fill)}
    return RunFiles(losses, {"sign": np.zeros(4, np.float32)}, {"run": run, "utility": np.nan})


MODEL = {"weight": np.ones(2, np.float32)}


def refusal(made: RunFolder, of: ExperimentConfig) -> str:
    with pytest.raises(FolderError) as refused:
        made.refuse_other(of)
    return str(refused.value)


def test_the_manifest_is_what_was_written(tmp_path):
    made = folder(tmp_path)
    assert made.manifest()["config"] == recorded(config())
    assert made.runs == 8
    assert made.finished
    made.write_manifest(made.manifest() | {"state": "running"})
    assert not made.finished
    assert not list(tmp_path.glob("*.part"))


def test_a_manifest_that_cannot_be_read_is_one_message(tmp_path):
    absent = RunFolder(tmp_path / "absent")
    with pytest.raises(FolderError, match=r"absent does not exist; name a folder that"):
        absent.manifest()
    with pytest.raises(FolderError, match=r"has no manifest\.json; name a folder that"):
        RunFolder(tmp_path).manifest()
    for text in ("{", "[]", ""):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(FolderError, match=r"cannot be read .*; run again with resume=true"):
            RunFolder(tmp_path).manifest()
    assert not absent.finished
    assert not RunFolder(tmp_path).finished


@pytest.mark.parametrize("runs", [None, "auto"])
def test_a_manifest_that_does_not_say_how_many_runs(tmp_path, runs):
    made = folder(tmp_path, runs=runs)
    with pytest.raises(FolderError, match="another version of quantmia; run it again"):
        _ = made.runs


@pytest.mark.parametrize(
    ("shard", "shards", "expected"),
    [
        (0, 1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (0, 2, [0, 1, 2, 3, 8, 9]),
        (1, 2, [4, 5, 6, 7]),
        (2, 3, [8, 9]),
    ],
)
def test_a_shard_has_the_numbers_of_its_blocks(tmp_path, shard, shards, expected):
    made = folder(tmp_path, config(shard=shard, shards=shards), runs=10)
    assert made.numbers() == expected


def test_a_folder_of_before_there_were_shards_has_all_numbers(tmp_path):
    settings = recorded(config())
    del settings["shard"], settings["shards"]
    assert folder(tmp_path, config=settings).numbers() == list(range(8))


def test_it_holds_the_configuration_that_it_was_finished_with(tmp_path):
    made = folder(tmp_path)
    assert made.holds(config())
    assert made.holds(config(name="another"))
    assert made.holds(config(resume=True))
    assert not made.holds(config(seed=1))
    assert not made.holds(config(attack={}))
    assert not made.holds(config(runs=9))
    made.write_manifest(made.manifest() | {"state": "running"})
    assert not made.holds(config())
    assert not RunFolder(tmp_path / "absent").holds(config())


def test_what_auto_became_is_held_too(tmp_path):
    made = folder(tmp_path)
    assert made.holds(changed(config(device="auto"), "training.stack", "auto"))
    assert not made.holds(changed(config(), "training.stack", 5))
    assert not made.holds(config(device="cuda"))


def test_an_empty_folder_takes_any_configuration(tmp_path):
    RunFolder(tmp_path).refuse_other(config())
    RunFolder(tmp_path / "absent").refuse_other(config())


def test_a_folder_with_runs_wants_to_be_resumed(tmp_path):
    made = folder(tmp_path)
    assert refusal(made, config()) == (
        f"{tmp_path} holds runs already; add resume=true to complete it, or choose another "
        "hydra.run.dir."
    )
    made.refuse_other(config(resume=True))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "another"),
        ("trajectory.keep", True),
        ("indicator.variant", "rate"),
        ("attack", {}),
        ("ranking.bootstrap", 7),
        ("report.page", True),
        ("runs", 9),
        ("training.stack", "auto"),
    ],
)
def test_keys_that_change_no_run_may_differ(tmp_path, key, value):
    folder(tmp_path).refuse_other(changed(config(resume=True), key, value))


@pytest.mark.parametrize(
    ("key", "there", "here"),
    [
        ("seed", 0, 1),
        ("runs", 8, 7),
        ("runs", 8, "auto"),
        ("runs_max", 500, 80),
        ("shards", 1, 2),
        ("device", "cpu", "cuda"),
        ("dataset.size", 1000, 60),
        ("model._target_", "quantmia.models.linear", "quantmia.models.mlp"),
        ("split.membership", "half", "coin"),
        ("training.stack", 4, 5),
        ("quantization.bias", False, True),
        ("quantizer.uniform_2.bits", 2, 7),
    ],
)
def test_keys_that_change_a_run_are_named_with_both_values(tmp_path, key, there, here):
    said = refusal(folder(tmp_path), changed(config(resume=True), key, here))
    assert said == (
        f"{tmp_path} holds runs of another configuration (there and here):\n"
        f"  - {key}: {there} and {here}\n  Repeat its values, or choose another hydra.run.dir."
    )


def test_runs_of_auto_may_be_completed_to_a_number_of_them(tmp_path):
    made = folder(tmp_path, config(runs="auto"))
    made.refuse_other(config(runs="auto", resume=True))
    made.refuse_other(config(runs=8, resume=True))
    assert "runs: auto and 7" in refusal(made, config(runs=7, resume=True))


def test_a_run_is_read_as_it_was_written(tmp_path):
    made = folder(tmp_path)
    made.write_run(3, files(3), MODEL)
    found = made.read_run(3)
    np.testing.assert_array_equal(found.losses["sign"], files().losses["sign"])
    np.testing.assert_array_equal(found.scores["sign"], made.read_scores(3)["sign"])
    np.testing.assert_array_equal(made.read_losses(3, "sign", -1), [3, 4, 5])
    np.testing.assert_array_equal(made.read_model(3)["weight"], MODEL["weight"])
    assert found.meta["run"] == 3
    assert np.isnan(found.meta["utility"])  # which differs from itself, and yet is the same
    assert made.is_done(3)
    assert not made.is_done(2)


def released(run: int = 0) -> RunFiles:
    """A run with releases besides the last checkpoint, which its facts name."""
    meta = {"run": run, "quantizers": {"sign": {"releases": {"best": 2, "last": 3}}}}
    own = {"pool/sign/best": np.arange(4, dtype=np.float32), "target": np.arange(2)}
    return replace(files(), meta=meta, releases=own)


def test_releases_are_read_with_the_rest_and_one_by_one(tmp_path):
    made = folder(tmp_path)
    made.write_run(0, released(), MODEL)
    found = made.read_run(0)
    np.testing.assert_array_equal(found.releases["target"], [0, 1])
    np.testing.assert_array_equal(made.read_one(0, "releases", "pool/sign/best"), [0, 1, 2, 3])
    np.testing.assert_array_equal(made.read_one(0, "scores", "sign"), found.scores["sign"])
    with pytest.raises(DamagedFileError):
        made.read_one(0, "releases", "pool/sign/9")


@pytest.mark.parametrize("damage", ["flip", "remove", "other"])
def test_a_run_with_damaged_releases_is_not_done(tmp_path, damage):
    made = folder(tmp_path)
    made.write_run(0, released(), MODEL)
    assert made.is_done(0)
    path = tmp_path / "releases" / "run-0000.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    if damage == "flip":
        path.write_bytes(content)
    elif damage == "remove":
        path.unlink()
    else:
        made.write_run(1, released(1), MODEL)
        path.write_bytes((tmp_path / "releases" / "run-0001.safetensors").read_bytes())
    assert not made.is_done(0)


@pytest.mark.parametrize("kind", ["losses", "scores", "models"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "remove"])
def test_a_run_with_a_damaged_file_is_not_done(tmp_path, kind, damage):
    made = folder(tmp_path)
    made.write_run(0, files(), MODEL)
    made.write_run(1, files(1), MODEL)
    path = tmp_path / kind / "run-0000.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes({"flip": content, "cut": content[:-8], "empty": b""}[damage])
    assert not made.is_done(0)
    assert made.is_done(1)


def test_files_of_two_runs_do_not_make_one(tmp_path):
    made = folder(tmp_path)
    made.write_run(0, files(), MODEL)
    made.write_run(1, files(1), MODEL)
    (tmp_path / "scores" / "run-0001.safetensors").replace(
        tmp_path / "scores" / "run-0000.safetensors"
    )
    with pytest.raises(DamagedFileError, match="written by another run than its losses"):
        made.read_run(0)
    assert not made.is_done(0)


def held(path, **changes):
    made = folder(path)
    there = {
        "dataset": {"sha256": "1" * 64},
        "sources": {"mine": "2" * 64},
        "initial": {"0.weight": 3.5, "0.bias": 0.0},
    }
    made.write_manifest({"config": {}} | there)
    return made, there | changes


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"dataset": {"sha256": "3" * 64}}, ["the content of the dataset"]),
        ({"sources": {"mine": "3" * 64}}, ["the code of mine"]),
        ({"initial": {"0.weight": 3.6, "0.bias": 0.0}}, ["what the model starts from (0.weight)"]),
        (
            {"sources": {"mine": "3" * 64}, "initial": {"0.weight": 9.0, "0.bias": 0.0}},
            ["the code of mine"],
        ),
        (
            {"dataset": {"sha256": "3" * 64}, "sources": {"mine": "3" * 64, "other": "4" * 64}},
            ["the content of the dataset", "the code of mine"],
        ),
    ],
)
def test_other_data_and_other_code_are_refused_by_name(tmp_path, changes, named):
    made, here = held(tmp_path, **changes)
    with pytest.raises(FolderError, match="holds runs of something else") as refused:
        made.refuse_changed(here)
    assert [line[4:] for line in str(refused.value).splitlines()[1:-1]] == named


def test_the_same_data_and_code_are_gone_on_with(tmp_path):
    made, here = held(tmp_path)
    made.refuse_changed(here)
    made.refuse_changed(here | {"initial": {"0.weight": 3.50001, "0.bias": 0.0}})  # rounding
    made.refuse_changed(here | {"sources": {"another": "5" * 64}})  # of a quantizer that is new
    RunFolder(tmp_path / "new").refuse_changed(here)
