import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, cast

import joblib  # noqa: F401  # it adds to the environment as it is imported
import pytest

from hydra_plugins.quantmia_slurm import local
from hydra_plugins.quantmia_slurm.local import LocalLauncher, _stop
from quantmia.errors import Refused
from quantmia.progress import Progress
from quantmia.sweep.plan import Job, Plan
from quantmia.sweep.queue import submitted

pytestmark = pytest.mark.slow


def launcher(jobs: Any = 1, threads: Any = None, gpus: int = 0) -> LocalLauncher:
    return LocalLauncher(jobs=jobs, threads=threads, gpus=gpus)


def test_the_cores_are_divided_among_the_jobs(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    assert launcher(jobs=2).threads == 4
    assert launcher(jobs=3).threads == 2
    assert launcher(jobs=100).threads == 1
    assert launcher(jobs=2, threads=3).threads == 3


def test_a_job_may_take_as_long_as_it_does():
    assert launcher().grace() is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"jobs": 0}, "hydra.launcher.jobs=0: has to be an integer of 1 or more"),
        ({"jobs": "two"}, "hydra.launcher.jobs=two: has to be an integer of 1 or more"),
        ({"threads": 0}, "hydra.launcher.threads=0: has to be an integer of 1 or more"),
        ({"threads": 1.5}, "hydra.launcher.threads=1.5: has to be an integer of 1 or more"),
    ],
)
def test_settings_that_cannot_be(settings, said):
    with pytest.raises(Refused) as caught:
        launcher(**settings)
    assert str(caught.value) == said


class Stubborn:
    """Jobs that end at the third signal; one of them starts only when the first is told."""

    def __init__(self, *numbers: int, late: int | None = None):
        self.left = dict.fromkeys(numbers, 3)
        self.running, self.late = set(numbers), late

    @property
    def is_busy(self) -> bool:
        return bool(self.running) or self.late is not None

    def kill(self, number: int, which: int) -> None:
        assert which == signal.SIGTERM
        assert self.left[number]  # never one that has ended
        self.left[number] -= 1
        if number == 11:  # gone meanwhile
            raise ProcessLookupError

    def ended(self, seconds: float) -> None:
        self.running = {number for number in self.running if self.left[number]}
        if self.late is not None:
            self.left[self.late] = 3
            self.running.add(self.late)
            self.late = None


def test_jobs_are_told_until_they_stop(monkeypatch):
    jobs = Stubborn(10, 11, late=12)
    monkeypatch.setattr(os, "kill", jobs.kill)
    _stop(cast(Any, jobs))
    assert jobs.left == {10: 0, 11: 2, 12: 0}
    assert not jobs.is_busy


def test_a_job_that_does_not_stop_is_left_alone(monkeypatch):
    told = []
    monkeypatch.setattr(os, "kill", lambda number, which: told.append(number))
    monkeypatch.setattr(local, "STOPPING", 0.02)
    _stop(cast(Any, Stubborn(10)))
    assert set(told) == {10}


def run(path: Path, task: Any, folders: list[str], **settings: Any) -> dict[str, list[str]]:
    """The ids of the jobs of a sweep, by their folders."""
    plan = Plan(path, (), tuple(Job((each,), each) for each in folders))
    todo = [(number, [each], each) for number, each in enumerate(folders)]
    launcher(**settings).run(plan, task, todo, Progress())
    return submitted(path)


def test_jobs_are_run_one_after_another_and_noted_and_what_they_import_is_there(tmp_path, capsys):
    def task(number, overrides, folder):
        there = set(sys.modules)
        import scipy.stats

        import quantmia.pipeline.run

        assert {quantmia.pipeline.run.__name__, scipy.stats.__name__} <= there
        assert not threading.active_count() > 1
        place = tmp_path / folder
        place.mkdir()
        if number == 0:
            raise RuntimeError("no")
        found = {key: os.environ[key] for key in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")}
        (place / "found").write_text(json.dumps(found | {"overrides": overrides}))
        (place / "manifest.json").write_text('{"state": "finished"}')

    before = dict(os.environ)
    ids = run(tmp_path, task, ["seed=0", "seed=1"], jobs=1, threads=3, gpus=2)
    assert os.environ == before
    assert json.loads((tmp_path / "seed=1" / "found").read_text()) == {
        "OMP_NUM_THREADS": "3", "CUDA_VISIBLE_DEVICES": "0,1", "overrides": ["seed=1"]
    }  # fmt: skip
    assert list(ids) == ["seed=0", "seed=1"]
    said = capsys.readouterr().err
    log = tmp_path / ".jobs" / f"{ids['seed=0'][0]}_0_log.err"
    assert f"1/2 jobs over: seed=0 did not finish: {log}\n" in said
    assert "2/2 jobs over: seed=1 done\n" in said
    assert "RuntimeError: no" in log.read_text()


def test_when_nobody_starts_jobs_any_more_it_says_so(tmp_path):
    def task(number, overrides, folder):
        os.kill(os.getppid(), signal.SIGKILL)

    with pytest.raises(Refused, match="the process that starts the jobs was killed"):
        run(tmp_path, task, ["seed=0", "seed=1"])
