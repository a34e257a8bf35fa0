"""Moderated variances against simulations of what they assume, and lines against numpy's."""

import numpy as np
import pytest
from scipy.special import polygamma

from quantmia.attacks.leave_one_out import LeaveOneOut
from quantmia.attacks.moderated import (
    _inverse_trigamma,
    bisquare,
    median,
    moderated,
    variance_ratio,
    weighted_line,
    winsorised,
)

SAMPLES = 20_000


def simulated(prior, freedom, slope=0.0, seed=0):
    """Variances from the scaled inverse chi-squared, and the squares that samples see of them."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(1, SAMPLES))
    variance = 3 * np.exp(slope * centre) * prior / rng.chisquare(prior, (1, SAMPLES))
    return variance, variance * rng.chisquare(freedom, (1, SAMPLES)), centre


@pytest.mark.parametrize("freedom", [1, 2, 6, 18])
@pytest.mark.parametrize("prior", [3.0, 8.0, 25.0])
@pytest.mark.parametrize("slope", [0.0, 0.7])
def test_what_was_simulated_is_found(prior, freedom, slope):
    variance, deviations, centre = simulated(prior, freedom, slope)
    found, degrees = moderated(deviations, np.full_like(deviations, float(freedom)), centre)
    assert degrees[0, 0] - freedom == pytest.approx(prior, rel=0.35)
    # As close as who knows the prior: the posterior mean of its precision.
    scale = 3 * np.exp(slope * centre)
    best = (prior * scale + deviations) / (prior + freedom)
    np.testing.assert_allclose(np.median(found / best), 1, atol=0.1)
    alone = np.mean(np.abs(np.log(deviations / freedom / variance)))
    assert np.mean(np.abs(np.log(found / variance))) < alone


def test_outliers_move_little():
    _, deviations, centre = simulated(8.0, 6)
    freedom = np.full_like(deviations, 6.0)
    before, degrees = moderated(deviations, freedom, centre)
    spoilt, moved = deviations.copy(), centre.copy()
    spoilt[:, :200] *= 1e5
    moved[:, :200] += 300
    after, fewer = moderated(spoilt, freedom, moved)
    np.testing.assert_allclose(after[:, 200:], before[:, 200:], rtol=0.2)
    np.testing.assert_allclose(np.median(after / before), 1, rtol=0.02)
    assert fewer[0, 0] == pytest.approx(degrees[0, 0], rel=0.1)


def test_the_ratio_of_the_sides_is_found_whoever_is_a_member():
    rng = np.random.default_rng(0)
    members = rng.random((6, 5000)) < 0.5
    spread = np.exp(rng.normal(size=(1, 5000)))
    values = 10 * spread + spread * rng.normal(size=(6, 5000)) * np.where(members, 0.2, 1.0)
    inside, outside = (LeaveOneOut.of(values, side) for side in (members, ~members))
    np.testing.assert_allclose(variance_ratio(inside, outside), 0.04, rtol=0.15)
    nobody = LeaveOneOut.of(values, members & False)
    np.testing.assert_array_equal(variance_ratio(nobody, outside), 1)


def test_rows_without_anything_known_are_undefined():
    nothing = np.zeros((2, 5))
    found, _ = moderated(nothing, nothing, nothing)
    assert np.isnan(found).all()
    assert np.isnan(median(nothing, nothing > 0)).all()


def test_lines_and_weights():
    rng = np.random.default_rng(0)
    x, y, weight = rng.normal(size=(3, 4, 30))
    weight = np.abs(weight)
    intercept, slope = weighted_line(x, y, weight)
    for row in range(4):
        expected = np.polyfit(x[row], y[row], 1, w=np.sqrt(weight[row]))
        np.testing.assert_allclose([slope[row, 0], intercept[row, 0]], expected, rtol=1e-9)
    intercept, slope = weighted_line(np.ones((1, 5)), np.arange(5.0)[None], np.ones((1, 5)))
    assert (intercept, slope) == (2, 0)
    distance = np.array([[0.0, 1.0, -1.0, 1.0, -100.0]])
    weights = bisquare(distance, np.array([[True, True, True, False, True]]))
    near = (1 - (1 / 4.685 / 1.4826) ** 2) ** 2
    np.testing.assert_allclose(weights, [[1, near, near, 0, 0]])
    values = np.array([[-1.349 / 2, 0.0, 1.349 / 2, 9.0, -9.0]])
    np.testing.assert_allclose(winsorised(values), [[-0.6745, 0, 0.6745, 4, -4]])


@pytest.mark.parametrize("values", [[1.0, 5.0, 2.0], [4.0, 1.0, 3.0, 2.0], [7.0]])
def test_medians_of_what_is_known(values):
    padded = np.array([[*values, 99.0, -99.0]])
    known = np.array([[True] * len(values) + [False, False]])
    assert median(padded, known)[0, 0] == np.median(values)


def test_the_inverse_of_trigamma():
    x = np.geomspace(0.01, 1e4, 50)[:, None]
    np.testing.assert_allclose(_inverse_trigamma(polygamma(1, x)), x, rtol=1e-6)
