import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.scale.growth import growth, together

POINTS = [10, 100, 1000, 10000]


@given(st.floats(-0.5, 3), st.floats(1e-3, 1e3))
def test_a_power_law_is_found_again_and_continued(exponent, factor):
    found = growth(POINTS, [factor * point**exponent for point in POINTS])
    for each in (found.exponent, found.low, found.high):
        assert math.isclose(each, exponent, abs_tol=1e-9)
    kept = max(exponent, 0)
    assert math.isclose(found.at(1e6), found.value * 100**kept, rel_tol=1e-6)


def test_what_a_start_costs_does_not_count():
    found = growth(POINTS, [100 + point for point in POINTS])
    assert 0.9 < found.exponent < 1
    assert (found.first, found.last, found.value) == (1000, 10000, 10100)
    assert found.low < 0.3 < found.high


def test_an_odd_number_of_points_has_its_middle_in_the_upper_half():
    found = growth([1, 2, 4, 8, 16], [1, 1, 1, 2, 4])
    assert found.first == 4
    assert math.isclose(found.exponent, 1)


def test_what_falls_is_taken_to_stay():
    falling = growth([1, 10], [2, 1])
    assert falling.at(1e6) == falling.straight(1e6) == 1


def test_what_a_start_costs_is_no_part_of_what_more_of_them_add():
    found = growth(POINTS, [100 + 2 * point for point in POINTS])
    assert math.isclose(found.straight(1e8), 100 + 2e8)
    assert found.at(1e8) < found.straight(1e8)


def test_axes_multiply_each_other():
    rows, runs = growth([10, 1000], [1, 100]), growth([20, 200], [5, 50])
    flat = growth([20, 200], [5, 4])
    assert math.isclose(together(rows.at(1e5), {runs: 10, flat: 10}), 1e5)


@pytest.mark.parametrize(
    ("points", "values"), [([1], [1]), ([1, 2], [1]), ([2, 1], [1, 1]), ([1, 2], [0, 1])]
)
def test_what_has_no_slope_is_refused(points, values):
    with pytest.raises(ValueError, match="points"):
        growth(points, values)
