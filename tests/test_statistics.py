"""Intervals, ranks and correlations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from quantmia.statistics import Bootstrap, half_split_stability, mean_defined, ranks, spearman


@given(st.integers(3, 12), st.integers(0, 2**31))
def test_spearman_equals_scipy(n, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 30, n).astype(float), rng.normal(size=n)
    a[0] += 0.5  # never constant
    assert spearman(a, b) == pytest.approx(spearmanr(a, b)[0], abs=1e-12)


def test_spearman_of_constant_or_undefined_values_is_undefined():
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))
    assert np.isnan(spearman(np.array([1, 2, np.nan, 4]), np.arange(4.0)))
    assert np.isnan(spearman(np.arange(2.0), np.arange(2.0)))


def test_rank_one_is_the_largest_and_undefined_comes_last():
    np.testing.assert_array_equal(ranks(np.array([0.1, np.nan, 0.9])), [2, 3, 1])


@pytest.mark.parametrize("runs", [4, 8, 40])
def test_interval_covers_the_mean_of_a_known_distribution(runs):
    covered = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        values = rng.normal(3.0, 1.0, runs)
        bootstrap = Bootstrap(runs, 400, 0.95, rng)
        interval = bootstrap.interval(values.mean(), bootstrap.means(values))
        covered += interval.low <= 3.0 <= interval.high
    assert covered / 400 >= (0.93 if runs > 4 else 0.85)  # 4 runs have 35 different resamples


def test_one_run_has_no_interval():
    bootstrap = Bootstrap(1, 100, 0.95, np.random.default_rng(0))
    found = bootstrap.interval(0.3, bootstrap.means(np.array([0.3])))
    assert found.value == 0.3
    assert np.isnan([found.low, found.high]).all()


def test_undefined_runs_are_left_out_of_means():
    values = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(mean_defined(values), [2.0, np.nan])
    resampled = Bootstrap(3, 200, 0.95, np.random.default_rng(0)).means(values)
    assert set(np.unique(resampled[0][np.isfinite(resampled[0])])) <= {
        1.0,
        3.0,
        2.0,
        5 / 3,
        7 / 3,
    }
    assert np.isnan(resampled[1]).all()


def test_stability_is_one_for_clear_and_low_for_pure_noise():
    rng = np.random.default_rng(0)
    clear = np.arange(6.0)[:, None] + 0.01 * rng.normal(size=(6, 20))
    assert half_split_stability(clear, 50, np.random.default_rng(0)) == pytest.approx(1.0)
    noise = half_split_stability(rng.normal(size=(6, 20)), 50, np.random.default_rng(0))
    assert noise < 0.5
