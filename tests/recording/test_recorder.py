import os
import random
import signal
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from quantmia.errors import FolderError, OutputsError
from quantmia.recording.plan import Plan
from quantmia.recording.recorder import Recorder
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from tests.end_to_end import warm
from tests.recording import record
from tests.recording.made import RUNS, SAMPLES, outputs, plan, probabilities, target

MEMBERS = plan().members


def recorder(folder: Path, **changes) -> Recorder:
    return Recorder(folder, **{"target": target("regression"), "members": plan()} | changes)


def recorded(
    folder: Path, *variants: str, runs: Iterable[int] = range(RUNS), **changes
) -> Recorder:
    with recorder(folder, **changes) as made:
        for run in runs:
            for variant in variants:
                made.add(run, variant, outputs("regression", run))
    return made


def bits(folder: Path) -> dict[str, bytes]:
    kept = (*folder.glob("*/run-*.safetensors"), folder / "manifest.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


def test_a_folder_holds_what_was_recorded(tmp_path):
    recorded(tmp_path / "mine", "full_precision", "int8")
    folder = RunFolder(tmp_path / "mine")
    assert folder.finished
    merged = merge([folder])
    assert merged.quantizers == ["full_precision", "int8"]
    assert len(merged.runs) == RUNS
    made = recorder(folder.path)
    mean, deviation = made.pool.scale
    for run in merged.runs:
        files = run.read()
        np.testing.assert_array_equal(files.scores["members"], MEMBERS[run.number])
        np.testing.assert_array_equal(files.scores["target"], made.pool.target_of(0))
        raw = outputs("regression", run.number)
        np.testing.assert_allclose(files.scores["int8"], (raw - mean) / deviation, rtol=1e-5)
        assert files.losses == files.releases == {}
        assert 0 < files.meta["quantizers"]["int8"]["utility"]["r2"] < 1


def test_utility_is_of_the_samples_that_a_run_left_out(tmp_path):
    recorded(tmp_path, "full_precision")
    goal = target("regression")
    for run in merge([RunFolder(tmp_path)]).runs:
        out = ~MEMBERS[run.number]
        error = outputs("regression", run.number)[out] - goal[out]
        expected = 1 - np.mean(error**2) / goal[out].var()
        found = run.read().meta["quantizers"]["full_precision"]["utility"]["r2"]
        assert found == pytest.approx(expected, abs=1e-5)


def test_it_is_finished_when_the_last_is_there_and_takes_more_variants_later(tmp_path):
    recorded(tmp_path, "full_precision", runs=range(RUNS - 1))
    with pytest.raises(FolderError, match="not all is recorded yet"):
        merge([RunFolder(tmp_path)])
    assert list(recorder(tmp_path).remaining("full_precision")) == [RUNS - 1]
    recorded(tmp_path, "full_precision", runs=[RUNS - 1])
    assert merge([RunFolder(tmp_path)]).quantizers == ["full_precision"]
    recorded(tmp_path, "int4", runs=[0])  # until all have it, it is not there
    assert merge([RunFolder(tmp_path)]).quantizers == ["full_precision"]
    recorded(tmp_path, "int4", runs=range(1, RUNS))
    assert merge([RunFolder(tmp_path)]).quantizers == ["full_precision", "int4"]
    assert list(recorder(tmp_path).remaining("full_precision", "int4")) == []


def test_of_the_same_call_twice_the_later_one_counts(tmp_path):
    recorded(tmp_path, "full_precision")
    with recorder(tmp_path) as made:
        made.add(2, "full_precision", outputs("regression", 4))
    scores = [run.read().scores["full_precision"] for run in merge([RunFolder(tmp_path)]).runs]
    np.testing.assert_array_equal(scores[2], scores[4])


def test_checkpoints_and_their_losses_are_kept(tmp_path):
    with recorder(tmp_path) as made:
        for run in range(RUNS):
            for epoch in (9, 3, 5):
                made.add(run, "full_precision", outputs("regression", run, 1 / epoch), epoch=epoch)
                made.losses(run, "full_precision", epoch, np.full(7, 1.0 + (epoch == 9)))
    files = merge([RunFolder(tmp_path)]).runs[1].read()
    assert files.losses["full_precision"][:, 0].tolist() == [1, 1, 2]
    facts = files.meta["quantizers"]["full_precision"]
    assert facts["models"] == [0, 0, 2]
    assert facts["releases"] == {"3": 3, "5": 5, "last": 9}
    assert set(files.releases) == {"pool/full_precision/3", "pool/full_precision/5"}
    assert merge([RunFolder(tmp_path)]).config.training.checkpoints == [3, 5, 9]


def test_an_error_in_the_script_keeps_what_was_added(tmp_path):
    with pytest.raises(ZeroDivisionError), recorder(tmp_path) as made:
        made.add(0, "full_precision", outputs("regression", 0))
        raise ZeroDivisionError
    assert list(recorder(tmp_path).remaining("full_precision")) == list(range(1, RUNS))


@pytest.mark.parametrize("members", ["folder", "array", "plan"])
def test_members_come_as_a_plan_its_folder_or_an_array(members, tmp_path):
    plan().write(tmp_path / "plan")
    which = {"folder": tmp_path / "plan", "array": MEMBERS.astype(int), "plan": plan()}[members]
    made = recorder(tmp_path / "mine", members=which)
    np.testing.assert_array_equal(made.members, MEMBERS)
    assert made.pool.membership == (None if members == "array" else "half")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"members": Plan.drawn(SAMPLES, RUNS, 1)}, "is of other members"),
        ({"target": target("regression")[::-1]}, "is of other targets or samples"),
        ({"samples": range(SAMPLES)}, "is of other targets or samples"),
        ({"members": MEMBERS}, "is of other members"),  # which need not be drawn so
    ],
)
def test_a_folder_of_something_else_is_refused(change, said, tmp_path):
    recorder(tmp_path)
    with pytest.raises(FolderError, match=said):
        recorder(tmp_path, **change)


