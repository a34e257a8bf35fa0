from pathlib import Path

import pytest
from filelock import FileLock

from quantmia.errors import FolderError
from quantmia.runs.folder import RunFolder
from tests.runs.test_folder import MODEL, files, folder


def test_the_lock_makes_the_folder_and_ends_with_the_block(tmp_path):
    made = RunFolder(tmp_path / "deep" / "out")
    with made.lock():
        kinds = {path.name for path in made.path.iterdir() if path.is_dir()}
        assert kinds == {"losses", "scores", "models"}
    with made.lock():
        pass


def test_a_folder_that_another_process_holds_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    made = folder(tmp_path)
    with FileLock(tmp_path / ".lock"):
        with pytest.raises(FolderError) as refused, RunFolder(tmp_path).lock():
            pytest.fail("went on")
        assert str(refused.value) == (
            f"hydra.run.dir: another process is writing {tmp_path}; wait for it or choose another "
            "folder."
        )
    with made.lock():
        pass


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(FolderError, match="cannot be written"), RunFolder(path).lock():
            pass


class FailedError(Exception):
    pass


def failing(path: Path, *, manifest: bool = False, file: str | None = None) -> None:
    """A job that ends before it has written a run."""
    made = RunFolder(path)
    with pytest.raises(FailedError), made.lock():
        (path / ".hydra").mkdir()
        (path / "quantmia.log").touch()
        if manifest:
            made.write_manifest({})
        if file:
            (path / file).touch()
        raise FailedError


def test_a_job_that_never_began_leaves_no_folder(tmp_path):
    failing(tmp_path / "outputs" / "mine" / "now")
    assert list(tmp_path.iterdir()) == []


def test_what_others_put_there_stays(tmp_path, monkeypatch):
    failing(tmp_path / "outputs" / "mine" / "begun", manifest=True)
    failing(tmp_path / "notes", file="notes.log")
    failing(tmp_path / "outputs" / "mine" / "now")
    assert (tmp_path / "outputs" / "mine" / "begun" / "manifest.json").exists()
    assert (tmp_path / "notes" / "notes.log").exists()
    assert not (tmp_path / "outputs" / "mine" / "now").exists()
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    failing(here)
    assert here.exists()


def test_who_is_refused_removes_nothing_of_the_one_at_work(tmp_path):
    made = RunFolder(tmp_path / "out")
    with made.lock():
        with pytest.raises(FolderError, match="another process"), RunFolder(made.path).lock():
            pass
        made.write_run(0, files(), MODEL)
    assert made.is_done(0)
