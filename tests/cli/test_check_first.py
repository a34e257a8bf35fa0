import json
import os
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from quantmia.cli.__main__ import main
from quantmia.cli.check_first import CheckFirst
from quantmia.cli.resolvers import prepare
from quantmia.config.places import conf_dir
from quantmia.config.schema import recorded
from quantmia.errors import ConfigError, Refused
from quantmia.sweep.plan import Job, Plan, read_plan
from tests.configurations import configured

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    yield tmp_path
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


def faults(capsys, *overrides: str) -> list[str]:
    """Of a call that is refused."""
    assert main(["run", *overrides]) == 2
    first, *lines = capsys.readouterr().err.splitlines()
    if not lines:
        return [first.removeprefix("error: ")]
    listed = [line.removeprefix("  - ") for line in lines if line.startswith("  - ")]
    assert first == f"error: the configuration has {len(listed)} faults; nothing was run."
    return listed


def test_the_faults_of_a_job_are_listed_and_nothing_is_made(here, capsys):
    assert faults(capsys, "runs=0", "seed=-1") == [
        "seed=-1: has to be an integer of 0 or more",
        "runs=0: has to be an integer of 1 or more, or auto",
    ]
    assert list(here.iterdir()) == []


def test_the_faults_of_all_jobs_are_listed_once_and_nothing_is_made(here, capsys):
    assert faults(capsys, "-m", "runs=0", "seed=0,-1,-2") == [
        "runs=0: has to be an integer of 1 or more, or auto",
        "seed=-1: has to be an integer of 0 or more",
        "seed=-2: has to be an integer of 0 or more",
    ]
    assert list(here.iterdir()) == []


def test_what_an_experiment_varies_is_checked_too(here, capsys):
    (here / "my" / "experiment").mkdir(parents=True)
    (here / "my" / "experiment" / "varied.yaml").write_text(
        "# @package _global_\nhydra:\n  sweeper:\n    params:\n      seed: 0,-1\n"
    )
    found = faults(capsys, "-m", "--config-dir", "my", "+experiment=varied")
    assert found == ["seed=-1: has to be an integer of 0 or more"]


def test_a_job_that_does_not_compose_is_explained(capsys):
    (fault,) = faults(capsys, "-m", "quantizer=sign,sgn")
    assert "there is no quantizer sgn; did you mean sign?" in fault


def test_a_name_chosen_twice_in_one_job(here, capsys):
    found = faults(capsys, "-m", "quantizer=[sign,sign],[uniform_2]")
    assert len(found) == 1
    assert found[0].endswith(": sign is chosen twice")
    assert list(here.iterdir()) == []


def test_two_jobs_that_are_equal(here, capsys):
    assert faults(capsys, "-m", "seed=1,1,0", "hydra.sweep.dir=sweep") == [
        "seed=1: two jobs of the sweep are the same"
    ]
    assert list(here.iterdir()) == []


def test_two_jobs_whose_folders_would_be_equal(capsys):
    (fault,) = faults(capsys, "-m", 'name="a b","ab"', "hydra.sweep.dir=sweep")
    assert fault.startswith("name=ab: the jobs name=")
    assert fault.endswith("would have the same folder; rename one")


def test_a_folder_that_holds_a_sweep_is_gone_on_with_only_when_asked_to(here, capsys):
    Plan(here / "sweep", ("seed=3",), (Job(("seed=3",), "seed=3"),)).write()
    before = (here / "sweep" / "sweep.json").read_bytes()
    (fault,) = faults(capsys, "-m", "seed=0,1", "hydra.sweep.dir=sweep")
    assert fault == (
        "hydra.sweep.dir=sweep holds a sweep already; add resume=true to run what is left of it, "
        "or choose another folder"
    )
    assert (here / "sweep" / "sweep.json").read_bytes() == before
    assert [path.name for path in (here / "sweep").iterdir()] == ["sweep.json"]


def planned(monkeypatch, *overrides: str) -> Plan:
    """What is written of a sweep before anything is launched."""
    monkeypatch.setattr(sys, "argv", ["quantmia", "-m", *overrides])
    prepare()
    fixed = [each for each in overrides if "," not in each]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = compose("config", fixed, return_hydra_config=True)
        config.hydra.overrides.task = list(overrides)
        CheckFirst().on_multirun_start(config)
    return read_plan(Path("sweep"))