def test_a_folder_of_our_own_trainings_is_refused(tmp_path):
    RunFolder(tmp_path).write_manifest({"config": {}, "dataset": {"sha256": ""}})
    with pytest.raises(FolderError, match="holds something else than a recording"):
        recorder(tmp_path)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("add", RUNS, "int8", outputs("regression", 0)), "run 6: there are 6, numbered from 0"),
        (("add", -1, "int8", outputs("regression", 0)), "run -1: there are 6"),
        (("add", 0, "a/b", outputs("regression", 0)), "variant 'a/b': a name of letters"),
        (("add", 0, "", outputs("regression", 0)), "variant '': a name of letters"),
        (("add", 0, "int8", outputs("regression", 0)[1:]), r"run 0, int8: outputs have the shape"),
        (("losses", 0, "int8", 0, np.ones(5)), "epoch 0: epochs are numbered from 1"),
        (("losses", 0, "int8", 1, np.ones((5, 2))), r"losses of run 0, int8, epoch 1 have the"),
        (("losses", 0, "int8", 1, [1, np.nan]), "losses of run 0, int8, epoch 1: row 1 is nan"),
        (("losses", 0, "int8", 1, [1, 1e300]), "row 1 is 1e\\+300, and 1e\\+18 is too much"),
        (("losses", 0, "int8", 1, [1]), "one a sample is wanted"),
        (("add", 0, "target", outputs("regression", 0)), "variant target: the name is taken"),
        (("add", 0.5, "int8", outputs("regression", 0)), "run 0.5, epoch None: integers"),
    ],
)
def test_a_call_that_cannot_be_kept_says_why(call, said, tmp_path):
    name, *arguments = call
    with pytest.raises(OutputsError, match=said):
        getattr(recorder(tmp_path), name)(*arguments)
    assert not list(tmp_path.glob("parts/*/*"))


def test_what_is_lacking_is_said_and_asked_for(tmp_path, capsys):
    with recorder(tmp_path) as made:
        for run in range(RUNS):
            for variant, epoch in (("full_precision", 1), ("full_precision", 2), ("int8", 1)):
                made.add(run, variant, outputs("regression", run), epoch=epoch)
    lacks = "run 0 has no outputs of epoch 2 for int8, and others have"
    assert capsys.readouterr().err == f"{tmp_path} is not finished: {lacks}\n"
    assert list(recorder(tmp_path).remaining("int8", epochs=(1, 2))) == list(range(RUNS))


def test_an_epoch_and_none_are_refused_at_the_end(tmp_path):
    with pytest.raises(OutputsError, match="some outputs have an epoch and some have none"):  # noqa: SIM117
        with recorder(tmp_path) as made:
            for run in range(RUNS):
                made.add(run, "full_precision", outputs("regression", run), epoch=1)
                made.add(run, "full_precision", outputs("regression", run))


def test_outputs_in_another_order_have_nothing_to_do_with_the_targets(tmp_path):
    shuffled = np.random.default_rng(0).permutation(SAMPLES)
    with pytest.raises(OutputsError, match="are the outputs in the order of the targets"):  # noqa: SIM117
        with recorder(tmp_path) as made:
            for run in range(RUNS):
                made.add(run, "full_precision", outputs("regression", run)[shuffled])
    assert not RunFolder(tmp_path).finished


