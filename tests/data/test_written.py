import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmia.data.written import Marks
from quantmia.errors import DataError

MARKS = [
    Marks(),
    Marks(",", None),
    Marks(".", ","),
    Marks(",", "."),
    Marks(",", " "),
    Marks(".", "'"),
]
DECIMALS = st.integers(-(10**9), 10**9).map(lambda each: each / 1000)


@given(st.sampled_from(MARKS), st.lists(DECIMALS, min_size=1), st.booleans())
def test_numbers_are_those_that_were_written(marks: Marks, values: list[float], grouped: bool):
    plain = "{:,.3f}" if grouped and marks.thousands else "{:.3f}"
    replaced = {",": marks.thousands or "", ".": marks.decimal}
    texts = ["".join(replaced.get(c, c) for c in plain.format(value)) for value in values]
    assert marks.numbers(pd.Series(texts)).tolist() == values


@pytest.mark.parametrize(
    ("marks", "text"),
    [
        (Marks(), "1,432"),
        (Marks(","), "1.432"),
        (Marks(",", "."), "1.43"),
        (Marks(".", ","), "1,43"),
        (Marks(".", ","), "14,32,000"),
        (Marks(), "1_000"),
        (Marks(), "5 nM"),
        (Marks(), ""),
        (Marks(), "nan"),
    ],
)
def test_what_is_not_written_so_is_no_number(marks, text):
    assert math.isnan(marks.numbers(pd.Series([text])).iloc[0])


@pytest.mark.parametrize(
    ("text", "value"),
    [(" 1e3 ", 1000), ("+.5", 0.5), ("5.", 5), ("-inf", -math.inf), ("1E-2", 0.01)],
)
def test_ways_to_write_a_number(text, value):
    assert Marks().numbers(pd.Series([text])).iloc[0] == value


@pytest.mark.parametrize("text", ["1st", "grade 2", "A5", "yes", "CCO", "2a", "IC50"])
def test_labels_are_nothing_else(text):
    assert Marks().other(pd.Series([text] * 4)) is None


def test_marks_that_say_the_same_are_refused():
    with pytest.raises(DataError, match=r"dataset\.thousands=,: is dataset\.decimal too"):
        Marks(",", ",")
