import numpy as np
import pandas as pd
import pytest

from quantmia.data.texts import counted, of_each, stripped

COLUMNS = [
    pd.Series([" a", "b ", " a", None, "b "], name="texts"),
    pd.Series(["a", True, 1, 1.0, "a"], dtype=object),  # of which three are equal
    pd.Series(["x ", "x", "x "], index=[7, 3, 5], dtype=object),
    pd.Series([1, 2, 1]),
    pd.Series([], dtype=str),
]


@pytest.mark.parametrize("column", COLUMNS)
def test_it_is_what_every_value_gives_by_itself(column):
    pd.testing.assert_series_equal(stripped(column), column.astype(str).str.strip())


def test_every_different_text_is_handed_over_once():
    seen = []

    def made(values: pd.Series) -> pd.Series:
        seen.append(len(values))
        return values.str.len().astype(np.float64)

    assert of_each(pd.Series(["a", "bb"] * 50), made).tolist() == [1.0, 2.0] * 50
    assert seen == [2]


def test_texts_are_counted_in_the_order_in_which_they_come_first():
    different, counts = counted(pd.Series(["b", "a", "b", "c", "b"]))
    assert (different.tolist(), counts.tolist()) == (["b", "a", "c"], [3, 1, 1])
