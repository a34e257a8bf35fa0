import signal
import subprocess
import sys
import time
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.types import HydraContext
from omegaconf import DictConfig

pytest.importorskip("submitit")

from hydra_plugins.quantmia_slurm.task import FRUITLESS, Task
from quantmia.cli.resolvers import prepare
from quantmia.config.places import conf_dir
from quantmia.preemption import Preempted, Stop
from quantmia.sweep.status import FAILURE


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What the job asks of the machine, which is done by nobody."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "argv", ["quantmia", "-m", "seed=0,1"])
    for name in ("SLURM_RESTART_COUNT", "SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    said = []
    monkeypatch.setattr(subprocess, "run", lambda command, **options: said.append(command))
    monkeypatch.setattr(time, "sleep", lambda seconds: said.append(seconds))
    yield said
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


@cache
def _composed() -> DictConfig:
    return compose("config", return_hydra_config=True)


def run(sweep: Path, function, *overrides: str, grace: float | None = None) -> None:
    """A task of the sweep."""
    prepare()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = deepcopy(_composed())
        context = HydraContext(GlobalHydra.instance().config_loader(), Callbacks())
        task = Task(context, function, config, str(sweep), Singleton.get_state(), grace)
        task(3, list(overrides), "its_folder")


class Job:
    """Keeps what it was given, and ends as it was told to."""

    def __init__(self, ends: BaseException | None = None, blocks: int = 0):
        self.ends, self.blocks = ends, blocks
        self.config: Any = None
        self.stop = Stop()

    def __call__(self, config, stop):
        self.config, self.stop = config, stop
        self.hydra = HydraConfig.get()
        stop.blocks_finished += self.blocks
        if self.ends:
            raise self.ends


def test_a_job_has_its_configuration_and_its_folder(tmp_path, asked):
    job = Job()
    run(tmp_path / "sweep", job, "seed=1", "runs=4", grace=7.0)
    assert (job.config.seed, job.config.runs, job.config.resume) == (1, 4, False)
    assert job.stop.grace == 7.0
    assert job.hydra.runtime.output_dir == str(tmp_path / "sweep" / "its_folder")
    assert (job.hydra.job.id, job.hydra.job.num) == ("3", 3)
    assert list(job.hydra.overrides.task) == ["seed=1", "runs=4"]
    assert asked == []


@pytest.mark.parametrize("given", [[], ["resume=false"], ["resume=true"]])
def test_a_job_that_was_restarted_goes_on(given, tmp_path, asked, monkeypatch):
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    job = Job()
    run(tmp_path, job, "seed=1", *given)
    assert job.config.resume is True
    assert job.config.seed == 1


def test_what_a_job_raises_goes_on(tmp_path, asked):
    with pytest.raises(RuntimeError, match="mine"):
        run(tmp_path, Job(RuntimeError("mine")))
    assert asked == []


def stopped(sweep: Path, by: signal.Signals, blocks: int = 0) -> None:
    with pytest.raises(Preempted) as caught:
        run(sweep, Job(Preempted(by), blocks))
    assert caught.value.by == by


def test_before_its_time_limit_a_job_is_requeued(tmp_path, asked, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    stopped(tmp_path, signal.SIGUSR2)
    assert asked[0] == ["scontrol", "requeue", "77"]
    assert asked[1] >= 30  # SLURM ends the process in the meantime
    assert not (tmp_path / "its_folder" / FAILURE).exists()


def test_a_job_of_an_array_is_requeued_by_its_number_there(tmp_path, asked, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "79")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "77")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    stopped(tmp_path, signal.SIGUSR2)
    assert asked[0] == ["scontrol", "requeue", "77_2"]


def test_after_another_signal_it_is_for_slurm_to_say(tmp_path, asked, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    stopped(tmp_path, signal.SIGTERM)
    assert asked == []


def test_without_slurm_nothing_is_requeued(tmp_path, asked):
    stopped(tmp_path, signal.SIGUSR2)
    assert asked == []


@pytest.mark.parametrize(
    ("restarts", "blocks", "requeued"),
    [
        (0, 0, True),
        (FRUITLESS - 1, 0, True),
        (FRUITLESS, 0, False),
        (FRUITLESS + 5, 0, False),
        (FRUITLESS, 1, True),
        (FRUITLESS + 5, 3, True),
    ],
)
def test_a_job_that_finishes_nothing_is_given_up(
    restarts, blocks, requeued, tmp_path, asked, monkeypatch
):
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
    stopped(tmp_path, signal.SIGUSR2, blocks)
    assert bool(asked) == requeued
    failure = tmp_path / "its_folder" / FAILURE
    assert failure.exists() != requeued
    if not requeued:
        assert failure.read_text() == (
            f"error: {restarts + 1} times the job reached its time limit before a block of runs "
            "was finished; raise hydra.launcher.timeout_min or lower training.stack\n"
        )
