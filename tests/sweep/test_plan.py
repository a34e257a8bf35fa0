import pytest

from quantmia.errors import FolderError
from quantmia.sweep.plan import Job, Plan, is_sweep, joined, read_plan, what_runs


def plan(path, *folders, command=("seed=0,1",)):
    return Plan(path, command, tuple(Job((folder,), folder) for folder in folders))


def test_a_plan_is_read_as_it_was_written(tmp_path):
    wanted = plan(tmp_path / "new", "seed=0", "seed=1")
    assert not is_sweep(wanted.path)
    wanted.write()
    assert is_sweep(wanted.path)
    assert read_plan(wanted.path) == wanted
    assert wanted.folder(wanted.jobs[1]) == tmp_path / "new" / "seed=1"


def test_jobs_of_before_are_not_forgotten(tmp_path):
    plan(tmp_path, "seed=0", "seed=1").write()
    both = joined(plan(tmp_path, "seed=1", "seed=2", command=("seed=1,2",)))
    assert [job.folder for job in both.jobs] == ["seed=0", "seed=1", "seed=2"]
    assert both.command == ("seed=0,1",)
    more = joined(plan(tmp_path, "seed=0", "seed=1", command=("runs=9", "seed=0,1")))
    assert more.command == ("runs=9", "seed=0,1")


def test_what_says_how_is_not_part_of_what():
    arguments = ["-m", "--multirun", "resume=true", "hydra.sweep.dir=x", "+resume=false", "seed=1"]
    assert what_runs(arguments) == ("seed=1",)


@pytest.mark.parametrize("content", ["", "[]", '{"jobs": []}', '{"command": [], "jobs": [1]}'])
def test_a_damaged_plan_is_one_message(tmp_path, content):
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(FolderError, match="cannot be read"):
        read_plan(tmp_path)


def test_no_plan_is_one_message(tmp_path):
    with pytest.raises(FolderError, match="name the folder of a sweep"):
        read_plan(tmp_path)
