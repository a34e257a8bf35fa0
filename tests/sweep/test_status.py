import json
import os
import stat

from filelock import FileLock

from quantmia.sweep import queue
from quantmia.sweep.plan import Job, Plan
from quantmia.sweep.status import record_failure, standings

JOB = Job(("seed=0",), "seed=0")


def manifest(folder, state, runs=4):
    folder.mkdir(exist_ok=True)
    config = {"shard": 1, "shards": 2, "training": {"stack": 1}}
    content = {"state": state, "runs": runs, "config": config}
    (folder / "manifest.json").write_text(json.dumps(content))
    (folder / "scores").mkdir()
    (folder / "scores" / "run-0001.safetensors").touch()


def standing(tmp_path):
    return standings(Plan(tmp_path, (), (JOB,)))[0]


def test_nothing_there_is_missing(tmp_path):
    found = standing(tmp_path)
    assert (found.state, found.runs, found.planned) == ("missing", 0, 0)


def test_a_finished_folder_is_done_and_counts_its_own_runs(tmp_path):
    manifest(tmp_path / "seed=0", "finished")
    found = standing(tmp_path)
    assert (found.state, found.runs, found.planned) == ("done", 1, 2)


def test_a_folder_that_is_held_is_running(tmp_path):
    manifest(tmp_path / "seed=0", "running")
    with FileLock(tmp_path / "seed=0" / ".lock"):
        assert standing(tmp_path).state == "running"
    found = standing(tmp_path)
    assert (found.state, found.why) == ("failed", "killed")


def test_a_failure_says_why(tmp_path):
    record_failure(tmp_path / "seed=0", "Traceback\n  ...\nValueError: no")
    found = standing(tmp_path)
    assert (found.state, found.why) == ("failed", "ValueError: no")
    assert found.log == tmp_path / "seed=0" / "failure.txt"


def squeue(tmp_path, monkeypatch, answer, code=0):
    """A squeue that answers so."""
    program = tmp_path / "bin" / "squeue"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\nprintf '{answer}'\nexit {code}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def test_slurm_has_a_word(tmp_path, monkeypatch):
    queue.note_submitted(tmp_path, {"7_0": "seed=0"})
    queue.note_submitted(tmp_path, {"8": "seed=0"})
    assert queue.submitted(tmp_path) == {"seed=0": ["7_0", "8"]}
    squeue(tmp_path, monkeypatch, "8 PENDING Nodes required for job are DOWN\\n9 RUNNING None\\n")
    assert queue.in_queue() == {
        "8": ("PENDING", "Nodes required for job are DOWN"),
        "9": ("RUNNING", "None"),
    }
    found = standing(tmp_path)
    assert (found.state, found.why) == ("pending", "Nodes required for job are DOWN")
    squeue(tmp_path, monkeypatch, "8 RUNNING None\\n")
    assert standing(tmp_path).state == "running"
    squeue(tmp_path, monkeypatch, "")
    found = standing(tmp_path)
    assert (found.state, found.why) == ("failed", "killed")


def test_a_silent_slurm_is_not_an_empty_queue(tmp_path, monkeypatch):
    squeue(tmp_path, monkeypatch, "", code=1)
    assert queue.in_queue() is None
    monkeypatch.setenv("PATH", "")
    assert queue.in_queue() is None
