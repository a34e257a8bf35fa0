"""The command line in a temporary folder, as a user drives it."""

import json
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from tests.end_to_end.command import SMALL, Begun, bits, quantmia, wait_for

pytestmark = pytest.mark.slow

FOLDER = "outputs/out"


def run(where: Path, *arguments: str, folder: str = FOLDER) -> subprocess.CompletedProcess:
    return quantmia(where, *command(*arguments, folder=folder))


def command(*arguments: str, folder: str = FOLDER) -> list[str]:
    return ["run", *SMALL, f"hydra.run.dir={folder}", *arguments]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    where = tmp_path_factory.mktemp("finished")
    done = run(where)
    assert done.returncode == 0, done.stderr
    assert "leaks least" in done.stdout
    return where


def test_a_run_leaves_the_documented_files(finished):
    folder = finished / FOLDER
    names = (
        "quantizer bits sparsity r_q r_q_low r_q_high r_q_median r_q_median_low r_q_median_high "
        "n_r_q rank rank_low rank_high utility utility_metric runs distinct_models flags mis_upper"
    ).split()
    for attack in ("loss_threshold", "lira", "lira_eb"):
        for key in (f"auc_{attack}", f"mis_{attack}"):
            names += [key, f"{key}_low", f"{key}_high"]
    ranking = pd.read_csv(folder / "ranking.csv")
    assert sorted(ranking.columns) == sorted(names)
    assert ranking["auc_lira_eb"].is_monotonic_increasing  # the most private first
    assert len(ranking) == 9
    assert list(pd.read_csv(folder / "indicator.csv").columns) == [
        "run", "quantizer", "variant", "r", "delta", "sigma2", "dominating_position", "distinct"
    ]  # fmt: skip
    assert list(pd.read_csv(folder / "correlation.csv").columns) == [
        "attack", "statistic", "value", "low", "high", "quantizers", "runs"
    ]  # fmt: skip
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["state"] == "finished"
    assert manifest["peak_memory_mib"] < 2048
    assert len(list((folder / "losses").glob("run-*.safetensors"))) == 8
    assert not list(folder.rglob("*.part"))
    assert r"\toprule" in (folder / "ranking.tex").read_text()


def test_the_table_equals_what_the_long_tables_say(finished):
    folder = finished / FOLDER
    ranking = pd.read_csv(folder / "ranking.csv").set_index("quantizer")
    indicator = pd.read_csv(folder / "indicator.csv")
    paper = indicator[indicator["variant"] == "paper"].groupby("quantizer")["r"].mean()
    np.testing.assert_allclose(ranking["r_q"], paper[ranking.index])
    utility = pd.read_csv(folder / "utility.csv")
    mean = utility[utility["metric"] == "accuracy"].groupby("quantizer")["value"].mean()
    np.testing.assert_allclose(ranking["utility"], mean[ranking.index])
    median = indicator[indicator["variant"] == "paper"].groupby("quantizer")["r"].median()
    np.testing.assert_allclose(ranking["r_q_median"], median[ranking.index])
    assert (ranking["r_q_median_low"] <= ranking["r_q_median"]).all()
    assert (ranking["r_q_median"] <= ranking["r_q_median_high"]).all()
    assert ranking[["r_q_low", "r_q_high"]].isna().all(axis=None)  # none would cover


def test_the_same_command_gives_the_same_bits(finished, tmp_path):
    """In another Python, whose hashes have another seed."""
    assert quantmia(tmp_path, *command(), cold=True).returncode == 0
    assert bits(tmp_path / FOLDER) == bits(finished / FOLDER)


def test_more_runs_keep_the_first_ones(finished, tmp_path):
    assert run(tmp_path, "runs=12").returncode == 0
    few, many = bits(finished / FOLDER), bits(tmp_path / FOLDER)
    assert {k: v for k, v in many.items() if k in few and "run-" in k} == {
        k: v for k, v in few.items() if "run-" in k
    }


def test_killed_at_random_moments_and_resumed_gives_the_same_bits(finished, tmp_path):
    rng = random.Random(0)
    manifest = tmp_path / FOLDER / "manifest.json"

    def written() -> int:
        return manifest.stat().st_mtime_ns if manifest.exists() else 0

    for _ in range(2):
        process, before = Begun(tmp_path, *command("resume=true")), written()
        wait_for(  # from then on it trains
            lambda before=before, process=process: written() != before or process.is_over()
        )
        time.sleep(rng.uniform(0, 2))
        if not process.is_over():
            process.send_signal(signal.SIGKILL)
        process.end()
    done = run(tmp_path, "resume=true")
    assert done.returncode == 0, done.stderr
    assert bits(tmp_path / FOLDER) == bits(finished / FOLDER)


