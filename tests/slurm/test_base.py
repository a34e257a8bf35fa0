from pathlib import Path
from typing import Any, cast

import pytest
from hydra.core.utils import JobStatus
from omegaconf import OmegaConf

from hydra_plugins.quantmia_slurm.base import JobLauncher, how_it_ended, refuse
from quantmia.errors import QuantmiaError, Refused
from quantmia.sweep.plan import Job, Plan

SEEDS = [f"seed={seed}" for seed in range(3)]


class Recording(JobLauncher):
    """Submits nothing."""

    def __init__(self):
        self.calls = []

    def run(self, plan, task, todo, progress):
        self.calls.append((plan, task, todo))


def launcher(sweep: Path, *done: str) -> Recording:
    """Of a sweep of three jobs, of which some are done."""
    jobs = tuple(Job((seed,), seed) for seed in SEEDS)
    Plan(sweep, ("seed=0,1,2",), jobs, frozenset(done)).write()
    made = Recording()
    config = OmegaConf.create({"hydra": {"sweep": {"dir": str(sweep)}}})
    made.setup(hydra_context=cast(Any, "context"), task_function=print, config=config)
    return made


def test_what_is_not_done_is_submitted(tmp_path):
    made = launcher(tmp_path, "seed=1")
    overrides = [[seed, "resume=true"] for seed in SEEDS]
    returned = made.launch(overrides, initial_job_idx=5)
    ((plan, task, todo),) = made.calls
    assert todo == [
        (number, [f"seed={seed}", "resume=true"], f"seed={seed}")
        for number, seed in ((5, 0), (7, 2))
    ]
    assert plan.path == tmp_path
    assert (task.context, task.function, task.grace) == ("context", print, None)
    assert task.sweep == str(tmp_path)
    assert [each.status for each in returned] == [JobStatus.COMPLETED] * 3


def test_when_all_is_done_nothing_is_submitted(tmp_path):
    made = launcher(tmp_path, *SEEDS)
    assert len(made.launch([[seed] for seed in SEEDS], 0)) == 3
    assert made.calls == []


def test_jobs_find_their_sweep_from_wherever_they_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = launcher(Path("sweep"))
    made.launch([["seed=0"]], 0)
    ((_, task, todo),) = made.calls
    assert task.sweep == str(tmp_path / "sweep")
    assert todo == [(0, ["seed=0"], "seed=0")]


def refused(faults: list[str], **numbers: Any) -> str:
    with pytest.raises(Refused) as caught:
        refuse(faults, **numbers)
    assert isinstance(caught.value.error, QuantmiaError)
    return str(caught.value)


def test_settings_that_can_be():
    refuse([])
    refuse([], jobs=1, threads=16)


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", None])
def test_settings_that_cannot_be(value):
    said = f"hydra.launcher.jobs={value}: has to be an integer of 1 or more"
    assert refused([], jobs=value, threads=1) == said


def test_all_that_is_wrong_is_said_at_once():
    assert refused(["no srun"], jobs=0, threads=1, mem="x") == (
        "no srun; hydra.launcher.jobs=0: has to be an integer of 1 or more; hydra.launcher.mem=x: "
        "has to be an integer of 1 or more"
    )


def test_how_a_job_ended_is_read_in_its_folder(tmp_path):
    plan = Plan(tmp_path, (), (Job(("seed=0",), "seed=0"),))
    log = tmp_path / "log.err"
    assert how_it_ended(plan, "seed=0", log) == f"did not finish: {log}"
    (tmp_path / "seed=0").mkdir()
    for state, said in (("running", f"did not finish: {log}"), ("finished", "done")):
        (tmp_path / "seed=0" / "manifest.json").write_text(f'{{"state": "{state}"}}')
        assert how_it_ended(plan, "seed=0", log) == said
