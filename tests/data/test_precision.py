import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmia.data.precision import precise


@pytest.mark.parametrize(
    "values",
    [[1e6, 1e6 + 100, 1e6 + 700], [5.0, 5.0], [np.nan, np.inf], [], [0.0], [0.1, 0.2, 1e300]],
)
def test_what_float32_tells_apart_stays(values):
    numbers = pd.Series(values, dtype=float)
    found, said = precise(numbers)
    assert found is numbers
    assert said is None


def test_numbers_are_centred_where_that_helps():
    found, said = precise(pd.Series([1e9, 1e9 + 1, 1e9 + 7]))
    assert found.tolist() == [-1.0, 0.0, 6.0]
    assert said is not None
    assert said.startswith("is centred")


def test_what_cannot_be_held_is_said():
    numbers = pd.Series(np.arange(30) * 1e-50)
    found, said = precise(numbers)
    assert found is numbers
    assert said == (
        "holds 30 different numbers, 29 of which 32-bit floats make equal to others; scale them up "
        "first"
    )
    _, said = precise(pd.Series([*(1e9 + np.arange(60)), *(-1e9 - np.arange(10))]))
    assert said is not None
    assert said.startswith("is centred")
    assert said.endswith("subtract what they share first")


@pytest.mark.slow
@given(st.lists(st.integers(-(2**40), 2**40), min_size=3, max_size=40, unique=True))
def test_differences_survive(values):
    numbers = pd.Series(values, dtype=float)
    found, _ = precise(numbers)
    kept = found.to_numpy() - found.iloc[0]
    assert np.array_equal(kept, (numbers - numbers.iloc[0]).to_numpy())  # in float64, exactly
    before, after = (len(np.unique(each.to_numpy(np.float32))) for each in (numbers, found))
    assert after >= before
