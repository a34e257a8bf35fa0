"""What noise does to labels, and what it leaves alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmia.data import Dataset, Split, members, split, targets_of_runs, with_noise
from quantmia.data.synthetic import gaussian_mixture
from quantmia.errors import DataError


def classes(count: int, size: int = 300) -> Dataset:
    return gaussian_mixture(modes=count, dimension=3, size=size, classes=count)


def regression(size: int = 300) -> Dataset:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(size, 2)).astype(np.float32)
    target = rng.normal(5, 3, size).astype(np.float32)
    return Dataset("mine", features, target, "regression", tuple(map(str, range(size))))


def moved(data: Dataset, noisy: np.ndarray) -> np.ndarray:
    return np.flatnonzero(noisy != data.target)


@given(st.integers(2, 5), st.floats(0.02, 0.99), st.integers(0, 99))
def test_a_share_of_the_pool_gets_another_class(count, share, seed):
    data = classes(count)
    parts = split(data, 0.4, seed)
    found = with_noise(data, parts, share, seed)
    changed = moved(data, found.target)
    assert len(changed) == found.changed == round(share * len(parts.pool))
    assert set(changed) <= set(parts.pool)
    assert found.target.dtype == data.target.dtype
    assert set(np.unique(found.target)) <= set(range(count))


@given(st.floats(0.02, 0.99), st.integers(0, 99))
def test_targets_of_a_regression_change_places(share, seed):
    data = regression()
    parts = split(data, 0.4, seed)
    found = with_noise(data, parts, share, seed)
    changed = moved(data, found.target)
    assert len(changed) == found.changed == round(share * len(parts.pool))
    assert set(changed) <= set(parts.pool)
    np.testing.assert_array_equal(np.sort(found.target[changed]), np.sort(data.target[changed]))
    np.testing.assert_array_equal(np.sort(found.target), np.sort(data.target))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_held_out_and_the_source_stay(task):
    data = classes(3) if task == "classification" else regression()
    before, parts = data.target.copy(), split(data, 0.4, 0)
    found = with_noise(data, parts, 0.9, 0).target
    np.testing.assert_array_equal(found[parts.validation], before[parts.validation])
    np.testing.assert_array_equal(data.target, before)


def test_every_other_class_is_as_likely():
    data = classes(4, size=8000)
    parts = split(data, 0.1, 0)
    found = with_noise(data, parts, 0.8, 0).target
    changed = moved(data, found)
    steps = np.bincount((found[changed] - data.target[changed]) % 4, minlength=4)
    assert steps[0] == 0
    np.testing.assert_allclose(steps[1:] / len(changed), 1 / 3, atol=0.03)  # 3.7 deviations
    often = np.isin(parts.pool, changed)
    assert often[: len(often) // 2].mean() == pytest.approx(0.8, abs=0.03)  # wherever they stand


def test_the_seed_of_the_split_draws_it_and_nothing_else():
    data = classes(3)
    parts = split(data, 0.4, 0)
    first, again, other = (with_noise(data, parts, 0.2, seed).target for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert not np.array_equal(  # it is a stream of its own, not that of the held-out samples
        np.sort(np.random.default_rng(0).permutation(parts.pool)[: len(moved(data, first))]),
        moved(data, first),
    )


def test_without_noise_the_targets_are_those_of_the_source():
    data = classes(2)
    found = with_noise(data, split(data, 0.4, 0), 0.0, 0)
    assert found.target is data.target
    assert found.changed == 0


@pytest.mark.parametrize(("data", "share", "said"), [
    (classes(2, 40), 0.01, r"split\.label_noise=0\.01 of 24 samples in the pool is 0, .* least 1"),
    (regression(40), 0.04, r"split\.label_noise=0\.04 of 24 samples in the pool is 1, .* least 2"),
])  # fmt: skip
def test_noise_that_changes_nothing_is_refused(data, share, said):
    with pytest.raises(DataError, match=said):
        with_noise(data, split(data, 0.4, 0), share, 0)


def test_equal_targets_that_change_places_are_not_counted():
    data = replace(regression(40), target=np.repeat([0.0, 1.0], 20).astype(np.float32))
    parts = Split(np.arange(10, 30), np.r_[0:10, 30:40], np.arange(0))
    found = with_noise(data, parts, 0.9, 0)
    assert found.changed == len(moved(data, found.target)) < 18


def test_every_run_has_the_same_noise_on_its_own_scale():
    data = regression()
    parts = split(data, 0.4, 0)
    noisy = with_noise(data, parts, 0.2, 0).target
    mask = members(0, range(3), len(parts.pool))
    for row, own in zip(targets_of_runs(noisy, "regression", parts, mask), mask, strict=True):
        mine = noisy[parts.pool[own]]
        np.testing.assert_allclose(row, (noisy - mine.mean()) / mine.std(), rtol=1e-4, atol=1e-5)


def test_equal_targets_that_only_change_places_are_refused():
    target = np.r_[np.arange(20.0), np.full(20, 3.0)]
    data = Dataset("mine", np.ones((40, 2), np.float32), target, "regression", tuple("a" * 40))
    parts = Split(np.arange(10), np.arange(20, 40), np.arange(0))
    with pytest.raises(DataError, match=r"split\.label_noise=0\.2: the 4 samples .* have the same"):
        with_noise(data, parts, 0.2, 0)
