from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import KMeans as Lloyd

from quantmia.quantizers import KMeans, Uniform

VALUES = st.floats(-9, 9, width=32, allow_subnormal=False)
ROWS = arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 30)), elements=VALUES)
LEVELS = st.sampled_from([2, 3, 4, 8])


def gaussians(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def error(weights: torch.Tensor, quantized: torch.Tensor) -> np.ndarray:
    return (weights.double() - quantized.double()).square().sum(1).numpy()


def check_against_sklearn(row: np.ndarray, levels: int) -> None:
    start = np.linspace(float(row.min()), float(row.max()), levels)[:, None]
    column = row.astype(np.float64)[:, None]
    exact: dict[str, Any] = {"init": start, "n_init": 1, "max_iter": 2000, "tol": 0}
    reference = Lloyd(levels, **exact).fit(column)
    centres = reference.cluster_centers_[:, 0]
    expected = reference.predict(column)
    assert np.unique(expected).size == levels  # it would move an empty one
    quantized = KMeans(levels=levels).quantize_rows(torch.tensor(row[None]))[0].numpy()
    found, labels = np.unique(quantized, return_inverse=True)
    assert np.array_equal(labels, centres.argsort().argsort()[expected])
    assert found == pytest.approx(np.sort(centres), abs=1e-5)


@pytest.mark.parametrize(
    ("levels", "size"), [(2, 40), (3, 40), (4, 40), (4, 257), (8, 257), (8, 5000)]
)
def test_gaussian_rows_get_the_clusters_and_centres_of_sklearn(levels, size):
    for row in gaussians(4, size, seed=levels + size).numpy():
        check_against_sklearn(row, levels)


@pytest.mark.parametrize("levels", [2, 16, 64, 256])
def test_flat_rows_get_the_clusters_and_centres_of_sklearn(levels):
    rng = np.random.default_rng(levels)
    check_against_sklearn(rng.uniform(-1, 3, 6000).astype(np.float32), levels)


def test_sixteen_clusters_of_a_long_gaussian_row_are_those_of_sklearn():
    check_against_sklearn(gaussians(20_000).numpy(), 16)


def test_skewed_weights_far_from_zero():
    row = np.exp(gaussians(3000).numpy()) + 50
    check_against_sklearn(row, 4)


@given(ROWS, LEVELS)
def test_every_weight_has_the_nearest_centre_and_every_centre_is_a_mean(weights, levels):
    quantized = KMeans(levels=levels).quantize_rows(torch.tensor(weights)).numpy()
    for row, result in zip(weights.astype(np.float64), quantized.astype(np.float64), strict=True):
        centres = np.unique(result)
        assert np.all(np.abs(row - result) <= np.abs(row[:, None] - centres).min(1) + 1e-5)
        for centre in centres:
            assert row[result == centre].mean() == pytest.approx(centre, abs=1e-5)


@given(arrays(np.float32, st.tuples(st.integers(1, 3), st.just(30)), elements=VALUES), LEVELS)
def test_rows_of_few_values_are_unchanged(weights, levels):
    few = torch.tensor(weights)
    few[:, levels:] = few[:, :levels].repeat(1, 30)[:, : 30 - levels]
    assert torch.equal(KMeans(levels=levels).quantize_rows(few), few)


def test_both_zeros_are_one_value():
    row = torch.tensor([[0.0, -0.0, 3.0, 0.0, -0.0]])
    assert torch.equal(KMeans(levels=2).quantize_rows(row).view(torch.int32), row.view(torch.int32))


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("size", [10, 300, 3000])
def test_never_worse_on_gaussians_than_equally_many_spaced_equally(bits, size):
    weights = gaussians(20, size, seed=bits)
    fitted, spaced = KMeans(levels=2**bits), Uniform(bits=bits)
    found, grid = (error(weights, each.quantize_rows(weights)) for each in (fitted, spaced))
    assert np.all(found <= grid * (1 + 1e-6))
    if size == 3000 and bits < 8:
        assert np.all(found < 0.9 * grid)


@given(ROWS, LEVELS)
def test_never_worse_than_equally_many_spaced_equally(weights, levels):
    rows = torch.tensor(weights)
    found = error(rows, KMeans(levels=levels).quantize_rows(rows))
    for row, squared in zip(weights.astype(np.float64), found, strict=True):
        grid = np.linspace(row.min(), row.max(), levels)
        assert squared <= np.square(np.abs(row[:, None] - grid).min(1)).sum() + 1e-5


@given(ROWS, LEVELS, st.integers(0, 2**31))
def test_the_place_of_a_weight_in_its_row_does_not_matter(weights, levels, seed):
    rows = torch.tensor(weights)
    order = torch.randperm(rows.shape[1], generator=torch.Generator().manual_seed(seed))
    quantizer = KMeans(levels=levels)
    assert torch.equal(
        quantizer.quantize_rows(rows[:, order]), quantizer.quantize_rows(rows)[:, order]
    )


@pytest.mark.parametrize("levels", [2, 7, 16, 256])
def test_quantizing_twice_changes_nothing(levels):
    once = KMeans(levels=levels).quantize_rows(gaussians(5, 2000))
    assert torch.equal(KMeans(levels=levels).quantize_rows(once), once)


@pytest.mark.parametrize("scale", ["unit", "fixed"])
def test_the_scale_has_no_say(scale):
    weights = gaussians(3, 50)
    constant = KMeans(scale=scale, scale_value=0.01).quantize_rows(weights)
    assert torch.equal(constant, KMeans().quantize_rows(weights))


def test_rows_end_on_their_own_whatever_round_the_others_need():
    rows = torch.stack([gaussians(4000), gaussians(4000).exp(), torch.linspace(-1, 1, 4000)])
    together = KMeans(levels=16).quantize_rows(rows)
    for row, expected in zip(rows, together, strict=True):
        assert torch.equal(KMeans(levels=16).quantize_rows(row[None])[0], expected)


def test_known_values():
    row = torch.tensor([[0.0, 1.0, 10.0, 11.0, 12.0, 1.0, 0.0]])
    assert KMeans(levels=2).quantize_rows(row).tolist() == [[0.5, 0.5, 11, 11, 11, 0.5, 0.5]]


def test_a_weight_halfway_belongs_to_the_lower_centre():
    row = torch.tensor([[2.0, 1.0, 0.0]])  # from centres 0 and 2
    assert KMeans(levels=2).quantize_rows(row).tolist() == [[2.0, 0.5, 0.5]]


def test_a_centre_without_weights_costs_nothing():
    row = torch.tensor([[0.0, 0.1, 0.2, 10.0, 10.1]])  # nothing near 5
    quantized = KMeans(levels=3).quantize_rows(row)
    assert quantized[0].tolist() == pytest.approx([0.1, 0.1, 0.1, 10.05, 10.05])


@pytest.mark.parametrize("levels", [-1, 0, 1, 257])
def test_impossible_numbers_of_clusters_are_refused(levels):
    with pytest.raises(ValueError, match=f"levels={levels} must lie in 2..256"):
        KMeans(levels=levels)
