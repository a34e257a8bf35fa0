"""Laws that every quantizer obeys, for every scale and both granularities."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantmia.quantizers import FullPrecision, Quantizer, Sign, Ternary, Uniform

SCHEMES: list[tuple[Quantizer, int]] = [
    (Sign(), 2),
    *((Ternary(sparsity=share), 3) for share in (0.33, 0.5, 0.9)),
    *((Uniform(bits=bits), 2**bits) for bits in (2, 3, 4, 5)),
]
SETTINGS = st.fixed_dictionaries(
    {
        "scale": st.sampled_from(["data", "unit", "fixed"]),
        "scale_value": st.sampled_from([0.3, 2.5]),
        "per": st.sampled_from(["tensor", "channel"]),
    }
)
# Exact zeros and ties come often; nothing is so small that a power of two underflows.
NUMBERS = st.one_of(st.floats(-100, 100, width=32), st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0]))


@st.composite
def quantizers(draw):
    scheme, levels = draw(st.sampled_from(SCHEMES))
    return replace(scheme, **draw(SETTINGS)), levels


@st.composite
def stacks(draw):
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 12)))
    values = draw(arrays(np.float32, shape, elements=NUMBERS))
    return torch.tensor(np.where(np.abs(values) < 2**-20, np.copysign(0, values), values))


def rows(quantizer: Quantizer, weights: torch.Tensor) -> torch.Tensor:
    """The weights that share a codebook, one row each."""
    return weights.flatten(0, 1) if quantizer.per == "channel" else weights.flatten(1)


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.equal(a.view(torch.int32), b.view(torch.int32))


@given(quantizers(), stacks())
def test_quantizing_twice_changes_no_bit(scheme, weights):
    quantizer, _ = scheme
    once = quantizer({"w": weights})["w"]
    assert same_bits(quantizer({"w": once})["w"], once)


@pytest.mark.parametrize(("scheme", "levels"), SCHEMES, ids=str)
@pytest.mark.parametrize("per", ["tensor", "channel"])
def test_quantizing_twice_changes_no_bit_of_long_rows(scheme, levels, per):
    quantizer = replace(scheme, per=per)
    for size in (63, 100, 1000):
        weights = torch.randn(3, 4, size, generator=torch.Generator().manual_seed(size))
        once = quantizer({"w": weights})["w"]
        assert same_bits(quantizer({"w": once})["w"], once), size


@given(quantizers(), stacks())
def test_a_row_has_no_more_values_than_its_codebook(scheme, weights):
    quantizer, levels = scheme
    for row in rows(quantizer, quantizer({"w": weights})["w"]):
        assert len(torch.unique(row)) <= levels


@given(quantizers(), stacks())
def test_the_result_is_finite_and_the_input_unchanged(scheme, weights):
    quantizer, _ = scheme
    before = weights.clone()
    quantized = quantizer({"w": weights})["w"]
    assert quantized.shape == weights.shape
    assert quantized.dtype == weights.dtype
    assert torch.isfinite(quantized).all()
    assert same_bits(weights, before)


@given(quantizers(), stacks(), st.integers(-12, 12))
def test_a_fitted_codebook_scales_with_the_weights(scheme, weights, exponent):
    quantizer = replace(scheme[0], scale="data")
    factor = 2.0**exponent
    scaled = quantizer({"w": weights * factor})["w"]
    assert torch.equal(scaled, quantizer({"w": weights})["w"] * factor)


@given(quantizers(), stacks())
def test_the_order_of_weights_is_kept(scheme, weights):
    quantizer, _ = scheme
    original = rows(quantizer, weights)
    quantized = rows(quantizer, quantizer({"w": weights})["w"])
    order = original.argsort(dim=1, stable=True)
    assert (quantized.gather(1, order).diff(dim=1) >= 0).all()


@given(quantizers(), stacks())
def test_runs_are_quantized_as_if_alone(scheme, weights):
    quantizer, _ = scheme
    together = quantizer({"w": weights})["w"]
    for run in range(len(weights)):
        alone = quantizer({"w": weights[run : run + 1].clone()})["w"][0]
        assert same_bits(alone, together[run])


@pytest.mark.parametrize(("scheme", "levels"), SCHEMES, ids=str)
def test_runs_of_large_layers_are_quantized_as_if_alone(scheme, levels):
    weights = torch.randn(8, 64, 1000, generator=torch.Generator().manual_seed(0))
    together = scheme({"w": weights})["w"]
    for run in range(len(weights)):
        assert same_bits(scheme({"w": weights[run : run + 1].clone()})["w"][0], together[run])


@given(quantizers(), stacks())
def test_channels_are_quantized_as_if_each_were_a_tensor(scheme, weights):
    channel, tensor = (replace(scheme[0], per=per) for per in ("channel", "tensor"))
    together = channel({"w": weights})["w"]
    for index in range(weights.shape[1]):
        alone = tensor({"w": weights[:, index : index + 1].clone()})["w"]
        assert same_bits(alone[:, 0].contiguous(), together[:, index].contiguous())


@pytest.mark.parametrize(("scheme", "levels"), SCHEMES, ids=str)
@pytest.mark.parametrize("scale", ["data", "unit", "fixed"])
@pytest.mark.parametrize("constant", [0.0, 1e-40, -1e-40, 0.7, -3.0])
def test_constant_tensors(scheme, levels, scale, constant):
    quantized = replace(scheme, scale=scale)({"w": torch.full((2, 3, 5), constant)})["w"]
    assert torch.isfinite(quantized).all()
    assert len(torch.unique(quantized)) == 1
    if scale == "data":
        assert quantized[0, 0, 0].item() == pytest.approx(constant, rel=1e-6, abs=1e-42)


@pytest.mark.parametrize(("scheme", "levels"), SCHEMES, ids=str)
def test_weights_too_small_for_a_normal_float_stay_finite(scheme, levels):
    weights = torch.tensor([[[1e-40, -2e-40, 5e-40, 3e-39, 0.0]]])
    assert torch.isfinite(scheme({"w": weights})["w"]).all()


@given(quantizers(), st.booleans())
def test_biases_are_quantized_only_on_request(scheme, bias):
    quantizer = replace(scheme[0], bias=bias)
    values = torch.tensor([[0.11, -0.52, 0.93, -1.7, 2.03], [3.1, 0.2, -0.4, 5.7, 0.01]])
    quantized = quantizer({"b": values})["b"]
    expected = quantizer.quantize_rows(values) if bias else values
    assert same_bits(quantized, expected)
    assert same_bits(quantized, values) == (not bias)
    assert quantizer.covers(values) == bias
    assert quantizer.covers(values.unsqueeze(2))


@pytest.mark.parametrize(("scale", "width"), [("unit", 1.0), ("fixed", 0.25)])
@pytest.mark.parametrize(("scheme", "levels"), SCHEMES, ids=str)
def test_a_constant_codebook_is_the_same_for_all_weights(scheme, levels, scale, width):
    quantizer = replace(scheme, scale=scale, scale_value=0.25)
    weights = torch.randn(3, 40, 50, generator=torch.Generator().manual_seed(1)) * 2
    codebook = torch.unique(quantizer({"w": weights})["w"])
    assert len(codebook) == levels
    assert codebook[0] == -width
    assert codebook[-1] == width


@given(stacks(), SETTINGS)
def test_full_precision_changes_nothing(weights, settings):
    quantizer = FullPrecision(bias=True, **settings)
    params = {"w": weights, "b": weights[:, 0]}
    for name, value in quantizer(params).items():
        assert same_bits(value, params[name])
        assert not quantizer.covers(value)


def test_bits_per_weight():
    assert FullPrecision().bits_per_weight == 32
    assert Sign().bits_per_weight == 1
    assert Ternary().bits_per_weight == pytest.approx(1.58496, abs=1e-5)
    assert [Uniform(bits=b).bits_per_weight for b in (2, 3, 4, 5)] == [2, 3, 4, 5]
