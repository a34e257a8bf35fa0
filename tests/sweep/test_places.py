import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmia.sweep.places import run_dir, slug, sweep_dir
from quantmia.sweep.plan import Plan


@given(st.text(max_size=200))
def test_a_slug_is_a_folders_name(text):
    name = slug(text)
    assert name
    assert not name.startswith(".")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=.,_+-")
    assert len(name) <= 89


@given(st.text("ab/_", min_size=70, max_size=90), st.text("ab/_", min_size=70, max_size=90))
def test_slugs_of_other_overrides_differ(a, b):
    assert (slug(a) == slug(b)) == (a == b)


def test_short_overrides_stay_as_they_are():
    assert slug("seed=0,shard=3") == "seed=0,shard=3"
    assert slug("quantizer=[sign,uniform_4]") == "quantizer=sign,uniform_4"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_resume_takes_the_newest_sweep_of_the_same_command(here):
    for day, command in (("01", ("seed=0,1",)), ("02", ("seed=0,1",)), ("03", ("seed=2,3",))):
        Plan(here / "outputs" / "sweeps" / f"2026-01-{day}", command, ()).write()
    arguments = ["-m", "seed=0,1", "resume=true"]
    assert sweep_dir(True, arguments) == "outputs/sweeps/2026-01-02"
    assert sweep_dir(True, ["seed=7"]) not in ("outputs/sweeps/2026-01-02", "")
    fresh = sweep_dir(False, arguments)
    assert not (here / fresh).exists()


def test_two_within_a_second_differ(here):
    first = sweep_dir(False, [])
    (here / first).mkdir(parents=True)
    assert sweep_dir(False, []) != first


def test_resume_takes_the_newest_run_that_is_not_finished(here):
    for day, state in (("01", "running"), ("02", "finished"), ("03", "finished")):
        folder = here / "outputs" / "x" / f"2026-01-{day}_00-00-00"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"state": state}))
    assert run_dir("x", True) == "outputs/x/2026-01-01_00-00-00"
    assert run_dir("y", True).startswith("outputs/y/")
    (here / "outputs" / "x" / "2026-01-01_00-00-00" / "manifest.json").write_text("[]")
    assert run_dir("x", True) == "outputs/x/2026-01-01_00-00-00"


def test_resume_takes_the_newest_unfinished_folder(here):
    states = {"2026-01-01_00-00-00": "running", "2026-01-02_00-00-00": "finished"}
    for folder, state in states.items():
        path = here / "outputs" / "a" / folder
        path.mkdir(parents=True)
        (path / "manifest.json").write_text(f'{{"state": "{state}"}}')
    first, second = (f"outputs/a/{folder}" for folder in states)
    assert run_dir("a", True) == first
    (here / first / "manifest.json").write_text('{"state": "finished"}')
    assert run_dir("a", True) == second
    (here / first / "manifest.json").unlink()
    assert run_dir("a", True) == first
    assert run_dir("a", False) not in (first, second)
    assert run_dir("b", True).startswith("outputs/b/")
