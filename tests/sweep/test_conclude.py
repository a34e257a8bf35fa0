import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from quantmia.cli.__main__ import main
from quantmia.errors import FolderError
from quantmia.progress import Progress
from quantmia.sweep.conclude import conclude, rankings
from quantmia.sweep.plan import Job, Plan, read_plan
from quantmia.sweep.status import record_failure, show_status, standings

pytestmark = pytest.mark.slow

TINY = [
    "+experiment=synthetic",
    "dataset.size=60",
    "dataset.dimension=4",
    "runs=4",
    "training.epochs=2",
    "ranking.bootstrap=20",
    "ranking.halves=5",
    "attack=[loss_threshold]",
    "quantizer=[full_precision,sign]",
]
SWEEP = ["run", "-m", *TINY, "seed=0,1", "hydra.sweep.dir=sweep"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder with a sweep of two jobs."""
    where = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        patch.syspath_prepend(where)
        patch.delenv("QUANTMIA_CACHE", raising=False)
        assert main(SWEEP) == 0
    return where


@pytest.fixture
def plan(finished, tmp_path, monkeypatch, capsys) -> Plan:
    """The same, of one's own."""
    shutil.copytree(finished / "sweep", tmp_path / "sweep")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for path in (tmp_path / "sweep").glob("ranking.*"):
        path.unlink()
    capsys.readouterr()
    return read_plan(Path("sweep"))


def with_job(plan: Plan, override: str) -> Plan:
    """With one more job, which was not started."""
    return replace(plan, jobs=(*plan.jobs, Job((*TINY, override), override)))


def with_group(plan: Plan) -> Plan:
    """With one more job, whose runs are those of the first under another setting."""
    more = with_job(plan, "ranking.bootstrap=21")
    folder = plan.path / "ranking.bootstrap=21"
    shutil.copytree(plan.folder(plan.jobs[0]), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["config"]["ranking"]["bootstrap"] = 21
    (folder / "manifest.json").write_text(json.dumps(manifest))
    own = more.jobs[-1]
    overrides = tuple(each for each in own.overrides if each != "ranking.bootstrap=20")
    return replace(more, jobs=(*plan.jobs, replace(own, overrides=overrides)))


def test_jobs_that_add_up_are_one_ranking(plan, tmp_path, capsys):
    assert conclude(plan, tmp_path / "cache", Progress()) == 0
    ranking = pd.read_csv(plan.path / "ranking.csv")
    assert set(ranking["runs"]) == {8}
    assert sorted(ranking["quantizer"]) == ["full_precision", "sign"]
    assert "group" not in ranking.columns
    assert not (plan.path / "merged").exists()
    assert "leaks least" in capsys.readouterr().out
    assert rankings(plan) == {"sweep": plan.path}


def test_groups_are_ranked_apart_and_shown_together(plan, tmp_path, capsys):
    two = with_group(plan)
    assert conclude(two, tmp_path / "cache", Progress()) == 0
    together = pd.read_csv(plan.path / "ranking.csv")
    assert together.columns[0] == "group"
    merged, alone = (
        together[together["group"] == f"ranking.bootstrap={count}"] for count in (20, 21)
    )
    assert len(merged) + len(alone) == len(together)
    assert (set(merged["runs"]), set(alone["runs"])) == ({8}, {4})
    places = rankings(two)
    assert places == {
        "ranking.bootstrap=20": plan.path / "merged" / "ranking.bootstrap=20",
        "ranking.bootstrap=21": plan.path / "ranking.bootstrap=21",
    }
    for label, ours in (("ranking.bootstrap=20", merged), ("ranking.bootstrap=21", alone)):
        its = pd.read_csv(places[label] / "ranking.csv")
        assert list(its["quantizer"]) == list(ours["quantizer"])
    shown = capsys.readouterr().out
    for words in (
        "ranking.bootstrap=20 (2 jobs)",
        "ranking.bootstrap=21 (1 job)",
        f"Files: {plan.path / 'ranking.csv'}, and of each group:",
        f"  ranking.bootstrap=21: {plan.path / 'ranking.bootstrap=21'}",
    ):
        assert words in shown


def test_a_job_that_failed_is_named_with_its_reason_and_the_rest_is_ranked(plan, tmp_path, capsys):
    more = with_job(with_job(plan, "seed=2"), "seed=3")
    record_failure(plan.path / "seed=2", "error: no such column")
    assert conclude(more, tmp_path / "cache", Progress()) == 1
    assert set(pd.read_csv(plan.path / "ranking.csv")["runs"]) == {8}
    error = capsys.readouterr().err
    assert "2 of 4 jobs did not finish:\n" in error
    assert "  seed=2: failed: error: no such column\n    sweep/seed=2/failure.txt\n" in error
    assert "  seed=3: missing\n" in error
    *_, command = error.strip().splitlines()
    assert command.strip().startswith("quantmia run -m +experiment=synthetic dataset.size=60 ")
    assert command.endswith(" seed=0,1 hydra.sweep.dir=sweep resume=true")


def test_a_job_that_was_killed_says_how_far_it_came(plan, tmp_path, capsys):
    folder = plan.folder(plan.jobs[1])
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"state": "running"}))
    for run in (2, 3):
        (folder / "scores" / f"run-{run:04d}.safetensors").unlink()
    assert conclude(plan, tmp_path / "cache", Progress()) == 1
    assert set(pd.read_csv(plan.path / "ranking.csv")["runs"]) == {4}
    error = capsys.readouterr().err
    assert "1 of 2 jobs did not finish:\n  seed=1: failed after 2 of 4 runs: killed\n" in error


