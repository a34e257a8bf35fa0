from pathlib import Path

import numpy as np
import pytest

from quantmia.config.schema import IndicatorConfig, recorded
from quantmia.errors import FolderError, QuantmiaError
from quantmia.ranking.evidence import PER_RUN, Evidence, collect, pooled_indicator
from quantmia.ranking.indicator import HeldOut, indicator, order, pooled
from quantmia.runs.content import RunFiles
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import Merged, merge
from tests.configurations import configured
from tests.tiny import progress

NAMES = ["a", "b"]
CHECKPOINTS, SAMPLES, RUNS = 4, 5, 3


def losses(name: str, run: int) -> np.ndarray:
    rng = np.random.default_rng([ord(name), run])
    return rng.uniform(size=(CHECKPOINTS, SAMPLES)).astype(np.float32)


def written(path: Path, diverged=(), best=None, models=None, runs=RUNS, short=()) -> Merged:
    """Runs of two quantizers; `best` is the checkpoint with the least loss, of each run.

    Of those in `short` the last checkpoint alone is measured.
    """
    folder = RunFolder(path)
    settings = recorded(configured("training.stack=1", f"runs={runs}"))
    settings["quantizer"] = {name: {"_target_": name} for name in NAMES}
    manifest = {"config": settings, "runs": runs, "dataset": {"sha256": "s"}}
    members = np.array([1, 1, 0, 0], np.uint8)
    with folder.lock():
        folder.write_manifest(manifest)
        for run in range(runs):
            own = {name: losses(name, run) for name in NAMES}
            if best is not None:
                for each in own.values():
                    each[best[run]] = -1
            facts = {name: {"models": models or list(range(CHECKPOINTS))} for name in NAMES}
            for name in short:
                own[name], facts[name] = own[name][-1:], {"models": [0]}
            meta = {"run": run, "diverged": run in diverged, "quantizers": facts}
            scores = {name: np.zeros(4, np.float32) for name in NAMES} | {"members": members}
            folder.write_run(run, RunFiles(own, scores, meta), {"w": np.ones(1, np.float32)})
    return merge([folder])


def settings(grids=(1, 2), low_loss_models=2) -> IndicatorConfig:
    chosen = {"variant": "paper", "low_loss_models": low_loss_models, "grids": list(grids)}
    return IndicatorConfig(**chosen)


def collected(merged: Merged, names=NAMES, **chosen) -> Evidence:
    return collect(merged.runs, names, settings(**chosen), progress())


def test_every_run_is_measured_in_every_variant(tmp_path):
    found = collected(written(tmp_path))
    assert found.diverged == []
    assert [run.number for run in found.runs] == [0, 1, 2] == [meta["run"] for meta in found.meta]
    assert len(found.indicator) == RUNS * len(NAMES) * len(PER_RUN)
    everything = np.arange(CHECKPOINTS)
    for variant in PER_RUN:
        values = found.per_run(NAMES, variant)
        for q, name in enumerate(NAMES):
            for run in range(RUNS):
                expected = indicator(order(HeldOut(losses(name, run), everything)), variant, 2)
                assert values[q, run] == expected.r
    np.testing.assert_array_equal(
        found.per_run(["b"], "paper")[0], found.per_run(NAMES, "paper")[1]
    )


def test_means_are_those_of_every_checkpoint(tmp_path):
    found = collected(written(tmp_path))
    for name in NAMES:
        expected = [losses(name, run).mean(1, dtype=np.float64) for run in range(RUNS)]
        np.testing.assert_array_equal(found.means[name], expected)


def test_the_same_quantized_model_counts_once(tmp_path):
    found = collected(written(tmp_path, models=[0, 0, 2, 0]))
    assert set(found.indicator["distinct"]) == {2}


