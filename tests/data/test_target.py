import numpy as np
import pandas as pd
import pytest

from quantmia.data.target import FEW, read_target

ALL = np.arange


def of(values, **given):
    column = pd.Series(values)
    read = read_target(column, "y", **given)
    return read, read.of(np.flatnonzero(read.faults.isna()))


@pytest.mark.parametrize(
    ("values", "task", "expected"),
    [
        ([0.5, 1.5, 2.0], "regression", [0.5, 1.5, 2.0]),
        (["0.5", " 1e3 ", "-2"], "regression", [0.5, 1000, -2]),
        (list(range(FEW + 1)), "regression", list(range(FEW + 1))),
        (list(range(FEW)), "multiclass", list(range(FEW))),
        ([3, 10, 2, 2], "multiclass", [1, 2, 0, 0]),
        ([1.0, 2.0, 1.0], "binary", [0, 1, 0]),
        ([True, False, True], "binary", [1, 0, 1]),
        (["no", "yes", "no "], "binary", [0, 1, 0]),
        (["b", "c", "a", "b"], "multiclass", [1, 2, 0, 1]),
        (["2", "10", "x", "10", "2"], "binary", [0, 1, 1, 0]),
        (["x", "y", "z", "10"], "multiclass", [1, 2, 3, 0]),
    ],
)
def test_what_a_column_holds_is_found(values, task, expected):
    read, found = of(values)
    assert read.task == task
    np.testing.assert_array_equal(found, np.array(expected, found.dtype))
    assert "dataset.task" in read.how


def test_the_task_and_the_positive_label_can_be_said():
    assert of([0, 1, 1, 0], task="regression")[1].dtype == np.float32
    assert of(list(range(20)), task="multiclass")[0].labels(np.arange(20))[2] == "2"
    read, found = of(["a", "b", "c", "b"], positive="b")
    assert read.task == "binary"
    np.testing.assert_array_equal(found, [0, 1, 0, 1])
    assert read.labels(np.arange(4)) == ["a or c", "b"]
    np.testing.assert_array_equal(of([1, 2, 3], positive="2")[1], [0, 1, 0])


def test_texts_in_a_column_that_has_to_be_numbers():
    read, found = of(["a", "b", "3", None], task="regression")
    assert list(read.faults[:2]) == ["target is no number: a", "target is no number: b"]
    assert read.faults[3] == "missing target"
    np.testing.assert_array_equal(found, [3])


def test_classes_are_counted_among_the_rows_that_are_used():
    read = read_target(pd.Series(["a", "b", "c", "c"]), "y")
    np.testing.assert_array_equal(read.of(np.array([0, 2, 3])), [0, 1, 1])