def test_interrupt_keeps_what_is_finished_and_says_how_to_resume(tmp_path):
    process = Begun(tmp_path, *command("runs=400"))
    wait_for(lambda: process.is_over() or list(tmp_path.glob(f"{FOLDER}/scores/run-0003*")))
    process.send_signal(signal.SIGINT)
    done = process.end()
    assert done.returncode == 130, done.stderr
    assert re.search(r"quantmia run .*resume=true", done.stderr)
    assert "Traceback" not in done.stderr
    assert list((tmp_path / FOLDER / "losses").glob("run-*"))


@pytest.mark.parametrize("harm", ["cut", "flip", "remove"])
def test_a_damaged_file_is_refused_by_rank_and_mended_by_resume(finished, tmp_path, harm):
    shutil.copytree(finished / FOLDER, tmp_path / FOLDER)
    path = tmp_path / FOLDER / "losses" / "run-0005.safetensors"
    content = bytearray(path.read_bytes())
    if harm == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif harm == "flip":
        content[-1000] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    refused = quantmia(tmp_path, "rank", FOLDER)
    assert refused.returncode == 2
    assert "run 5 is missing or damaged" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert run(tmp_path, "resume=true").returncode == 0
    assert bits(tmp_path / FOLDER) == bits(finished / FOLDER)


def test_rank_rebuilds_the_tables_without_training(finished):
    before = bits(finished / FOLDER)
    for table in (finished / FOLDER).glob("*.csv"):
        table.unlink()
    done = quantmia(finished, "rank", FOLDER, cold=True)
    assert done.returncode == 0, done.stderr
    assert bits(finished / FOLDER) == before


def test_every_attack_runs_on_finished_runs_and_again_by_rank(tmp_path):
    """Two of them read features: `rank` makes the dataset again for those."""
    every = sorted(each.stem for each in Path("conf/attack").glob("*.yaml"))
    few = ["quantizer=[full_precision,sign]", "release.checkpoints=[2,last]"]
    assert run(tmp_path, *few).returncode == 0
    before = bits(tmp_path / FOLDER)
    done = run(tmp_path, *few, "resume=true", f"attack=[{','.join(every)}]")
    assert done.returncode == 0, done.stderr
    after = bits(tmp_path / FOLDER)
    assert {k: v for k, v in after.items() if "run-" in k} == {
        k: v for k, v in before.items() if "run-" in k
    }
    attacks = pd.read_csv(tmp_path / FOLDER / "attacks.csv")
    assert sorted(set(attacks["attack"])) == every
    assert (attacks["auc"].between(0.4, 1)).all()
    np.testing.assert_allclose(attacks["balanced_accuracy"], (1 + attacks["advantage"]) / 2)
    assert quantmia(tmp_path, "rank", FOLDER).returncode == 0
    assert bits(tmp_path / FOLDER) == after


def test_efficiency_counts_the_runs_that_each_estimator_needs(tmp_path, monkeypatch):
    assert run(tmp_path, "runs=24", "training.stack=24").returncode == 0
    measure = ["efficiency", FOLDER, "--draws", "5", "--runs", "4", "8", "12"]
    done = quantmia(tmp_path, *measure, cold=True)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / FOLDER / "efficiency.csv")
    attacks = ("lira", "lira_eb", "loss_threshold")
    assert set(table["estimator"]) == {
        *(f"{measure}_{attack}" for attack in attacks for measure in ("auc", "mis")),
        "r_q_paper", "r_q_rate", "r_q_low_loss",
    }  # fmt: skip
    for estimator in ("auc_lira", "mis_lira"):  # which need 8
        assert set(table.loc[table["estimator"] == estimator, "runs"]) == {8, 12}
    assert (table.loc[table["runs"] == 12, "draws"] == 1).all()  # all there are: one subset
    assert table["spearman"].between(-1, 1).all()
    assert (tmp_path / FOLDER / "efficiency.svg").read_text().startswith("<?xml")
    written = bits(tmp_path / FOLDER)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # in one process
    again = quantmia(tmp_path, *measure)
    assert again.returncode == 0
    assert bits(tmp_path / FOLDER) == written


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runs", "12"], "runs are too few"),
        (["--reference", "rmia"], "reference=rmia: not among the attacks"),
        (["--runs", "1"], "has to be an integer of 2 or more"),
        (["--draws", "many"], "many: has to be an integer of 1 or more"),
        (["--seed", "-1"], "-1: has to be an integer of 0 or more"),
        (["--reference-runs", "8"], "runs are too few"),
    ],
)
def test_efficiency_refuses_what_cannot_be(finished, arguments, message):
    refused = quantmia(finished, "efficiency", FOLDER, *arguments)
    assert refused.returncode == 2
    assert message in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr


