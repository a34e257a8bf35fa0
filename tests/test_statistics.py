"""Intervals, ranks and correlations."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, quantile_test, spearmanr

from quantmia.statistics import (
    MOST,
    Bootstrap,
    Interval,
    exact_share,
    half_split_stability,
    mean_defined,
    median_interval,
    ranks,
    spearman,
)


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


@given(st.integers(6, 40), st.integers(0, 2**31), st.sampled_from([0.8, 0.9, 0.95]))
def test_the_median_has_the_interval_of_the_exact_test(n, seed, confidence):
    values = np.random.default_rng(seed).standard_cauchy(n)
    found = median_interval(values, confidence)
    test: Any = quantile_test(values, p=0.5).confidence_interval(confidence)
    assert found.value == np.median(values)
    # Symmetric in its ranks; scipy's is the shortest that covers, and one end of it may be closer.
    assert found.low <= test.low
    assert found.high >= test.high
    ordered = np.sort(values)
    left_out = np.searchsorted(ordered, found.low)
    assert np.searchsorted(ordered, found.high, side="right") == n - left_out
    inside = binom.cdf(n - left_out - 1, n, 0.5) - binom.cdf(left_out, n, 0.5)
    assert inside >= confidence
    narrower = binom.cdf(n - left_out - 2, n, 0.5) - binom.cdf(left_out + 1, n, 0.5)
    assert narrower < confidence


def test_the_interval_of_the_median_covers_whatever_the_tails():
    covered = 0
    for seed in range(1000):
        drawn = np.exp(5 * np.random.default_rng(seed).standard_normal(20))  # the mean: e^12.5
        found = median_interval(drawn, 0.95)
        covered += found.low <= 1 <= found.high
    assert 0.94 <= covered / 1000 <= 0.98


def test_of_five_values_no_interval_of_the_median_covers():
    assert np.isnan(median_interval(np.arange(5.0), 0.95).low)
    assert median_interval(np.arange(6.0), 0.95) == Interval(2.5, 0.0, 5.0)
    undefined = median_interval(np.full(9, np.nan), 0.95)
    assert np.isnan([undefined.value, undefined.low, undefined.high]).all()
    some = np.append(np.arange(6.0), [np.nan, np.nan])
    assert median_interval(some, 0.95) == Interval(2.5, 0.0, 5.0)


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


def test_simultaneous_intervals_hold_all_estimates_together():
    """Twelve means of normal draws, some of which share most of their noise."""
    holds = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=(12, 20)) * np.linspace(0.1, 3, 12)[:, None] + rng.normal(size=20)
        bootstrap = Bootstrap(20, 200, 0.95, rng)
        found = bootstrap.simultaneous(values.mean(1), bootstrap.means(values))
        holds += all(each.low <= 0 <= each.high for each in found)
    assert 0.92 * 300 <= holds <= 0.995 * 300


def test_what_no_resample_moves_has_no_width():
    bootstrap = Bootstrap(5, 50, 0.95, np.random.default_rng(0))
    values = np.stack([np.arange(5.0), np.full(5, 2.0)])
    moving, still = bootstrap.simultaneous(values.mean(1), bootstrap.means(values))
    assert moving.low < moving.value < moving.high
    assert vars(still) == pytest.approx({"value": 2, "low": 2, "high": 2})


@pytest.mark.parametrize("samples", [MOST - 1, MOST, MOST + 1, 5 * MOST + 7])
def test_many_samples_are_resampled_in_groups_with_the_same_spread(samples):
    rng = np.random.default_rng(0)
    influence = rng.standard_t(5, size=samples)
    influence -= influence.mean()
    bootstrap = Bootstrap(4, 800, 0.95, rng)
    found = bootstrap.two_way_means(np.zeros(4), influence)
    expected = np.sqrt(np.square(influence).sum()) / samples
    assert found.std() == pytest.approx(expected, rel=0.1)
    assert found.mean() == pytest.approx(0, abs=0.2 * expected)
    assert max(each.shape[1] for each in bootstrap._sample_weights.values()) <= MOST


def test_samples_of_the_pool_and_held_out_ones_are_resampled_by_themselves():
    bootstrap = Bootstrap(4, 500, 0.95, np.random.default_rng(0))
    influence = np.arange(30.0) - 14.5
    pool, held_out = (
        bootstrap.two_way_means(np.zeros(4), influence, held_out=each) for each in (False, True)
    )
    assert abs(np.corrcoef(pool, held_out)[0, 1]) < 0.2
    again = bootstrap.two_way_means(np.zeros(4), influence)
    np.testing.assert_array_equal(again, pool)


@given(st.integers(1, 200), st.data(), st.sampled_from([0.9, 0.95, 0.99]))
def test_a_share_has_the_exact_interval(of, data, confidence):
    count = data.draw(st.integers(0, of))
    found = exact_share(count, of, confidence)
    exact = binomtest(count, of).proportion_ci(confidence, method="exact")
    assert found.value == count / of
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_of_nothing_a_share_may_be_anything():
    found = exact_share(0, 0, 0.95)
    assert np.isnan(found.value)
    assert (found.low, found.high) == (0, 1)
