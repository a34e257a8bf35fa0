"""What a data set refuses, beyond the common mistakes."""

import numpy as np
import pytest

from quantmia.data import Dataset, split
from quantmia.errors import DataError
from quantmia.tasks import TaskName


def make(features, target, task: TaskName = "regression", names=None):
    names = tuple(map(str, range(len(target)))) if names is None else names
    return Dataset("mine", np.asarray(features, np.float32), np.asarray(target), task, names)


def test_no_samples_are_refused():
    with pytest.raises(DataError, match="mine"):
        make(np.zeros((0, 3)), np.zeros(0, np.float32))


@pytest.mark.parametrize("names", [(), ("a", "b", "c")])
def test_unequal_lengths_are_reported_even_if_numbers_are_missing(names):
    with pytest.raises(DataError, match="as many of each"):
        make(np.full((4, 2), np.nan), np.arange(4.0), names=names)


@pytest.mark.parametrize("target", [[-1, 1, 0, 1], [0, 1, 3, 1], [1, 2, 1, 2], [0.0, 0.5, 1, 1]])
def test_classes_that_are_not_the_integers_from_zero_are_refused(target):
    with pytest.raises(DataError, match="classes must be the integers"):
        make(np.eye(4), target, "multiclass")


def test_many_bad_rows_are_counted_and_five_are_named():
    with pytest.raises(DataError, match=r"in 7 of 9 samples \(0, 1, 2, 3, 4, \.\.\.\)"):
        make(np.ones((9, 1)), [np.nan] * 7 + [1.0, 2.0])


def test_the_fingerprint_sees_every_value_and_the_task():
    features, target = np.eye(4), np.array([0, 1, 0, 1])
    changed = features.copy()
    changed[3, 3] = 1.0000001
    prints = [
        make(features, target, "binary").fingerprint,
        make(changed, target, "binary").fingerprint,
        make(features, target[::-1], "binary").fingerprint,
        make(features, target, "multiclass").fingerprint,
    ]
    assert len(set(prints)) == 4
    assert make(features, target, "binary").fingerprint == prints[0]


def test_a_split_with_a_single_class_is_refused():
    lonely = make(np.eye(40), [1] + [0] * 39, "binary")
    with pytest.raises(DataError, match="have the same target"):
        split(lonely, 0.4, 0)
