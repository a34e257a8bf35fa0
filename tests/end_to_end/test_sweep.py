"""Sweeps as a user drives them, on this machine."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.end_to_end.command import SMALL, Begun, bits, quantmia, tables, wait_for

pytestmark = pytest.mark.slow

SWEEP = ["run", "-m", *SMALL]
STACKS = ["training.stack=3"]  # of the eight runs: three, three and two
TWO_STACKS = ["runs=8", "training.stack=4"]
SHARDS = [*STACKS, "shards=2", "shard=range(2)", "hydra.sweep.dir=sweep"]


@pytest.fixture(scope="module")
def single(tmp_path_factory) -> Path:
    """Eight runs in one job."""
    where = tmp_path_factory.mktemp("single")
    done = quantmia(where, "run", *SMALL, *STACKS, "hydra.run.dir=one")
    assert done.returncode == 0, done.stderr
    return where / "one"


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """The same in two jobs at a time, of which one has two of the three stacks."""
    where = tmp_path_factory.mktemp("shards")
    done = quantmia(where, *SWEEP, *SHARDS, "hydra/launcher=local")
    return where, done


def test_shards_give_the_very_bits_of_one_job(single, shards):
    where, done = shards
    assert done.returncode == 0, done.stderr
    assert tables(where / "sweep") == tables(single)
    ranking = {p.name: p.read_bytes() for p in single.glob("ranking.*")}
    assert ranking == {p.name: p.read_bytes() for p in (where / "sweep").glob("ranking.*")}
    runs = {path.name: digest for path, digest in _runs(where / "sweep")}
    assert runs == {path.name: digest for path, digest in _runs(single)}
    assert len(runs) == 4 * 8 + 1  # losses, scores, models and releases of every run, and the front
    assert "2/2 jobs over" in done.stderr


def _runs(folder: Path):
    for name, digest in bits(folder).items():
        if name.endswith(".safetensors"):
            path = Path(name)
            yield Path(f"{path.parent.name}-{path.name}"), digest


def test_rank_merges_the_folders_of_shards_in_any_order(single, shards):
    where, _ = shards
    folders = [f"sweep/shard={k}" for k in (1, 0)]
    done = quantmia(where, "rank", *folders, "--output", "merged")
    assert done.returncode == 0, done.stderr
    assert tables(where / "merged") == tables(single)


def test_status_and_rank_of_a_sweep(shards):
    where, _ = shards
    status = quantmia(where, "status", "sweep", cold=True)
    assert status.returncode == 0
    assert "2 done" in status.stdout
    assert "5/5" in status.stdout
    again = quantmia(where, "rank", "sweep")
    assert again.returncode == 0
    assert "leaks least" in again.stdout
    refused = quantmia(where, "rank", "sweep", "sweep/shard=0")
    assert refused.returncode == 2
    assert "name it alone" in refused.stderr


def test_a_finished_sweep_is_not_run_again_and_takes_more_runs(shards):
    where, _ = shards
    before = bits(where / "sweep")
    for launcher in ("basic", "local"):
        done = quantmia(where, *SWEEP, *SHARDS, f"hydra/launcher={launcher}", "resume=true")
        assert done.returncode == 0, done.stderr
        assert "training:" not in done.stderr
        assert bits(where / "sweep") == before
    more = quantmia(where, *SWEEP, *SHARDS, "runs=12", "resume=true")
    assert more.returncode == 0, more.stderr
    assert "training:" in more.stderr
    assert set(pd.read_csv(where / "sweep" / "ranking.csv")["runs"]) == {12}
    refused = quantmia(where, *SWEEP, "seed=0,1", "hydra.sweep.dir=sweep")
    assert refused.returncode == 2
    assert "holds a sweep already; add resume=true" in refused.stderr


def test_seeds_and_quantizers_make_one_ranking(tmp_path):
    done = quantmia(
        tmp_path, *SWEEP, "runs=4", "seed=0,1", "quantizer=[full_precision,sign],uniform_4",
        "hydra.sweep.dir=sweep",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ranking = pd.read_csv(tmp_path / "sweep" / "ranking.csv")
    assert sorted(ranking["quantizer"]) == ["full_precision", "sign", "uniform_4"]
    assert set(ranking["runs"]) == {8}
    merged = quantmia(
        tmp_path, "run", *SMALL, "runs=4", "seed=1",
        "quantizer=[full_precision,sign,uniform_4]", "hydra.run.dir=one",
    )  # fmt: skip
    assert merged.returncode == 0, merged.stderr
    ours = pd.read_csv(tmp_path / "sweep" / "indicator.csv")
    alone = pd.read_csv(tmp_path / "one" / "indicator.csv")
    for name in ("full_precision", "sign", "uniform_4"):
        mine = ours[(ours["quantizer"] == name) & (ours["variant"] == "paper") & (ours["run"] >= 4)]
        its = alone[(alone["quantizer"] == name) & (alone["variant"] == "paper")]
        assert list(mine["r"]) == list(its["r"])


def test_what_failed_is_named_and_the_rest_is_ranked(tmp_path):
    command = ["dataset.size=200,4,300", "seed=0,1", "hydra.sweep.dir=sweep"]
    command += ["quantizer=[full_precision,sign]", "release.checkpoints=last"]
    done = quantmia(tmp_path, *SWEEP, "runs=4", *command)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "2 of 6 jobs did not finish" in done.stderr
    assert "dataset.size=4,seed=0: failed" in done.stderr
    assert "hydra.sweep.dir=sweep resume=true" in done.stderr
    ranking = pd.read_csv(tmp_path / "sweep" / "ranking.csv")
    assert set(ranking["group"]) == {"dataset.size=200", "dataset.size=300"}
    assert set(ranking["runs"]) == {8}
    for group in ("dataset.size=200", "dataset.size=300"):
        one = pd.read_csv(tmp_path / "sweep" / "merged" / group / "ranking.csv")
        ours = ranking[ranking["group"] == group].drop(columns="group").reset_index(drop=True)
        pd.testing.assert_frame_equal(ours[one.columns], one, check_dtype=False)
    status = quantmia(tmp_path, "status", "sweep")
    assert "4 done, 2 failed" in status.stdout
    assert quantmia(tmp_path, "rank", "sweep").returncode == 1


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["shards=2", "shard=2"], "shards=2 are numbered 0 to 1"),
        (["shards=5"], "runs=8 are 2 stacks of training.stack=4"),
        (["shards=2", "runs=auto"], "runs=auto looks at all runs"),
        (["shards=2", "training.stack=auto"], "give training.stack a number"),
        (["-m", "seed=1,1"], "two jobs of the sweep are the same"),
        (["-m", "seed=0,1", "hydra.launcher.job=2", "hydra/launcher=local"], "job"),
        (["-m", "seed=0,1", "hydra/launcher=local", "hydra.launcher.jobs=0"], "1 or more"),
        (["-m", "seed=0,1", "hydra/launcher=slurm", "hydra.launcher.cpus_per_task=no"], "1 or"),
        (["-m", "seed=0,1", "hydra.sweep.dir=a_file"], "is a file"),
    ],
)
def test_mistakes_are_one_message(tmp_path, overrides, said):
    (tmp_path / "a_file").touch()
    # Few settings: what does not compose is explained by composing one more of them each time.
    done = quantmia(tmp_path, "run", "+experiment=synthetic", *TWO_STACKS, *overrides)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_file"]


def test_told_to_stop_a_job_finishes_its_block_and_goes_on_later(single, tmp_path):
    command = ["run", *SMALL, *STACKS, "hydra.run.dir=one"]
    scores = tmp_path / "one" / "scores"
    process = Begun(tmp_path, *command)
    wait_for(lambda: list(scores.glob("*.safetensors")))
    process.send_signal(signal.SIGTERM)
    told = process.end()
    assert told.returncode == 143, told.stderr
    assert "stopped by SIGTERM; what was finished is kept" in told.stderr
    assert len(list(scores.glob("*.safetensors"))) in (3, 6)
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert manifest["state"] != "finished"
    done = quantmia(tmp_path, *command, "resume=true")
    assert done.returncode == 0, done.stderr
    assert bits(tmp_path / "one") == bits(single)


def test_jobs_that_are_only_starting_end_with_the_sweep(tmp_path):
    sweep = Begun(
        tmp_path, *SWEEP, "training.epochs=4000", "seed=0,1", "hydra/launcher=local",
        "hydra.sweep.dir=sweep", grouped=True,
    )  # fmt: skip
    wait_for((tmp_path / "sweep" / "submitted.json").exists)
    time.sleep(1.5)  # they import, and do not listen to signals
    os.killpg(sweep.number, signal.SIGTERM)
    told = sweep.end()
    assert told.returncode == 143, told.stderr
    assert "Traceback" not in told.stderr
    with pytest.raises(ProcessLookupError):  # nobody is left of the session
        os.killpg(sweep.number, 0)


def test_an_interrupted_sweep_says_what_is_left(tmp_path):
    sweep = Begun(
        tmp_path, *SWEEP, "training.epochs=400", "seed=0,1,2,3", "hydra/launcher=local",
        "hydra.sweep.dir=sweep", grouped=True,
    )  # fmt: skip
    wait_for((tmp_path / "sweep" / "seed=0" / "manifest.json").exists)
    os.killpg(sweep.number, signal.SIGINT)
    told = sweep.end()
    assert told.returncode == 130, told.stderr
    assert "Traceback" not in told.stderr
    assert "resume=true" in told.stderr
    wait_for(lambda: "running" not in quantmia(tmp_path, "status", "sweep").stdout, 30)