def test_diverged_runs_are_left_out_and_named(tmp_path):
    found = collected(written(tmp_path / "out", diverged=(1,)))
    assert found.diverged == ["out/run-0001"]
    assert [run.number for run in found.runs] == [0, 2]
    assert set(found.indicator["run"]) == {0, 1}  # places among those that are left
    assert found.best_is_last.shape == found.grids[1].shape == (2, 2)
    whole = collected(written(tmp_path / "whole"))
    np.testing.assert_array_equal(
        found.per_run(NAMES, "paper"), whole.per_run(NAMES, "paper")[:, [0, 2]]
    )


def test_all_runs_diverged_is_the_users_mistake(tmp_path):
    with pytest.raises(QuantmiaError, match=r"training\.lr: all 3 runs diverged") as refused:
        collected(written(tmp_path, diverged=range(RUNS)))
    assert "lower the learning rate" in str(refused.value)


def test_a_missing_run_is_named(tmp_path):
    merged = written(tmp_path)
    (tmp_path / "losses" / "run-0001.safetensors").unlink()
    with pytest.raises(FolderError, match="run 1 is missing or damaged"):
        collected(merged)


def test_a_grid_keeps_the_checkpoints_of_a_coarser_training(tmp_path):
    found = collected(written(tmp_path), grids=(1, 2))
    np.testing.assert_array_equal(found.grids[1], found.per_run(NAMES, "paper"))
    coarse = order(HeldOut(losses("a", 0), np.arange(CHECKPOINTS)).on_grid(2))
    assert found.grids[2][0, 0] == indicator(coarse, "paper").r


def test_grids_that_leave_no_two_checkpoints_are_undefined(tmp_path):
    found = collected(written(tmp_path), grids=(2, 3, 5))
    assert list(found.grids) == [2, 3, 5]
    assert np.isfinite(found.grids[2]).all()
    for every in (3, 5):
        assert found.grids[every].shape == (2, RUNS)
        assert np.isnan(found.grids[every]).all()


def test_it_is_told_where_the_best_checkpoint_is_the_last(tmp_path):
    found = collected(written(tmp_path, best=[0, CHECKPOINTS - 1, 1]))
    np.testing.assert_array_equal(found.best_is_last, [[False, True, False]] * 2)


def test_the_pool_of_all_runs_joins_the_table(tmp_path):
    merged = written(tmp_path, diverged=(0,))
    found = collected(merged)
    before = found.indicator
    values = pooled_indicator(found)
    pd_rows = found.indicator.iloc[len(before) :]
    assert list(pd_rows["variant"]) == ["pooled"] * 2
    assert list(pd_rows["quantizer"]) == NAMES
    assert pd_rows["run"].isna().all()
    np.testing.assert_array_equal(pd_rows["r"].to_numpy(float), values)
    everything = np.arange(CHECKPOINTS)
    for name, value in zip(NAMES, values, strict=True):
        own = [losses(name, run) for run in (1, 2)]
        read = [lambda each=each: HeldOut(each, everything) for each in own]
        assert value == pooled(read, [each.mean(1, dtype=np.float64) for each in own]).r
    assert found.per_run(NAMES, "paper").shape == (2, 2)


def test_a_quantizer_of_the_last_checkpoint_alone_has_no_r(tmp_path):
    whole = collected(written(tmp_path / "whole"))
    found = collected(written(tmp_path / "short", short=("a",)))
    assert (whole.names, found.names) == (NAMES, ["b"])
    assert set(found.means) == set(found.indicator["quantizer"]) == {"b"}
    np.testing.assert_array_equal(found.per_run(["b"], "paper"), whole.per_run(["b"], "paper"))


def test_of_no_quantizer_the_runs_alone_are_read(tmp_path):
    found = collected(written(tmp_path, diverged=(2,)), names=[])
    assert [meta["run"] for meta in found.meta] == [0, 1]
    assert found.diverged == [f"{tmp_path.name}/run-0002"]
    assert found.indicator.empty
    assert found.means == {}
    assert found.best_is_last.shape == found.grids[1].shape == found.grids[2].shape == (0, 2)


def test_progress_is_told_of_diverged_runs_too(tmp_path, capsys):
    collected(written(tmp_path, diverged=(0, 1)))
    assert "indicator: 3/3 runs" in capsys.readouterr().err
