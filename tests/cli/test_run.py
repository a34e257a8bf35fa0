import json
import os
import sys

import pytest
import yaml

from quantmia.cli.__main__ import main
from quantmia.cli.run import _in_order

pytestmark = pytest.mark.slow

FAILING = """
import os
from quantmia.errors import DataError

def breaks():
    raise RuntimeError("the dataset broke")
def mistaken():
    raise DataError("no such column")
def told():
    os.kill(os.getpid(), 15)
def interrupted():
    raise KeyboardInterrupt
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    monkeypatch.setattr(sys, "argv", ["theirs", "--x"])
    (tmp_path / "failing_datasets.py").write_text(FAILING)
    (tmp_path / "my" / "dataset").mkdir(parents=True)
    for name in ("breaks", "mistaken", "told", "interrupted"):
        (tmp_path / "my" / "dataset" / f"{name}.yaml").write_text(
            f"_target_: failing_datasets.{name}\n"
        )
    yield tmp_path
    assert sys.argv == ["theirs", "--x"]


def failing(name: str) -> list[str]:
    return ["run", "--config-dir", "my", f"dataset={name}", "hydra.run.dir=out"]


def test_a_failure_of_ours_has_its_traceback(capfd):
    assert main(failing("breaks")) == 1
    error = capfd.readouterr().err
    assert error.count("RuntimeError: the dataset broke") == 1
    assert "Traceback" in error
    assert "failing_datasets.py" in error
    assert "Error executing job" not in error
    assert "HYDRA_FULL_ERROR" not in os.environ


def test_a_mistake_is_one_message(capfd):
    assert main(failing("mistaken")) == 2
    assert capfd.readouterr().err == "error: no such column\n"
    assert "HYDRA_FULL_ERROR" not in os.environ


@pytest.mark.parametrize(("name", "code"), [("told", 143), ("interrupted", 130)])
def test_a_job_that_is_stopped_says_how_to_go_on(name, code, capfd):
    assert main(failing(name)) == code
    error = capfd.readouterr().err
    assert "what was finished is kept. To go on:" in error
    assert f"quantmia run dataset={name} " in error
    assert "hydra.run.dir=" in error
    assert "resume=true" in error
    assert "Traceback" not in error
    assert "HYDRA_FULL_ERROR" not in os.environ


def test_a_failed_job_of_a_sweep_is_named_with_its_reason(here, capfd):
    (here / "my" / "experiment").mkdir()
    command = ["run", "-m", "--config-dir", "my", "hydra.sweep.dir=sweep"]
    assert main([*command, "dataset=mistaken", "seed=0,1"]) == 1
    error = capfd.readouterr().err
    assert "Traceback" not in error
    assert "2 of 2 jobs did not finish:" in error
    assert "  seed=0: failed: error: no such column\n" in error
    assert (here / "sweep" / "seed=1" / "failure.txt").read_text() == "error: no such column\n"
    assert main([*command, "dataset=breaks", "seed=0", "resume=true"]) == 1
    error = capfd.readouterr().err
    assert "failed: RuntimeError: the dataset broke" in error
    jobs = json.loads((here / "sweep" / "sweep.json").read_text())["jobs"]
    failures = [(here / "sweep" / job["folder"] / "failure.txt").read_text() for job in jobs]
    assert any("Traceback" in each for each in failures)


def test_hydras_own_errors_can_be_asked_for(monkeypatch, capfd):
    assert main(["run", "trainig.lr=1"]) == 2
    assert "Traceback" not in capfd.readouterr().err
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    assert main(["run", "trainig.lr=1"]) == 1
    error = capfd.readouterr().err
    assert "Traceback" in error
    assert "ConfigCompositionException" in error
    assert os.environ["HYDRA_FULL_ERROR"] == "1"


def configuration(capsys, *overrides: str) -> dict:
    assert main(["run", *overrides]) == 0
    return yaml.safe_load(capsys.readouterr().out)


def test_flags_stand_anywhere_among_overrides(here, capsys):
    for words in (
        ["--cfg", "job", "seed=3", "runs=4"],
        ["seed=3", "--cfg", "job", "runs=4"],
        ["seed=3", "runs=4", "--cfg", "job"],
        ["seed=3", "--cfg", "job", "--config-dir", "my", "runs=4"],
    ):
        config = configuration(capsys, *words)
        assert (config["seed"], config["runs"]) == (3, 4)
    assert sorted(path.name for path in here.iterdir()) == ["failing_datasets.py", "my"]


def test_flags_of_sweeps_too(capsys):
    assert main(["run", "seed=0,-1", "-m", "runs=0"]) == 2
    assert "2 faults" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "ordered"),
    [
        (["a=1", "-m", "b=2"], ["-m", "a=1", "b=2"]),
        (["+a=1", "--cfg", "job", "++c=1"], ["--cfg", "job", "+a=1", "++c=1"]),
        (["a@b=1", "-c", "job", "a/b@c.d=e"], ["-c", "job", "a@b=1", "a/b@c.d=e"]),
        (["report=true", "seed=1"], ["report=true", "seed=1"]),
        (["report=true", "report.page=true"], ["report.page=true"]),
        (["report.page=true", "report=false"], ["report.page=true", "report.page=false"]),
        (["report=false", "--verbose"], ["report.page=false", "report.verbose=true"]),
        (["seed=1", "--verbose"], ["seed=1", "report.verbose=true"]),
        (["report=true", "--verbose"], ["report.page=true", "report.verbose=true"]),
        ([], []),
    ],
)
def test_the_order_that_hydra_reads(given, ordered):
    assert _in_order(given) == ordered


def test_verbose_is_a_flag(capsys):
    assert configuration(capsys, "--verbose", "--cfg", "job")["report"]["verbose"] is True
    both = configuration(capsys, "report=true", "--verbose", "--cfg", "job")["report"]
    assert both == {"page": True, "expose_samples": False, "verbose": True}


def test_the_page_is_wanted_in_either_way(capsys):
    both = ["report=true", "report.expose_samples=true"]
    for words in (both, both[::-1], both[1:]):
        report = configuration(capsys, *words, "--cfg", "job")["report"]
        assert report["expose_samples"] is True
    assert configuration(capsys, "report=true", "--cfg", "job")["report"] is True
