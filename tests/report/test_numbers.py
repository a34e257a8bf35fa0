import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmia.report.numbers import bits_a_weight, decimals, plain, with_interval


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.9612, 0.9412, 0.9822, "0.961 [0.941, 0.982]"),
        (0.296, 0.221, 0.371, "0.30 [0.22, 0.37]"),
        (-0.13, -0.25, 0.83, "-0.1 [-0.2, 0.8]"),
        (12.3, 9.1, 15.8, "12 [9, 16]"),
        (4.4e-4, 1.7e-4, 8.3e-4, "0.00044 [0.00017, 0.00083]"),
        (0.5, math.nan, math.nan, "0.500"),
        (math.nan, math.nan, math.nan, "-"),
        (1.0, 1.0, 1.0, "1.000 [1.000, 1.000]"),
    ],
)
def test_the_interval_decides_the_digits(value, low, high, text):
    assert with_interval(value, low, high) == text


@given(st.floats(1e-6, 1e3), st.floats(-1e3, 1e3))
def test_rounding_moves_no_end_by_more_than_a_fifth_of_the_half_width(half, middle):
    low, high = middle - half, middle + half
    places = decimals(low, high)
    width = (high - low) / 2
    assert abs(float(f"{low:.{places}f}") - low) <= max(0.2 * width, 1e-9, 0.5 * (places == 0))


@given(st.floats(-10, 10))
def test_a_plain_number_is_not_rounded_to_nothing(value):
    assert float(plain(value)) == pytest.approx(value, rel=0.06, abs=5e-4)
    assert value == 0 or float(plain(value)) != 0


def test_bits_that_are_not_known_are_not_shown():
    assert [bits_a_weight(each) for each in (1.585, 32.0, 4.0, float("nan"))] == [
        "1.58", "32", "4", ""
    ]  # fmt: skip
