import numpy as np
import pytest

from quantmia.attacks.leave_one_out import LeaveOneOut
from quantmia.attacks.sides import Sides
from tests.attacks.problems import halves


def sides(gap, runs=20, pool=4000, seed=0):
    """Of samples whose members lie `gap(centre)` below the others, in standard deviations of 1."""
    rng = np.random.default_rng(seed)
    members, centre = halves(runs, pool, rng), 2 * rng.normal(size=pool)
    signal = centre + (0.5 - members) * gap(centre, rng) + rng.normal(size=(runs, pool))
    return Sides.of(*(LeaveOneOut.of(signal, side) for side in (members, ~members))), centre


@pytest.mark.parametrize("strength", [0.0, 0.5, 2.0])
def test_the_prior_of_the_gap_is_found(strength):
    def gap(centre, rng):
        return 1 + 0.3 * centre + np.sqrt(strength) * rng.normal(size=len(centre))

    found, centre = sides(gap)
    posterior = found.gap()
    noise = found.noise
    expected = strength * noise / (strength + noise)
    np.testing.assert_allclose(posterior.variance.mean(), expected.mean(), atol=0.02)
    slope, intercept = np.polyfit(centre, posterior.mean[0], 1)
    np.testing.assert_allclose([slope, intercept], [0.3, 1.0], atol=0.06)


def test_what_is_known_of_a_side_that_is_empty_is_the_prior():
    rng = np.random.default_rng(1)
    members = halves(8, 500, rng)
    members[:, 0], members[:, 1] = True, False
    signal = rng.normal(size=(8, 500)) - 2.0 * members
    found = Sides.of(*(LeaveOneOut.of(signal, side) for side in (members, ~members)))
    assert not found.both[:, :2].any()
    assert (found.own[:, :2] == 0).all()
    np.testing.assert_allclose(found.gap().mean[:, :2], 2.0, atol=0.5)
    assert (found.share[:, 0] == 1).all()
    assert (found.share[:, 1] == 0).all()


def test_the_distance_of_the_sides_grows_with_the_gap():
    distances = [sides(lambda c, r, g=g: g)[0].apart().mean() for g in (0.0, 1.0, 3.0)]
    assert 0 <= distances[0] < distances[1] < distances[2] < 1


def test_rows_are_chosen_whole():
    one, other = (sides(lambda c, r, g=g: g, runs=6, pool=30)[0] for g in (0.0, 3.0))
    chosen = np.arange(6)[:, None] % 2 == 0
    mixed = one.where(chosen, other)
    np.testing.assert_array_equal(mixed.own[::2], other.own[::2])
    np.testing.assert_array_equal(mixed.own[1::2], one.own[1::2])
    np.testing.assert_array_equal(mixed.ratio[1::2], one.ratio[1::2])