def test_the_probability_of_the_other_class_is_refused(tmp_path):
    with pytest.raises(OutputsError, match="and of a binary task those of class 1"):  # noqa: SIM117
        with recorder(tmp_path, target=target("binary")) as made:
            for run in range(RUNS):
                made.add(run, "full_precision", -outputs("binary", run))


@pytest.mark.parametrize("bits", ["int8", -1, np.inf, np.nan])
def test_bits_that_are_none_are_refused_at_once(bits, tmp_path):
    with pytest.raises(OutputsError, match="has to be a number above 0"):
        recorder(tmp_path).add(0, "int8", outputs("regression", 0), bits=bits)


def test_numbers_of_numpy_are_numbers(tmp_path):
    with recorder(tmp_path) as made:
        for run in np.arange(RUNS):
            for epoch in np.arange(1, 3):
                raw = outputs("regression", int(run))
                made.add(run, "int8", raw, epoch=epoch, bits=np.float32(8))
    assert merge([RunFolder(tmp_path)]).runs[0].read().meta["quantizers"]["int8"]["bits"] == 8


def test_epochs_that_are_asked_for_may_be_made_as_they_are_wanted(tmp_path):
    recorded(tmp_path, "full_precision")
    made = recorder(tmp_path)
    epochs = (epoch for epoch in (None,))
    assert list(made.remaining("full_precision", "int8", epochs=epochs)) == list(range(RUNS))


def test_runs_that_answer_in_different_ways_are_refused(tmp_path):
    said = r"look like logits \(run 0\) and probabilities \(run 5\)"
    with pytest.raises(OutputsError, match=said):  # noqa: SIM117
        with recorder(tmp_path, target=target("binary")) as made:
            for run in range(RUNS):
                raw = outputs("binary", run)
                made.add(run, "full_precision", probabilities(raw) if run == 5 else raw)


def test_losses_of_other_samples_are_refused(tmp_path):
    said = "there are 7 of run 0, full_precision, epoch 1 and 8 of run 5, full_precision, epoch 1"
    with pytest.raises(OutputsError, match=said):  # noqa: SIM117
        with recorder(tmp_path) as made:
            for run in range(RUNS):
                made.add(run, "full_precision", outputs("regression", run), epoch=1)
                made.losses(run, "full_precision", 1, np.ones(7 + (run == 5)))


def test_a_damaged_part_is_named(tmp_path):
    recorded(tmp_path, "full_precision")
    (part,) = tmp_path.glob("parts/run-0002/*")
    part.write_bytes(part.read_bytes()[:-3])
    with pytest.raises(FolderError, match=f"{part.name}.*delete it, and record it again"):
        recorded(tmp_path, "int8")


class Script:
    """The script in a process of its own.

    Args:
        folder: that it records in.
        first: run that it records.
        last: the one after its last.
        seconds: that a model takes.
    """

    codes: ClassVar[dict[int, int]] = {}  # of those that have ended

    def __init__(self, folder: Path, first=0, last=RUNS, seconds=0.03):
        call = partial(record.main, *map(str, (folder, first, last, seconds)))
        self.logs = tempfile.TemporaryDirectory()
        self.number = warm.forks().start(call, Path(self.logs.name))
        self.code: int | None = None

    def poll(self, patience: float | None = 0) -> int | None:
        if self.code is None:
            self.codes.update(warm.forks().ended(patience))
            self.code = self.codes.get(self.number)
        return self.code

    def kill(self) -> None:
        os.kill(self.number, signal.SIGKILL)
        self.wait()

    def wait(self) -> int | None:
        while self.poll(0) is None:
            self.poll(None)
        self.logs.cleanup()
        return self.code


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed") / "mine"
    record.main(str(folder), "0", str(RUNS), "0")
    assert RunFolder(folder).finished
    return bits(folder)


@pytest.mark.slow
def test_killed_at_ten_moments_and_continued_it_gives_the_same_bits(undisturbed, tmp_path):
    folder, chance = tmp_path / "mine", random.Random(0)
    for _ in range(10):
        process = Script(folder)
        before = len(list(folder.glob("parts/*/*")))
        while process.poll() is None and len(list(folder.glob("parts/*/*"))) <= before + 2:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.03))
        process.kill()
        assert not RunFolder(folder).finished
    assert Script(folder, seconds=0).wait() == 0
    assert bits(folder) == undisturbed


@pytest.mark.slow
def test_two_processes_give_the_same_bits(undisturbed, tmp_path):
    folder = tmp_path / "mine"
    both = [Script(folder, 0, 3), Script(folder, 3, RUNS)]
    assert [each.wait() for each in both] == [0, 0]
    assert bits(folder) == undisturbed
