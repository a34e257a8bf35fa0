import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantmia.quantizers import Ternary

NUMBERS = st.one_of(st.floats(-9, 9, width=32, allow_subnormal=False), st.just(0.0))
ROWS = arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 10)), elements=NUMBERS)
SPARSITIES = st.sampled_from([0.0, 0.33, 0.5, 0.9])


@given(ROWS, SPARSITIES, st.sampled_from(["data", "unit", "fixed"]))
def test_kept_weights_keep_their_sign_and_are_the_largest(weights, sparsity, scale):
    quantizer = Ternary(sparsity=sparsity, scale=scale, scale_value=3.0)
    quantized = quantizer.quantize_rows(torch.tensor(weights)).numpy()
    kept = quantized != 0
    assert np.array_equal(np.sign(quantized[kept]), np.sign(weights[kept]))
    for row, stays in zip(np.abs(weights), kept, strict=True):
        if stays.any() and not stays.all():
            assert row[stays].min() > row[~stays].max()
    if scale != "data":
        assert set(np.abs(quantized[kept]).tolist()) <= {1.0 if scale == "unit" else 3.0}


@pytest.mark.parametrize("sparsity", [0.0, 0.33, 0.5, 0.9])
@pytest.mark.parametrize("size", [1, 7, 100, 1001])
def test_the_share_of_zeros_is_the_one_asked_for(sparsity, size):
    weights = torch.randn(5, size, generator=torch.Generator().manual_seed(size))
    quantized = Ternary(sparsity=sparsity).quantize_rows(weights)
    shares = (quantized == 0).double().mean(1)
    assert len(set(shares.tolist())) == 1
    assert sparsity - 1 / size < shares[0].item() <= sparsity
    # The smallest magnitudes are the ones that vanish.
    zeros = int((quantized[0] == 0).sum())
    assert set(weights[0].abs().argsort()[:zeros].tolist()) == set(
        (quantized[0] == 0).nonzero().flatten().tolist()
    )


def test_equal_magnitudes_are_treated_alike():
    row = torch.tensor([[0.5, -0.5, 0.5, -0.5, 1.0, 0.1]])
    quantized = Ternary(sparsity=0.5).quantize_rows(row)[0]
    assert (quantized != 0).tolist() == [True, True, True, True, True, False]
    assert quantized.abs().max().item() == pytest.approx(0.6)


@given(ROWS, SPARSITIES)
def test_the_fitted_scale_minimises_the_squared_error(weights, sparsity):
    quantized = Ternary(sparsity=sparsity).quantize_rows(torch.tensor(weights)).numpy()
    for row, result in zip(weights.astype(np.float64), quantized.astype(np.float64), strict=True):
        signs = np.sign(result)
        scales = np.linspace(0, 10, 4001)
        errors = np.square(row - scales[:, None] * signs).sum(1)
        assert np.square(row - result).sum() <= errors.min() + 1e-5


def test_weights_that_are_exactly_zero_do_not_shrink_the_scale():
    quantized = Ternary(sparsity=0.25).quantize_rows(torch.tensor([[0.0, 0.0, 0.0, 2.0]]))
    assert quantized.tolist() == [[0.0, 0.0, 0.0, 2.0]]


def test_without_ties_the_best_of_all_codes_with_that_many_zeros():
    weights = np.array([[0.3, -1.1, 0.7, 0.05, -0.4, 2.0]])
    found = Ternary(sparsity=0.5).quantize_rows(torch.tensor(weights)).numpy()
    best = np.inf
    for support in itertools.combinations(range(6), 3):
        mask = np.isin(np.arange(6), support)
        scale = np.abs(weights[0, mask]).mean()
        best = min(best, np.square(weights[0] - scale * mask * np.sign(weights[0])).sum())
    assert np.square(weights - found).sum() == pytest.approx(best)


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, 1.5])
def test_impossible_sparsities_are_refused(sparsity):
    with pytest.raises(ValueError, match=f"sparsity={sparsity}"):
        Ternary(sparsity=sparsity)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_scale_is_the_mean_of_the_kept_magnitudes_in_every_type(dtype):
    # More than a bfloat16 can count to.
    weights = torch.randn(4, 1000, generator=torch.Generator().manual_seed(0)).to(dtype)
    quantized = Ternary(sparsity=0.5).quantize_rows(weights)
    for row, found in zip(weights, quantized, strict=True):
        mean = row[found != 0].abs().double().mean()
        assert found.abs().max() == mean.to(dtype)


def layers(seed: int) -> dict[str, torch.Tensor]:
    """Weights of two runs and two layers."""
    rng = torch.Generator().manual_seed(seed)
    shapes = {"0.weight": (2, 4, 13), "0.bias": (2, 4), "1.weight": (2, 1, 4)}
    return {key: (1 + seed) * torch.randn(*shape, generator=rng) for key, shape in shapes.items()}


def rows(value: torch.Tensor, per: str) -> list[torch.Tensor]:
    """Those that have a codebook each, where groups are of five."""
    lines = value.flatten(1) if per == "tensor" else value.flatten(0, 1)
    return [row for line in lines for row in line.split(5 if per == "group" else len(line))]


@pytest.mark.parametrize("scale", ["data", "unit"])
@pytest.mark.parametrize("per", ["tensor", "channel", "group"])
def test_in_training_the_threshold_is_held_and_the_scale_is_not(per, scale):
    in_steps = Ternary(held=3, per=per, group_size=5, scale=scale).in_steps()
    for step in range(8):
        now, before = layers(step), layers(step // 3 * 3)
        quantized = in_steps(now)
        assert torch.equal(quantized["0.bias"], now["0.bias"])
        for key in ("0.weight", "1.weight"):
            given = (rows(each[key], per) for each in (quantized, now, before))
            for found, weights, old in zip(*given, strict=True):
                kept = weights.abs() >= old.abs().sort().values[len(old) // 2]
                s = weights[kept].abs().mean() if scale == "data" else torch.tensor(1.0)
                torch.testing.assert_close(found, torch.where(kept, s * weights.sign(), 0.0))


class Halved(Ternary):
    def quantize_rows(self, weights):
        return super().quantize_rows(weights) / 2


@pytest.mark.parametrize("quantizer", [Ternary(held=1), Halved()], ids=["of each step", "own"])
def test_in_training_nothing_is_held_that_is_not_to_be(quantizer):
    in_steps = quantizer.in_steps()
    for step in range(6):
        found, expected = in_steps(layers(step)), quantizer(layers(step))
        assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_two_trainings_hold_nothing_together():
    quantizer = Ternary()
    first, second = quantizer.in_steps(), quantizer.in_steps()
    first(layers(0))
    assert torch.equal(second(layers(3))["0.weight"], quantizer(layers(3))["0.weight"])


def test_what_diverged_is_quantized_without_a_word():
    in_steps, weights = Ternary().in_steps(), layers(0)
    in_steps(weights)
    weights["0.weight"][0] = torch.nan
    found = in_steps(weights)["0.weight"]
    assert torch.isfinite(found[1]).all()


def test_a_threshold_is_held_for_a_step_at_least():
    with pytest.raises(ValueError, match="held=0 must be 1 or more"):
        Ternary(held=0)
