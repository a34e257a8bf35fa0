import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmia.data.kept import Kept
from quantmia.data.split import halves

SIZES = st.integers(2, 500)


@given(SIZES, SIZES, st.integers(1, 600), st.integers(1, 600))
def test_as_many_as_are_wanted_or_all(validation, pool, losses, releases):
    kept = Kept.of(validation, pool, losses, releases)
    measuring = len(halves(validation)[1])
    assert (kept.losses is None) == (losses >= validation)
    assert (kept.releases is None) == (releases >= max(measuring, pool))
    found = [] if kept.losses is None else [(kept.losses, validation, losses)]
    if kept.releases is not None:
        found.append((kept.releases.measured, measuring, releases))
        found.append((kept.releases.pool, pool, releases))
    for places, samples, at_most in found:
        assert len(places) == min(samples, at_most)
        assert (np.diff(places) > 0).all()
        assert 0 <= places[0] <= places[-1] < samples


def test_without_bounds_all_are_kept():
    assert Kept.of(10, 20, None, None) == Kept()


def test_either_half_has_its_share():
    kept = Kept.of(2000, 10, 400, None).losses
    assert kept is not None
    for half in halves(2000):
        assert np.isin(kept, half).sum() == pytest.approx(200, abs=50)


def test_fewer_are_some_of_more():
    few, more = (Kept.of(300, 10, at_most, None).losses for at_most in (100, 200))
    assert few is not None
    assert more is not None
    assert set(few) < set(more)