SWEEP = ["runs=8", "seed=0,1,2", "hydra.sweep.dir=sweep"]


def test_the_plan_is_written_before_anything_is_launched(here, monkeypatch):
    plan = planned(monkeypatch, *SWEEP)
    assert plan.command == ("runs=8", "seed=0,1,2")
    assert [job.folder for job in plan.jobs] == ["seed=0", "seed=1", "seed=2"]
    assert plan.jobs[1].overrides == ("runs=8", "seed=1")
    assert plan.done == frozenset()
    assert [path.name for path in (here / "sweep").iterdir()] == ["sweep.json"]


def test_jobs_that_are_done_are_noted_in_the_plan(here, monkeypatch):
    for seed, state, runs in ((0, "finished", 8), (1, "finished", 4), (2, "running", 8)):
        config = recorded(configured(f"seed={seed}", f"runs={runs}"))
        config["device"] = "cpu"  # what auto meant there
        folder = here / "sweep" / f"seed={seed}"
        folder.mkdir(parents=True)
        content = {"state": state, "runs": runs, "config": config}
        (folder / "manifest.json").write_text(json.dumps(content))
    assert planned(monkeypatch, *SWEEP).done == {"seed=0"}
    content = json.loads((here / "sweep" / "sweep.json").read_text())
    assert content["done"] == ["seed=0"]


def test_faults_of_a_sweep_are_refused_past_hydra(monkeypatch):
    with pytest.raises(Refused) as refused:
        planned(monkeypatch, "seed=0,-1", "hydra.sweep.dir=sweep")
    assert isinstance(refused.value.error, ConfigError)
    assert not Path("sweep").exists()


@pytest.mark.parametrize(
    ("key", "flags"), [("hydra.run.dir", []), ("hydra.sweep.dir", ["-m", "seed=0,1"])]
)
def test_a_folder_below_a_file(key, flags, here, capsys):
    (here / "taken").touch()
    for place in ("taken", "taken/run"):
        assert faults(capsys, *flags, f"{key}={place}") == [
            f"{key}={here / place}: {here / 'taken'} is a file; choose another folder"
        ]
    assert [path.name for path in here.iterdir()] == ["taken"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
@pytest.mark.parametrize(
    ("key", "flags"), [("hydra.run.dir", []), ("hydra.sweep.dir", ["-m", "seed=0,1"])]
)
def test_a_folder_that_cannot_be_written_to(key, flags, here, capsys):
    (here / "shut").mkdir()
    (here / "shut").chmod(0o555)
    assert faults(capsys, *flags, f"{key}=shut/run") == [
        f"{key}={here / 'shut' / 'run'}: {here / 'shut'} cannot be written to; choose another "
        "folder"
    ]


def test_a_folder_whose_name_is_too_long(here, capsys):
    (fault,) = faults(capsys, f"hydra.run.dir={'x' * 300}")
    assert fault == "hydra.run.dir: cannot be used: File name too long; choose another folder"


def test_a_folder_of_configurations_that_is_not_there(here, capsys):
    (here / "there").mkdir()
    found = faults(capsys, "hydra.searchpath=[nowhere,there,file://there,file://gone]")
    assert found == [
        "hydra.searchpath: there is no folder nowhere",
        "hydra.searchpath: there is no folder file://gone",
    ]


def test_settings_of_our_launchers_are_checked_before_anything_is_made(here, capsys):
    (fault,) = faults(
        capsys, "-m", "seed=0,1", "hydra/launcher=local", "hydra.launcher.jobs=0"
    )  # fmt: skip
    assert fault == "hydra.launcher.jobs=0: has to be an integer of 1 or more"
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["name=${nokey}"], "Interpolation key 'nokey' not found"),
        (["quantizer=[sign,[x]]"], "quantizer=[sign,[x]]: there is no quantizer [x]"),
        (["-m", "seed=range(3,0)"], "seed=range(3,0): a sweep of no jobs"),
        (
            ["hydra.searchpath=[pkg://nowhere]"],
            "hydra.searchpath: there is no folder pkg://nowhere",
        ),
        (["~dataset"], "dataset: has to be given"),
        (["quantization.group_size=0"], "quantization.group_size=0: has to be an integer of 1"),
    ],
)
def test_a_single_mistake_is_a_single_fault(here, capsys, overrides, said):
    (fault,) = faults(capsys, *overrides)
    assert said in fault
    assert list(here.iterdir()) == []