def test_when_nothing_finished_all_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    nothing = Plan(Path("sweep"), ("seed=0,1",), (Job(("seed=0",), "seed=0"),))
    nothing.write()
    assert conclude(nothing, tmp_path / "cache", Progress()) == 1
    assert [path.name for path in (tmp_path / "sweep").iterdir()] == ["sweep.json"]
    assert "1 of 1 jobs did not finish:\n  seed=0: missing\n" in capsys.readouterr().err
    with pytest.raises(FolderError, match="sweep: no job has finished; 'quantmia status sweep'"):
        rankings(nothing)


def test_a_group_that_cannot_be_ranked_does_not_stop_the_others(plan, tmp_path, capsys):
    two = with_group(plan)
    (plan.path / "seed=1" / "losses" / "run-0002.safetensors").unlink()
    assert conclude(two, tmp_path / "cache", Progress()) == 1
    assert "error: ranking.bootstrap=20: " in capsys.readouterr().err
    ranking = pd.read_csv(plan.path / "ranking.csv")
    assert set(ranking["group"]) == {"ranking.bootstrap=21"}


def test_groups_of_one_label_are_told_apart_by_their_folders(plan):
    two = with_group(plan)
    nameless = tuple(replace(job, overrides=("+experiment=x",)) for job in two.jobs)
    places = rankings(replace(two, jobs=nameless))
    assert len(places) == 2


def test_the_status_of_jobs(plan, capsys):
    more = with_job(with_job(plan, "seed=2"), "seed=3")
    record_failure(plan.path / "seed=2", "error: no such column")
    show_status(more, standings(more))
    shown = capsys.readouterr().out
    assert "2 done, 1 failed, 1 missing\n" in shown
    rows = {line.split("│")[1].strip(): line for line in shown.splitlines() if "│" in line}
    assert "4/4" in rows["seed=0"]
    assert "done" in rows["seed=1"]
    assert "error: no such column" in rows["seed=2"]
    assert "missing" in rows["seed=3"]
    assert "To run what is left:\n  quantmia run -m " in shown
    assert "The ranking of what is done:\n  quantmia rank sweep\n" in shown


def test_the_status_of_a_sweep_that_is_done_has_nothing_left_to_run(plan, capsys):
    show_status(plan, standings(plan))
    shown = capsys.readouterr().out
    assert "2 done\n" in shown
    assert "what is left" not in shown


def test_a_sweep_that_is_done_trains_nothing_again(plan, capsys):
    before = {path: path.stat().st_mtime_ns for path in plan.path.glob("seed=*/*/*.safetensors")}
    assert before
    assert main([*SWEEP, "resume=true"]) == 0
    assert read_plan(Path("sweep")).done == {"seed=0", "seed=1"}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    error = capsys.readouterr().err
    assert "training:" not in error
    assert "seed=1: finished before" in error
    assert set(pd.read_csv(plan.path / "ranking.csv")["runs"]) == {8}
