"""Means over repetitions, against scipy and plain loops."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest, spearmanr, t

from scripts.paper.repeated import agreements, between, jackknifed, over_repetitions, share_of_runs
from tests.paper.made import MIXTURE, numbers

VALUES = arrays(float, st.integers(3, 8), elements=st.floats(-10, 10, width=32))


@given(VALUES)
def test_student_s_interval(values):
    found = over_repetitions(values)
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert found.value == pytest.approx(values.mean())
    half = t.ppf(0.975, len(values) - 1) * error
    assert found.high - found.value == pytest.approx(half, abs=1e-9)


def test_an_interval_ends_where_values_do():
    found = over_repetitions(np.array([1.0, 0.5]), (-1, 1))
    assert (found.value, found.high) == (0.75, 1)


@pytest.mark.parametrize("values", [[0.5], [0.5, np.nan], [0.5, 0.5, np.nan]])
def test_no_interval_of_one_repetition_or_where_one_is_undefined(values):
    found = over_repetitions(np.array(values))
    assert found.value == 0.5
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(over_repetitions(np.array([np.nan])).value)


@given(st.integers(1, 200), st.data())
def test_a_share_of_runs_has_the_exact_interval(runs, data):
    hits = data.draw(st.integers(0, runs))
    found = share_of_runs(hits / runs, runs)
    exact = binomtest(hits, runs).proportion_ci(0.95, method="exact")
    assert found.low == pytest.approx(exact.low, abs=1e-9)
    assert found.high == pytest.approx(exact.high, abs=1e-9)


@pytest.mark.slow
@given(VALUES)
def test_the_jackknife_of_a_mean_is_student_s(values):
    ours, exact = jackknifed(values, lambda v: float(v.mean())), over_repetitions(values)
    assert ours.value == pytest.approx(exact.value, abs=1e-9)
    assert ours.high == pytest.approx(exact.high, abs=1e-6)


def test_between_repetitions_is_the_mean_of_all_pairs():
    values = np.random.default_rng(1).standard_normal((7, 4))
    pairs = [spearmanr(values[:, a], values[:, b]).statistic for a, b in combinations(range(4), 2)]
    assert between(values) == pytest.approx(np.mean(pairs))


def test_agreement_is_with_the_mis_of_all_runs_or_else_with_its_own():
    found = agreements(numbers(), "r_q").set_index(["study", "setting"]).sort_index()["spearman"]
    assert found["mixtures", MIXTURE.format("data")].to_list() == [1] * 5
    assert found["mixtures", MIXTURE.format("unit")].to_list() == [-1] * 5
    assert found["validation", "split.validation=0.4"].to_list() == [1] * 5
