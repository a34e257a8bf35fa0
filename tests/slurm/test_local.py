import os
import signal
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("submitit")

from hydra_plugins.quantmia_slurm import local
from hydra_plugins.quantmia_slurm.local import LocalLauncher, _inherited, _stop
from quantmia.errors import Refused
from quantmia.progress import Progress
from quantmia.sweep.plan import Job, Plan
from quantmia.sweep.queue import submitted

pytestmark = pytest.mark.slow


def launcher(jobs: Any = 1, threads: Any = None) -> LocalLauncher:
    return LocalLauncher(jobs=jobs, threads=threads, gpus=0, poll_seconds=0.05)


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


def test_what_processes_inherit_is_put_back(monkeypatch):
    monkeypatch.setenv("QUANTMIA_A", "before")
    monkeypatch.delenv("QUANTMIA_B", raising=False)
    heard = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError), _inherited(QUANTMIA_A="a", QUANTMIA_B="b"):
        assert (os.environ["QUANTMIA_A"], os.environ["QUANTMIA_B"]) == ("a", "b")
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        raise RuntimeError
    assert os.environ["QUANTMIA_A"] == "before"
    assert "QUANTMIA_B" not in os.environ
    assert signal.getsignal(signal.SIGINT) == heard


class Stubborn:
    """A process that ends at the third signal."""

    def __init__(self, number: int):
        self.job_id = str(number)
        self.left = 3

    def done(self) -> bool:
        return self.left == 0


def test_jobs_are_told_until_they_stop(monkeypatch):
    jobs = {10: Stubborn(10), 11: Stubborn(11)}

    def kill(number, which):
        assert which == signal.SIGTERM
        jobs[number].left -= 1
        if number == 11:  # gone meanwhile
            raise ProcessLookupError

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(local.time, "sleep", lambda seconds: None)
    _stop(cast(Any, list(jobs.values())))
    assert [each.left for each in jobs.values()] == [0, 0]


def test_a_job_that_does_not_stop_is_left_alone(monkeypatch):
    told = []
    monkeypatch.setattr(os, "kill", lambda number, which: told.append(number))
    monkeypatch.setattr(local, "STOPPING", 0.02)
    monkeypatch.setattr(local.time, "sleep", lambda seconds: None)
    _stop(cast(Any, [Stubborn(10)]))
    assert set(told) == {10}


def test_jobs_are_run_one_after_another_and_noted(tmp_path, capsys):
    sweep = str(tmp_path)

    def task(number, overrides, folder):
        import os
        from pathlib import Path

        place = Path(sweep, folder)
        place.mkdir()
        if number == 0:
            raise RuntimeError("no")
        (place / "threads").write_text(os.environ["OMP_NUM_THREADS"])
        (place / "manifest.json").write_text('{"state": "finished"}')

    folders = ["seed=0", "seed=1"]
    plan = Plan(tmp_path, (), tuple(Job((each,), each) for each in folders))
    todo = [(number, [each], each) for number, each in enumerate(folders)]
    before = os.environ.get("OMP_NUM_THREADS")
    launcher(jobs=1, threads=3).run(plan, cast(Any, task), todo, Progress())
    assert os.environ.get("OMP_NUM_THREADS") == before
    assert Path(sweep, "seed=1", "threads").read_text() == "3"
    ids = submitted(tmp_path)
    assert list(ids) == folders
    said = capsys.readouterr().err
    log = tmp_path / ".submitit" / f"{ids['seed=0'][0]}_0_log.err"
    assert f"1/2 jobs over: seed=0 did not finish: {log}\n" in said
    assert "2/2 jobs over: seed=1 done\n" in said
    assert "RuntimeError: no" in log.read_text()
