import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from quantmia.data import members
from quantmia.data.split import halves
from quantmia.files import read_tensors
from quantmia.preemption import Stop
from quantmia.runs.folder import RunFolder
from quantmia.training.blocks import train_missing
from tests.configurations import configured
from tests.tiny import bits, fitted, tiny, trained

QUICK = ("training.stack=2", "runs=4", "attack=[]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("blocks") / "out", *QUICK)


def train(path: Path, *overrides: str, runs: int = 4, cache: Path | None = None) -> Stop:
    made, stop = RunFolder(path), Stop()
    with made.lock():
        train_missing(fitted(tiny(*QUICK, *overrides), cache or path), made, runs, stop)
    return stop


def times(path: Path) -> dict[str, int]:
    return {str(each): each.stat().st_mtime_ns for each in path.glob("*/run-*")}


def test_the_files_of_a_run(folder):
    config = tiny(*QUICK)
    mask = members(config.seed, range(4), 36)
    for run in range(4):
        files = folder.read_run(run)
        assert list(files.meta["quantizers"]) == ["full_precision", "sign", "uniform_2"]
        assert files.meta | {"quantizers": 0} == {
            "run": run, "seed": 0, "diverged": False, "task": "binary", "quantizers": 0
        }  # fmt: skip
        np.testing.assert_array_equal(files.scores["members"], mask[run])
        for name, facts in files.meta["quantizers"].items():
            assert set(facts) == {"bits", "sparsity", "models", "utility", "releases"}
            assert set(facts["utility"]) == {"accuracy", "roc_auc", "calibration_error"}
            assert len(facts["models"]) == 4
            assert files.losses[name].shape == (4, 24)
            assert files.losses[name].dtype == np.float32
            assert files.scores[name].shape == (36,)
        assert {k: v.shape for k, v in folder.read_model(run).items()} == {
            "weight": (1, 4), "bias": (1,)
        }  # fmt: skip


def test_runs_are_different_trainings(folder):
    weights = np.stack([folder.read_model(run)["weight"] for run in range(4)])
    assert len(np.unique(weights, axis=0)) == 4


def test_a_shard_trains_its_runs_alone(folder, tmp_path):
    stop = train(tmp_path, "shards=2", "shard=1")
    assert stop.blocks_finished == 1
    whole = bits(folder.path)
    assert bits(tmp_path) == {k: v for k, v in whole.items() if k[-13] in "23"}


def test_finished_runs_are_skipped(folder, tmp_path):
    train(tmp_path, runs=2)
    before = times(tmp_path)
    assert train(tmp_path).blocks_finished == 1
    assert {k: v for k, v in times(tmp_path).items() if k in before} == before
    assert bits(tmp_path) == bits(folder.path)
    before = times(tmp_path)
    assert train(tmp_path).blocks_finished == 0
    assert times(tmp_path) == before


@pytest.mark.parametrize("kind", ["losses", "scores", "models", "releases"])
def test_a_damaged_run_is_trained_again_with_the_same_bits(folder, tmp_path, kind):
    train(tmp_path)
    path = tmp_path / kind / "run-0003.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert train(tmp_path).blocks_finished == 1
    assert bits(tmp_path) == bits(folder.path)


@pytest.mark.parametrize(
    "how",
    [
        ("training.warm_restarts=2", "training.optimizer=sgd"),
        ("training.sam=0.1",),
        ("training.ema=0.9", "split.label_noise=0.2"),
        ("training.swa=2", "split.membership=coin"),
    ],
    ids=lambda how: how[0],
)
def test_whatever_the_trajectory_a_lost_run_is_trained_again_with_the_same_bits(tmp_path, how):
    train(tmp_path / "mine", *how, "trajectory.keep=true", cache=tmp_path / "cache")
    whole = bits(tmp_path / "mine")
    for name in ("scores", "models"):
        (tmp_path / "mine" / name / "run-0002.safetensors").unlink()
    assert train(tmp_path / "mine", *how).blocks_finished == 1
    assert bits(tmp_path / "mine") == whole
    train(tmp_path / "kept", *how, cache=tmp_path / "cache")
    assert bits(tmp_path / "kept") == whole
    train(tmp_path / "plain", cache=tmp_path / "cache")  # whose trajectory is not there
    assert bits(tmp_path / "plain", "models/*") != bits(tmp_path / "mine", "models/*")


def test_diverged_runs_have_no_utility(tmp_path):
    train(tmp_path, "training.lr=1e38")
    for run in range(4):
        meta = RunFolder(tmp_path).read_run(run).meta
        assert meta["diverged"] is True
        assert [facts["utility"] for facts in meta["quantizers"].values()] == [{}] * 3


def table(path: Path, target: np.ndarray) -> list[str]:
    features = np.random.default_rng(0).normal(size=(len(target), 3))
    frame = pd.DataFrame(features, columns=list("abc")).assign(y=target)
    frame.to_csv(path, index=False)
    return ["dataset=csv", f"dataset.path={path}", "dataset.target=y"]


def of_table(path: Path, where: Path, target: np.ndarray, *overrides: str) -> RunFolder:
    plain = ("device=cpu", "training.epochs=3", "training.vectorize=false", *overrides)
    config = configured(*plain, "quantizer=[full_precision,sign]", *table(path, target), *QUICK)
    made = RunFolder(where)
    with made.lock():
        train_missing(fitted(config, where), made, 4, Stop())
    return made


def test_targets_are_on_the_runs_own_scale(tmp_path):
    target = np.random.default_rng(1).normal(size=60) * 5 + 100
    made = of_table(tmp_path / "data.csv", tmp_path / "out", target)
    scales = []
    for run in range(4):
        scores = made.read_scores(run)
        own = scores["target"][scores["members"] == 1].astype(np.float64)
        assert own.mean() == pytest.approx(0, abs=1e-5)
        assert own.std() == pytest.approx(1, abs=1e-5)
        scales.append(scores["target"])
        correlation = np.corrcoef(scales[0], scores["target"])[0, 1]
        assert correlation == pytest.approx(1)  # the same samples on another scale
    assert len(np.unique(scales, axis=0)) == 4
    meta = made.read_run(0).meta
    assert meta["task"] == "regression"
    assert set(meta["quantizers"]["sign"]["utility"]) == {
        "r2", "rmse_standardised", "calibration_slope"
    }  # fmt: skip


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_noise_is_in_the_pool_of_every_run_and_not_in_what_is_held_out(tmp_path, task):
    clean = np.arange(60) % 3
    if task == "regression":
        clean = np.random.default_rng(1).normal(size=60).astype(np.float32)
    noise = ("split.label_noise=0.25", "release.checkpoints=auto")
    made = of_table(tmp_path / "data.csv", tmp_path / "out", clean, *noise)
    config = configured("device=cpu", *table(tmp_path / "data.csv", clean), *noise)
    experiment = fitted(config, tmp_path)
    pool, held_out = experiment.parts.pool, experiment.parts.validation
    noisy = experiment.labels.target
    assert (noisy[pool] != clean[pool]).sum() == 9
    for run in range(4):
        files = made.read_run(run)
        own = noisy[pool][files.scores["members"] == 1]
        middle, scale = (own.mean(), own.std()) if task == "regression" else (0, 1)
        expected = [(noisy[pool] - middle) / scale, (clean[held_out] - middle) / scale]
        measured = made.read_one(run, "releases", "target")
        np.testing.assert_allclose(files.scores["target"], expected[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(measured, expected[1][halves(24)[1]], rtol=1e-4, atol=1e-5)


def test_of_several_classes_every_output_is_kept(tmp_path):
    made = of_table(tmp_path / "data.csv", tmp_path / "out", np.arange(60) % 3)
    scores = made.read_scores(0)
    assert scores["sign"].shape == (36, 3)
    assert scores["target"].dtype == np.int64
    assert made.read_run(0).meta["task"] == "multiclass"


def test_a_kept_trajectory_gives_the_same_bits_and_trains_nothing_again(folder, tmp_path):
    cache = tmp_path / "cache"
    train(tmp_path / "one", "trajectory.keep=true", "quantizer=[sign]", cache=cache)
    kept = {path: path.stat().st_mtime_ns for path in cache.rglob("epoch-*")}
    assert len(kept) == 2 * 4  # of two blocks
    assert len(list(cache.rglob("complete.json"))) == 2
    train(tmp_path / "all", cache=cache)
    assert bits(tmp_path / "all") == bits(folder.path)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("epoch-*")} == kept
    one = RunFolder(tmp_path / "one")
    for run in range(4):
        np.testing.assert_array_equal(
            one.read_run(run).losses["sign"], folder.read_run(run).losses["sign"]
        )


def test_without_keeping_the_cache_stays_empty(tmp_path):
    train(tmp_path / "out", runs=2, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_stack_and_one_after_another_agree(folder, tmp_path):
    config = tiny(*QUICK)
    config = replace(config, training=replace(config.training, vectorize=True))
    made = RunFolder(tmp_path)
    with made.lock():
        train_missing(fitted(config, tmp_path), made, 2, Stop())
    for run in range(2):
        for name, value in folder.read_model(run).items():
            np.testing.assert_allclose(made.read_model(run)[name], value, atol=1e-5)


def test_the_last_checkpoint_is_the_model(folder):
    experiment = fitted(tiny(*QUICK), folder.path)
    held_out = torch.from_numpy(experiment.inputs[experiment.parts.validation])
    target = experiment.dataset.target[experiment.parts.validation]
    for run in range(4):
        model = experiment.model()
        final = folder.read_model(run)
        model.load_state_dict({name: torch.from_numpy(value) for name, value in final.items()})
        with torch.no_grad():
            logit = model(held_out).numpy()[:, 0]
        loss = np.logaddexp(0, -logit * np.where(target > 0, 1, -1))
        found = folder.read_losses(run, "full_precision", -1)
        np.testing.assert_allclose(found, loss, rtol=1e-4, atol=1e-6)
        utility = folder.read_run(run).meta["quantizers"]["full_precision"]["utility"]
        assert utility["accuracy"] == np.mean((logit > 0) == target)


def test_both_files_of_a_run_say_the_same_of_it(folder):
    for run in range(4):
        metas = [
            read_tensors(folder.path / kind / f"run-{run:04d}.safetensors")[1]
            for kind in ("losses", "scores")
        ]
        assert json.dumps(metas[0]) == json.dumps(metas[1])
