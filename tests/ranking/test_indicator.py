"""The indicator against a hand-computed example and a plain reference."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import sem

from quantmia.ranking.indicator import HeldOut, Whole, indicator, noise, order, pooled

HAND = np.array([[1.0, 3.0], [1.0, 1.0], [2.0, 1.0]], np.float32)
# Means 2, 1, 1.5; the best is the second. Differences from it: [0, 2] and [1, 0], unbiased
# variances 2 and 0.5; gaps (sorted) 0.5 and 1.


def reference(losses):
    """Algorithm 1 step by step."""
    means = [float(np.mean(row, dtype=np.float64)) for row in losses]
    ranked = sorted(range(len(means)), key=means.__getitem__)
    best = losses[ranked[0]].astype(float)
    sigma2 = []
    for k in ranked[1:]:
        difference = losses[k].astype(float) - best
        sigma2.append(((difference - difference.mean()) ** 2).sum() / (len(difference) - 1))
    gaps = [means[k] - means[ranked[0]] for k in ranked[1:]]
    paper = gaps[0] ** 2 / (2 * max(sigma2))
    rate = min(g**2 / (2 * s) for g, s in zip(gaps, sigma2, strict=True))
    low = gaps[0] ** 2 / (2 * max(sigma2[:2]))
    return paper, rate, low


def test_hand_computed_example():
    ordered = order(HeldOut(HAND, np.arange(3)))
    paper = indicator(ordered, "paper")
    assert paper.r == pytest.approx(0.5**2 / (2 * 2))
    assert paper.delta == pytest.approx(0.5)
    assert paper.sigma2 == pytest.approx(2)
    assert paper.dominating_position == 3
    assert paper.distinct == 3
    assert indicator(ordered, "rate").r == pytest.approx(min(0.25 / 1.0, 1 / 4))
    assert indicator(ordered, "low_loss", 2).r == pytest.approx(0.5**2 / (2 * 0.5))
    assert not ordered.best_is_last


def test_against_plain_reference():
    losses = np.random.default_rng(0).gamma(2, size=(12, 50)).astype(np.float32)
    ordered = order(HeldOut(losses, np.arange(12)))
    found = [indicator(ordered, v, 3).r for v in ("paper", "rate", "low_loss")]
    np.testing.assert_allclose(found, reference(losses), rtol=1e-12)


def test_duplicates_are_one_model():
    twice = np.repeat(HAND, 2, axis=0)
    once = indicator(order(HeldOut(HAND, np.arange(3))), "paper")
    assert indicator(order(HeldOut(twice, np.repeat([0, 2, 4], 2))), "paper") == once


def test_one_distinct_model_is_undefined_not_zero():
    found = indicator(order(HeldOut(HAND, np.zeros(3, int))), "paper")
    assert math.isnan(found.r)
    assert found.distinct == 1


def test_constant_difference_is_never_infinite():
    losses = np.array([[1.0, 2.0], [2.0, 3.0]], np.float32)
    assert math.isnan(indicator(order(HeldOut(losses, np.arange(2))), "paper").r)


def test_best_is_last():
    assert order(HeldOut(HAND[[0, 2, 1]], np.arange(3))).best_is_last


def test_grid_keeps_what_a_coarser_training_would_have_kept():
    losses = np.arange(20, dtype=np.float32).reshape(10, 2)
    held = HeldOut(losses, np.arange(10)).on_grid(5)
    np.testing.assert_array_equal(held.losses, losses[[4, 9]])
    np.testing.assert_array_equal(held.models, [4, 9])


@given(st.integers(4, 60), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_means_of_all_and_all_losses_say_the_same(samples, checkpoints, seed):
    rng = np.random.default_rng(seed)
    losses = rng.gamma(2, size=(checkpoints, samples)).astype(np.float32)
    places = halves_of(samples)
    of_halves = np.array([losses[:, half].mean(1, dtype=np.float64) for half in places])
    whole = Whole(samples, losses.mean(1, dtype=np.float64), of_halves, places)
    models = np.arange(checkpoints)
    every, told = HeldOut(losses, models), HeldOut(losses, models, whole)
    assert order(told).gaps == pytest.approx(order(every).gaps)
    found, expected = (noise(each, order(each)) for each in (told, every))
    assert found.z == pytest.approx(expected.z, nan_ok=True)
    assert found.halves == pytest.approx(expected.halves, nan_ok=True)
    coarse = told.on_grid(2)
    assert coarse.whole is not None
    np.testing.assert_array_equal(coarse.whole.halves, of_halves[:, 1::2])
    np.testing.assert_array_equal(coarse.means, every.on_grid(2).means)


def test_pooled_equals_paper_on_all_checkpoints_together():
    rng = np.random.default_rng(1)
    runs = [rng.gamma(2, size=(4, 30)).astype(np.float32) for _ in range(3)]
    readers = [lambda run=run: HeldOut(run, np.arange(4)) for run in runs]
    together = indicator(order(HeldOut(np.concatenate(runs), np.arange(12))), "paper")
    found = pooled(readers, [run.mean(1, dtype=np.float64) for run in runs])
    assert found.r == pytest.approx(together.r)


def test_the_gap_is_told_in_standard_errors_of_itself():
    losses = np.random.default_rng(2).gamma(2, size=(5, 40)).astype(np.float32)
    ranked = losses[np.argsort(losses.mean(1))].astype(float)
    difference = ranked[1] - ranked[0]
    found = noise(HeldOut(losses, np.arange(5)), order(HeldOut(losses, np.arange(5))))
    assert found.z == pytest.approx(difference.mean() / sem(difference), rel=1e-5)


def test_halves_are_of_the_same_samples_in_every_run_and_share_none():
    rng = np.random.default_rng(3)
    first, second = (rng.gamma(2, size=(4, 41)).astype(np.float32) for _ in range(2))
    models = np.arange(4)
    found = noise(HeldOut(first, models), order(HeldOut(first, models))).halves
    r = [indicator(order(HeldOut(first[:, half], models)), "paper").r for half in halves_of(41)]
    assert found == pytest.approx(tuple(r))
    mixed = first.copy()
    mixed[:, halves_of(41)[1]] = second[:, halves_of(41)[1]]
    other = noise(HeldOut(mixed, models), order(HeldOut(mixed, models))).halves
    assert other[0] == found[0]
    assert other[1] != found[1]


def halves_of(samples: int) -> tuple[np.ndarray, np.ndarray]:
    shuffled = np.random.default_rng(samples).permutation(samples)
    return shuffled[: samples // 2], shuffled[samples // 2 :]


@pytest.mark.parametrize("samples", [2, 3])
def test_too_few_samples_have_no_halves(samples):
    losses = np.random.default_rng(4).gamma(2, size=(3, samples)).astype(np.float32)
    found = noise(HeldOut(losses, np.arange(3)), order(HeldOut(losses, np.arange(3))))
    assert np.isfinite(found.z)
    assert np.isnan(found.halves).all()


def test_one_model_and_equal_losses_have_no_gap_to_tell():
    same = HeldOut(HAND.repeat(2, 1), np.zeros(3, int))
    alone = noise(same, order(same))
    assert math.isnan(alone.z)
    shifted = HeldOut(
        np.array([[1.0, 2.0, 1.0, 3.0], [2.0, 3.0, 2.0, 4.0]], np.float32), np.arange(2)
    )
    assert math.isnan(noise(shifted, order(shifted)).z)


@given(st.integers(2, 8), st.integers(0, 2**31), st.floats(0.1, 10))
def test_scale_free(checkpoints, seed, factor):
    """Both numerator and denominator are quadratic in the loss."""
    losses = np.random.default_rng(seed).normal(size=(checkpoints, 20))
    one, scaled = (
        indicator(order(HeldOut(each, np.arange(checkpoints))), "paper").r
        for each in (losses, factor * losses)
    )
    assert scaled == pytest.approx(one, rel=1e-6)


@given(st.integers(2, 8), st.integers(0, 2**31))
def test_paper_bounds_rate_from_below(checkpoints, seed):
    losses = np.random.default_rng(seed).normal(size=(checkpoints, 20))
    ordered = order(HeldOut(losses, np.arange(checkpoints)))
    assert indicator(ordered, "paper").r <= indicator(ordered, "rate").r * (1 + 1e-12)