def test_rank_merges_seeds_and_refuses_other_experiments(finished, tmp_path):
    first = str(finished / FOLDER)
    assert run(tmp_path, "seed=1", folder="other").returncode == 0
    done = quantmia(tmp_path, "rank", first, "other", "--output", "merged")
    assert done.returncode == 0, done.stderr
    assert set(pd.read_csv(tmp_path / "merged" / "ranking.csv")["runs"]) == {16}
    assert run(tmp_path, "seed=2", "training.lr=0.02", folder="faster").returncode == 0
    refused = quantmia(tmp_path, "rank", first, "faster")
    assert refused.returncode == 2
    assert "training.lr: 0.01 and 0.02" in refused.stderr
    twice = quantmia(tmp_path, "rank", first, first)
    assert twice.returncode == 2
    assert "hold the same runs (seed 0, run 0)" in twice.stderr


def test_a_folder_of_another_configuration_is_refused(finished):
    refused = run(finished, "training.lr=0.02", "resume=true")
    assert refused.returncode == 2
    assert "training.lr" in refused.stderr
    again = run(finished)
    assert again.returncode == 2
    assert "resume=true" in again.stderr


def test_kept_trajectories_train_nothing_again(tmp_path, finished, monkeypatch):
    monkeypatch.delenv("QUANTMIA_CACHE", raising=False)
    one = ["trajectory.keep=true", "quantizer=[sign]"]
    assert run(tmp_path, *one, folder="one").returncode == 0
    kept = sorted((tmp_path / "outputs/.cache/trajectories").rglob("epoch-*"))
    assert len(kept) == 2 * 12
    times = [path.stat().st_mtime_ns for path in kept]
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path.stat().st_mtime_ns for path in kept] == times
    assert bits(tmp_path / FOLDER) == bits(finished / FOLDER)


def test_diverged_runs_are_counted_named_and_left_out(tmp_path):
    done = run(tmp_path, "training.lr=1e38", "training.optimizer=sgd")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / FOLDER / "manifest.json").read_text())
    assert 0 < len(manifest["diverged"]) < 8
    assert f"{len(manifest['diverged'])} runs diverged" in done.stdout
    ranking = pd.read_csv(tmp_path / FOLDER / "ranking.csv")
    assert set(ranking["runs"]) == {8 - len(manifest["diverged"])}


def test_all_runs_diverged_is_the_users_mistake(tmp_path):
    refused = run(tmp_path, "training.lr=1e38", "quantizer=[sign]")
    assert refused.returncode == 2
    assert "all 8 runs diverged" in refused.stderr
    assert "training.lr" in refused.stderr


def test_too_few_runs_for_an_attack_leave_it_out_and_say_so(tmp_path):
    done = run(tmp_path, "runs=4")
    assert done.returncode == 0, done.stderr
    assert "lira was left out: it needs 8 runs and there are 4" in done.stdout
    ranking = pd.read_csv(tmp_path / FOLDER / "ranking.csv")
    assert not {"auc_lira", "mis_lira"} & set(ranking)


def test_two_processes_do_not_write_one_folder(tmp_path):
    first = Begun(tmp_path, *command("runs=400"))
    try:
        wait_for((tmp_path / FOLDER / "manifest.json").exists)
        second = run(tmp_path, "runs=400", "resume=true")
    finally:
        first.send_signal(signal.SIGKILL)
    assert first.end().returncode == -signal.SIGKILL
    assert second.returncode == 2
    assert "another process" in second.stderr


def test_members_by_coins_give_bounds_on_epsilon(tmp_path):
    chosen = ["split.membership=coin", "attack=[lira_shrunk,whitebox]"]
    chosen += ["quantizer=[full_precision,sign,ternary_90]"]
    done = run(tmp_path, *chosen)
    assert done.returncode == 0, done.stderr
    assert "at least" in done.stdout
    members = [
        load_file(path)["members"].sum()
        for path in sorted((tmp_path / FOLDER / "scores").iterdir())
    ]
    assert len(set(members)) > 1
    table = pd.read_csv(tmp_path / FOLDER / "epsilon.csv")
    assert len(table) == 3 * 3 * 9  # quantizers, attacks with `any`, runs with all of them
    whole = table[(table["attack"] == "any") & table["run"].isna()].set_index("quantizer")
    ranking = pd.read_csv(tmp_path / FOLDER / "ranking.csv").set_index("quantizer")
    pd.testing.assert_series_equal(
        ranking["epsilon"].sort_index(), whole["epsilon"].sort_index(), check_names=False
    )
    before = bits(tmp_path / FOLDER)
    assert run(tmp_path, *chosen, folder="outputs/again").returncode == 0
    assert bits(tmp_path / "outputs/again") == before


