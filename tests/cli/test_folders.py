from pathlib import Path

import pytest

from quantmia.cli.__main__ import main
from quantmia.cli.folders import _labelled, cache_folder
from quantmia.sweep.plan import Job, Plan


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUANTMIA_CACHE", raising=False)
    return tmp_path


@pytest.fixture
def sweep(here) -> Path:
    """Two jobs, of which none was started."""
    jobs = tuple(Job((f"seed={seed}",), f"seed={seed}") for seed in (0, 1))
    Plan(here / "sweep", ("seed=0,1",), jobs).write()
    return here / "sweep"


def test_the_cache_is_where_the_user_says(here, monkeypatch):
    assert cache_folder() == here / "outputs" / ".cache"
    monkeypatch.setenv("QUANTMIA_CACHE", "elsewhere")
    assert cache_folder() == here / "elsewhere"
    monkeypatch.setenv("QUANTMIA_CACHE", "")
    assert cache_folder() == here / "outputs" / ".cache"


@pytest.mark.parametrize(
    ("folders", "labels"),
    [
        (["a"], ["a"]),
        (["a/x", "a/y"], ["x", "y"]),
        (["a/x", "b/x"], ["a/x", "b/x"]),
        (["a/x", "b/x", "b/y"], ["a/x", "b/x", "b/y"]),
        (["c/a/x", "c/b/x", "d/b/x"], ["c/a/x", "c/b/x", "d/b/x"]),
        (["a/x", "a/x"], ["x"]),
    ],
)
def test_folders_are_called_by_what_tells_them_apart(folders, labels, here):
    found = _labelled([Path(each) for each in folders])
    assert list(found) == labels
    assert all(path.is_absolute() for path in found.values())
    assert list(found.values()) == [here / each for each in dict.fromkeys(folders)]


def said(capsys, *command: str) -> str:
    assert main(list(command)) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


def test_a_sweep_is_ranked_where_it_is(sweep, capsys):
    expected = (
        "error: sweep is the folder of a sweep: name it alone, without --output, or name the "
        "folders of its jobs.\n"
    )
    assert said(capsys, "rank", "sweep", "--output", "there") == expected
    assert said(capsys, "rank", "sweep", "sweep/seed=0") == expected
    assert said(capsys, "rank", "sweep/seed=0", "sweep") == expected
    assert sorted(path.name for path in sweep.parent.iterdir()) == ["sweep"]


def test_a_sweep_is_reported_alone(sweep, capsys):
    expected = "error: sweep: name the folder of a sweep alone.\n"
    assert said(capsys, "report", "sweep", "other") == expected


def test_a_sweep_without_a_finished_job_has_no_page(sweep, capsys):
    assert said(capsys, "report", "sweep") == (
        "error: sweep: no job has finished; 'quantmia status sweep' says how they stand.\n"
    )


def test_a_sweep_without_a_finished_job_names_all_of_them(sweep, capsys):
    assert main(["rank", "sweep"]) == 1
    error = capsys.readouterr().err
    assert "2 of 2 jobs did not finish:\n  seed=0: missing\n  seed=1: missing\n" in error
    assert "quantmia run -m seed=0,1 hydra.sweep.dir=sweep resume=true" in error


def test_the_status_of_a_sweep(sweep, capsys):
    assert main(["status", "sweep"]) == 0
    shown = capsys.readouterr().out
    assert "2 missing" in shown
    assert "quantmia run -m seed=0,1 hydra.sweep.dir=sweep resume=true" in shown
    assert "name the folder of a sweep" in said(capsys, "status", "sweep/seed=0")


def test_a_comparison_names_no_samples(here, capsys):
    assert said(capsys, "report", "a", "b", "--expose-samples") == (
        "error: --expose-samples: a comparison names no samples; name one folder.\n"
    )


@pytest.mark.parametrize("command", ["rank", "report", "front", "efficiency"])
def test_folders_have_to_be_there(command, here, capsys):
    assert "nowhere does not exist" in said(capsys, command, "nowhere")
    assert "DIR" in said(capsys, command)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "wrong", "text"),
    [
        ("--utility-loss", "1.5", "--utility-loss 1.5: has to be from 0 to below 1."),
        ("--utility-loss", "-0.1", "--utility-loss -0.1: has to be from 0 to below 1."),
        ("--mis", "1", "--mis 1.0: has to be from 0 to below 1."),
        ("--mis", "nan", "--mis nan: has to be from 0 to below 1."),
        ("--mis", "x", "argument --mis: invalid float value: 'x'"),
    ],
)
def test_the_rule_of_a_front_is_checked_before_anything_is_read(option, wrong, text, here, capsys):
    assert text in said(capsys, "front", "nowhere", f"{option}={wrong}")


def test_a_sweep_without_a_finished_job_has_no_front(sweep, capsys):
    assert "no job has finished" in said(capsys, "front", "sweep")


@pytest.mark.parametrize(
    ("option", "wrong", "least"),
    [
        ("--runs", "1", 2),
        ("--runs", "x", 2),
        ("--runs", "4.5", 2),
        ("--draws", "0", 1),
        ("--draws", "", 1),
        ("--reference-runs", "1", 2),
        ("--reference-runs", "None", 2),
        ("--seed", "-1", 0),
        ("--seed", "1e3", 0),
    ],
)
def test_numbers_are_checked_before_anything_is_read(option, wrong, least, here, capsys):
    error = said(capsys, "efficiency", "nowhere", option, wrong)
    assert f"argument {option}: {wrong}: has to be an integer of {least} or more" in error


@pytest.mark.parametrize(
    "options",
    [["--runs", "2", "3"], ["--draws", "1"], ["--reference-runs", "2"], ["--seed", "0"],
     ["--reference", "rmia"]],
)  # fmt: skip
def test_numbers_that_are_right(options, here, capsys):
    assert "nowhere does not exist" in said(capsys, "efficiency", "nowhere", *options)


def test_the_help_of_efficiency_says_what_is_used_otherwise(capsys):
    assert main(["efficiency", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "(default: (4, 8, 12, 20, 40, 80, 150))" in shown
    assert "None: half of them (default: None)" in shown
    assert "(default: lira)" in shown
