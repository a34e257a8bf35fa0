from dataclasses import replace

import numpy as np
import pytest
import torch

from quantmia.errors import OutputsError
from quantmia.recording.pool import Pool
from tests.recording.made import RUNS, SAMPLES, plan, target

MEMBERS = plan().members


def changed(values: np.ndarray, at, value) -> np.ndarray:
    values = values.astype(float)
    values[at] = value
    return values


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_the_task_is_seen_from_the_targets(task):
    assert Pool.of(target(task), MEMBERS).task_name == task


def test_whether_it_is_this_class_is_a_target():
    pool = Pool.of(target("binary") == 1, MEMBERS)
    assert pool.task_name == "binary"
    np.testing.assert_array_equal(pool.target_of(0), target("binary"))


def test_whole_numbers_may_be_either_and_are_asked_about():
    with pytest.raises(OutputsError, match="task has to be told, regression or multiclass"):
        Pool.of(target("multiclass"), MEMBERS)
    assert Pool.of(target("multiclass"), MEMBERS, "multiclass").classes == 4
    assert Pool.of(target("multiclass"), MEMBERS, "regression").classes == 0


def test_a_regression_is_on_the_scale_of_its_targets():
    goal = 1e6 + target("regression")
    pool = Pool.of(goal, MEMBERS)
    assert pool.scale == (pytest.approx(goal.mean()), pytest.approx(goal.std()))
    own = pool.target_of(0)
    assert own.dtype == np.float32
    np.testing.assert_allclose(own, (goal - goal.mean()) / goal.std(), atol=1e-6)


def test_runs_with_scales_of_their_own_are_left_on_them():
    goal = np.stack([target("regression").astype(np.float32) * (run + 1) for run in range(RUNS)])
    pool = Pool.of(goal, MEMBERS)
    assert pool.scale == (0.0, 1.0)
    np.testing.assert_array_equal(pool.target_of(2), goal[2])


@pytest.mark.parametrize("kind", [list, torch.tensor, lambda values: np.array(values, dtype=">f8")])
def test_targets_come_as_arrays_tensors_or_lists(kind):
    ours = Pool.of(target("regression"), MEMBERS)
    theirs = Pool.of(kind(target("regression")), MEMBERS.astype(int))
    np.testing.assert_array_equal(ours.target_of(0), theirs.target_of(0))


def test_other_targets_or_names_are_another_pool():
    one = Pool.of(target("binary"), MEMBERS)
    assert one.fingerprint == Pool.of(target("binary"), ~MEMBERS).fingerprint  # are no part of it
    assert one.fingerprint != Pool.of(1 - target("binary"), MEMBERS).fingerprint
    assert one.fingerprint != replace(one, names=tuple("ab")).fingerprint
    assert one.fingerprint != Pool.of(target("binary"), MEMBERS, "regression").fingerprint


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"members": MEMBERS[0]}, r"members has the shape \(60,\)"),
        ({"members": MEMBERS.astype(int) * 2}, "members holds 2"),
        ({"members": np.full((2, SAMPLES), 3)}, "members holds 3: .* mask\\[run, places\\] = True"),
        ({"members": MEMBERS[:1]}, "members: 1 run"),
        ({"members": MEMBERS[[0, 0, 0]]}, "all runs trained on the same samples"),
        ({"members": MEMBERS | (np.arange(RUNS) == 2)[:, None]}, "run 2 trained on 60 of 60"),
        ({"members": MEMBERS.astype(object)}, "members holds objects"),
        ({"target": target("regression")[:-1]}, r"target has the shape \(59,\)"),
        ({"target": np.zeros((SAMPLES, RUNS))}, "it looks transposed"),
        ({"target": changed(target("regression"), 7, np.nan)}, "target: row 7 is nan$"),
        (
            {"target": changed(target("regression"), [7, 9], np.inf)},
            "target: row 7 is inf, and 1 more are no numbers",
        ),
        ({"target": np.ones(SAMPLES)}, "target: all values are the same"),
        ({"membership": "coin"}, "membership=coin: every run has 30 members"),
        ({"target": np.array(["a", "b"] * 30)}, "np.searchsorted"),
        ({"target": target("multiclass") + 1, "task": "multiclass"}, ": subtract 1$"),
        ({"target": target("multiclass") * 2, "task": "multiclass"}, "found \\[0, 2, 4, 6\\]$"),
        ({"target": target("multiclass"), "task": "binary"}, "task=binary: the targets are of 4"),
        ({"target": target("binary"), "task": "multiclass"}, "task=multiclass: .* of 2 kinds"),
        ({"target": MEMBERS[0].astype(int)}, "run 0: all samples that it trains on are of class"),
        ({"task": "regresion"}, "task=regresion: .*did you mean regression"),
        ({"names": ["a"] * SAMPLES}, "samples: a is there twice"),
        ({"names": ["a"]}, "samples: 1 names for 60"),
    ],
)
def test_what_cannot_be_used_is_one_message(arguments, said):
    plain = {"target": target("regression"), "members": MEMBERS}
    with pytest.raises(OutputsError, match=said) as refused:
        Pool.of(**plain | arguments)
    assert isinstance(refused.value, ValueError)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)