def test_private_training_says_what_it_guarantees_and_goes_on_with_the_same_noise(tmp_path):
    chosen = ["training.dp.epsilon=4", "split.membership=coin", "training.stack=8"]
    chosen += ["quantizer=[full_precision,sign]", "release.checkpoints=[best,2,last]"]
    done = run(tmp_path, *chosen)
    assert done.returncode == 0, done.stderr
    assert "trained with DP-SGD: epsilon at most 4.00 at delta 1e-05" in done.stdout
    folder = tmp_path / FOLDER
    front = pd.read_csv(folder / "front.csv").set_index(["quantizer", "checkpoint"])
    epsilon = front["epsilon_upper"]
    assert 3.98 <= epsilon["sign", "last"] == epsilon["sign", "best"] <= 4
    assert 0 < epsilon["sign", "2"] == epsilon["full_precision", "2"] < 3
    assert (pd.read_csv(folder / "ranking.csv")["epsilon"] <= 4).all()
    before = bits(folder)
    (folder / "scores/run-0003.safetensors").unlink()
    again = run(tmp_path, *chosen, "resume=true")
    assert again.returncode == 0, again.stderr
    assert bits(folder) == before
    other = run(tmp_path, *chosen, "training.dp.epsilon=2", "resume=true")
    assert other.returncode == 2
    assert "training.dp.epsilon: 4.0 and 2.0" in other.stderr


def test_no_bound_on_epsilon_where_it_does_not_hold(finished):
    assert not (finished / FOLDER / "epsilon.csv").exists()
    refused = run(finished, "ranking.epsilon=true", folder="outputs/refused")
    assert refused.returncode == 2
    assert "split.membership=coin" in refused.stderr


def test_runs_auto_stops_by_itself_and_a_killed_one_ends_alike(tmp_path):
    settings = ("runs=auto", "ranking.tolerance=0.2", "quantizer=[full_precision,ternary_90]")
    done = run(tmp_path, *settings, "runs_max=100")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / FOLDER / "manifest.json").read_text())
    assert 8 <= manifest["runs"] < 100
    assert "0 open" in manifest["stopped"]
    assert len(list((tmp_path / FOLDER / "losses").iterdir())) == manifest["runs"]
    again = tmp_path / "outputs/again"
    shutil.copytree(tmp_path / FOLDER, again)
    for kind in ("losses", "scores", "models", "releases"):
        (again / kind / "run-0005.safetensors").unlink()
    done = run(tmp_path, *settings, "runs_max=100", "resume=true", folder="outputs/again")
    assert done.returncode == 0, done.stderr
    assert bits(again) == bits(tmp_path / FOLDER)
    assert quantmia(tmp_path, "rank", str(again)).returncode == 0


def test_runs_auto_says_what_stayed_open(tmp_path):
    done = run(tmp_path, "runs=auto", "runs_max=8", "ranking.tolerance=1e-6")
    assert done.returncode == 0, done.stderr
    assert "after 8 of at most 8 runs" in done.stderr + done.stdout
    assert "more runs would, likely " in done.stdout


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (("runs=many",), "has to be an integer of 1 or more, or auto"),
        (("runs=auto", "attack=[]"), "runs=auto needs an attack"),
        (("split.membership=dice",), "has to be one of half, coin"),
        (("ranking.tolerance=0",), "ranking.tolerance"),
        (("attack=[whitebox]", "attack.whitebox.features=grey"), "has to be one of loss, whitebox"),
    ],
)
def test_what_the_audit_cannot_do_is_refused(tmp_path, override, message):
    refused = run(tmp_path, *override)
    assert refused.returncode == 2
    assert message in refused.stderr


def test_a_folder_takes_more_runs(tmp_path, finished):
    shutil.copytree(finished / FOLDER, tmp_path / FOLDER)
    before = bits(tmp_path / FOLDER)
    done = run(tmp_path, "runs=12", "resume=true")
    assert done.returncode == 0, done.stderr
    after = bits(tmp_path / FOLDER)
    assert len(list((tmp_path / FOLDER / "models").iterdir())) == 12
    assert all(after[name] == each for name, each in before.items() if "run-" in name)
    fewer = run(tmp_path, "runs=4", "resume=true")
    assert fewer.returncode == 2
    assert "runs: 12 and 4" in fewer.stderr
