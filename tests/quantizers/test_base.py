"""Laws that every quantizer obeys, for every scale and whatever shares a codebook."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantmia.errors import QuantmiaError
from quantmia.quantizers import (
    Codebook,
    Float8,
    FullPrecision,
    KMeans,
    Quantizer,
    Sign,
    Ternary,
    Uniform,
)

FORMATS: list[tuple[Quantizer, int]] = [  # 256 codes, less -0 and infinities and NaN
    (Float8(format="e4m3"), 256 - 1 - 2),
    (Float8(format="e5m2"), 256 - 1 - 8),
]
OWN: tuple[Quantizer, int] = Codebook(levels=(-1.0, 0.1, 0.4, 1.0)), 4
FITTED: list[tuple[Quantizer, int]] = [(KMeans(levels=levels), levels) for levels in (2, 3, 4)]
# Without its ends a codebook of one's own shrinks a row, which two laws leave out.
INNER: tuple[Quantizer, int] = Codebook(levels=(-0.5, 0.0, 0.25)), 3
# A constant codebook, whose ends are the constant: a cluster has no constant, an 8-bit float
# ends at the next power of two times its largest number.
CONSTANT: list[tuple[Quantizer, int]] = [
    (Sign(), 2),
    *((Ternary(sparsity=share), 3) for share in (0.33, 0.5, 0.9)),
    *((Uniform(bits=bits), 2**bits) for bits in (2, 3, 4, 5)),
    (Codebook(levels="nf4"), 16),
    (Codebook(levels="fp4"), 15),  # both zeros are one
    OWN,
]
STABLE = [*CONSTANT, *FORMATS, *FITTED]
SCHEMES = [*STABLE, INNER]
SETTINGS = st.fixed_dictionaries(
    {
        "scale": st.sampled_from(["data", "unit", "fixed"]),
        "scale_value": st.sampled_from([0.3, 2.5]),
        "per": st.sampled_from(["tensor", "channel", "group"]),
        "group_size": st.sampled_from([1, 2, 3, 5, 100]),  # rows have up to 12 weights
    }
)
# Exact zeros and ties come often; nothing is so small that a power of two underflows.
NUMBERS = st.one_of(st.floats(-100, 100, width=32), st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0]))


@st.composite
def quantizers(draw, schemes=SCHEMES):
    scheme, levels = draw(st.sampled_from(schemes))
    return replace(scheme, **draw(SETTINGS)), levels


@st.composite
def stacks(draw):
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 12)))
    values = draw(arrays(np.float32, shape, elements=NUMBERS))
    return torch.tensor(np.where(np.abs(values) < 2**-20, np.copysign(0, values), values))


def rows(quantizer: Quantizer, weights: torch.Tensor) -> list[torch.Tensor]:
    """The weights that share a codebook, one row each."""
    if quantizer.per == "tensor":
        return list(weights.flatten(1))
    size = quantizer.group_size if quantizer.per == "group" else weights.shape[2]
    return [row for channel in weights.flatten(0, 1) for row in channel.split(size)]


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.equal(a.view(torch.int32), b.view(torch.int32))


@given(quantizers(STABLE), stacks())
def test_quantizing_twice_changes_no_bit(scheme, weights):
    quantizer, _ = scheme
    once = quantizer({"w": weights})["w"]
    assert same_bits(quantizer({"w": once})["w"], once)


@pytest.mark.parametrize(("scheme", "levels"), STABLE, ids=str)
@pytest.mark.parametrize("per", ["tensor", "channel", "group"])
def test_quantizing_twice_changes_no_bit_of_long_rows(scheme, levels, per):
    quantizer = replace(scheme, per=per, group_size=64)
    for size in (63, 100, 1000):
        weights = torch.randn(3, 4, size, generator=torch.Generator().manual_seed(size))
        once = quantizer({"w": weights})["w"]
        assert same_bits(quantizer({"w": once})["w"], once), size


@given(quantizers(), stacks())
def test_a_row_has_no_more_values_than_its_codebook(scheme, weights):
    quantizer, levels = scheme
    for row in rows(quantizer, quantizer({"w": weights})["w"]):
        assert len(torch.unique(row)) <= levels


@pytest.mark.parametrize(("scheme", "levels"), SCHEMES, ids=str)
def test_the_codebook_fits_into_its_bits(scheme, levels):
    assert levels <= 2**scheme.bits_per_weight * (1 + 1e-12)  # log2(3) is rounded


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
    for before, after in zip(original, quantized, strict=True):
        assert (after[before.argsort(stable=True)].diff() >= 0).all()


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


@given(quantizers(), stacks())
def test_groups_are_quantized_as_if_each_were_a_channel(scheme, weights):
    group, channel = (replace(scheme[0], per=per) for per in ("group", "channel"))
    together = group({"w": weights})["w"]
    for start in range(0, weights.shape[2], group.group_size):
        slab = (..., slice(start, start + group.group_size))
        alone = channel({"w": weights[slab].clone()})["w"]
        assert same_bits(alone, together[slab].contiguous())


@pytest.mark.parametrize(("scheme", "levels"), SCHEMES, ids=str)
@pytest.mark.parametrize("per", ["tensor", "channel", "group"])
def test_kernels_are_cut_as_if_they_were_flat(scheme, levels, per):
    quantizer = replace(scheme, per=per, group_size=5)  # of 3 * 2 * 2 weights a channel
    kernels = torch.randn(2, 4, 3, 2, 2, generator=torch.Generator().manual_seed(2))
    flat = quantizer({"w": kernels.flatten(2)})["w"]
    assert same_bits(quantizer({"w": kernels})["w"].flatten(2), flat)


@pytest.mark.parametrize("size", [0, -1])
def test_impossible_group_sizes_are_refused(size):
    with pytest.raises(ValueError, match=f"group_size={size}"):
        Sign(per="group", group_size=size)


@pytest.mark.parametrize(("scheme", "levels"), SCHEMES, ids=str)
@pytest.mark.parametrize("scale", ["data", "unit", "fixed"])
@pytest.mark.parametrize("constant", [0.0, 1e-40, -1e-40, 0.7, -3.0])
def test_constant_tensors(scheme, levels, scale, constant):
    quantized = replace(scheme, scale=scale)({"w": torch.full((2, 3, 5), constant)})["w"]
    assert torch.isfinite(quantized).all()
    assert len(torch.unique(quantized)) == 1
    if scale == "data" and (scheme, levels) != INNER:
        # An 8-bit float has no number for every constant, and fewer of them at the lower end.
        close = 0.125 if isinstance(scheme, Float8) else 1e-6
        assert quantized[0, 0, 0].item() == pytest.approx(constant, rel=close, abs=1e-42)


@pytest.mark.parametrize(("scheme", "levels"), SCHEMES, ids=str)
@pytest.mark.parametrize("scale", ["data", "unit", "fixed"])
@pytest.mark.parametrize("row", [[1e-40, -2e-40, 5e-40, 3e-39, 0.0], [1e-37, 0.0], [-1e38, 3e38]])
def test_the_ends_of_the_range_of_floats_stay_finite(scheme, levels, scale, row):
    if isinstance(scheme, Uniform) and scale == "data" and row[-1] > 1:
        row = [0.0, row[-1]]  # the distance between its ends has to be a float, too
    assert torch.isfinite(replace(scheme, scale=scale)({"w": torch.tensor([[row]])})["w"]).all()


@given(quantizers(), st.booleans(), st.sampled_from(["tensor", "channel"]))
def test_biases_are_quantized_only_on_request(scheme, bias, per):
    quantizer = replace(scheme[0], bias=bias, per=per)  # both are one row a run
    values = torch.tensor([[0.11, -0.52, 0.93, -1.7, 2.03], [3.1, 0.2, -0.4, 5.7, 0.01]])
    quantized = quantizer({"b": values})["b"]
    expected = quantizer.quantize_rows(values) if bias else values
    assert same_bits(quantized, expected)
    assert same_bits(quantized, values) == (not bias)
    assert quantizer.covers(values) == bias
    assert quantizer.covers(values.unsqueeze(2))


@given(quantizers(), stacks())
def test_a_bias_is_cut_into_groups_like_one_channel(scheme, weights):
    quantizer = replace(scheme[0], bias=True, per="group")
    bias = weights[:, 0].clone()
    expected = quantizer({"w": bias.unsqueeze(1)})["w"].squeeze(1)
    assert same_bits(quantizer({"b": bias})["b"], expected)


@pytest.mark.parametrize(("scale", "width"), [("unit", 1.0), ("fixed", 0.25)])
@pytest.mark.parametrize(("scheme", "levels"), CONSTANT, ids=str)
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
    assert [KMeans(levels=k).bits_per_weight for k in (2, 3, 4, 16, 17, 256)] == [1, 2, 2, 4, 5, 8]
    assert [Codebook(levels=t).bits_per_weight for t in ("nf4", "fp4", (-1, 0, 1))] == [4, 4, 2]
    assert Float8().bits_per_weight == 8


@pytest.mark.parametrize(
    ("quantizer", "row"),
    [
        (Sign(), 32),
        (Ternary(), 32),
        (Uniform(), 64),  # both ends
        (Codebook(), 32),
        (Float8(), 8),  # an exponent
        (KMeans(levels=4), 4 * 32),
    ],
    ids=str,
)
def test_bits_per_row(quantizer, row):
    assert quantizer.bits_per_row == row
    for scale in ("unit", "fixed"):  # a cluster is fitted whatever the scale
        constant = replace(quantizer, scale=scale).bits_per_row
        assert constant == (row if isinstance(quantizer, KMeans) else 0)


# Two runs of 3 channels of 5 weights, with a bias: what one run stores.
PARAMS = {"w": torch.zeros(2, 3, 5), "b": torch.zeros(2, 3)}


@pytest.mark.parametrize(
    ("quantizer", "codes", "rows", "row"),
    [
        (Sign(), 15 * 1, 1, 32),
        (Sign(scale="unit"), 15 * 1, 1, 0),
        (Sign(per="channel"), 15 * 1, 3, 32),
        (Uniform(bits=4, per="channel"), 15 * 4, 3, 64),
        (Uniform(bits=4, per="group", group_size=5), 15 * 4, 3, 64),
        (Uniform(bits=4, per="group", group_size=9), 15 * 4, 3, 64),
        (Uniform(bits=4, per="group", group_size=2), 15 * 4, 9, 64),  # 2 + 2 + 1 a channel
        (Codebook(per="group", group_size=4), 15 * 4, 6, 32),  # 4 + 1
        (KMeans(levels=3, per="group", group_size=3), 15 * 2, 6, 96),  # 3 + 2
        (Float8(per="group", group_size=1), 15 * 8, 15, 8),
        (Sign(bias=True), 18 * 1, 2, 32),
        (Sign(bias=True, per="channel"), 18 * 1, 4, 32),  # a bias is one row
        (Sign(bias=True, per="group", group_size=2), 18 * 1, 9 + 2, 32),
        (Sign(bias=True, per="group", group_size=2, scale="fixed"), 18 * 1, 9 + 2, 0),
    ],
    ids=str,
)
def test_stored_bits_counted_by_hand(quantizer, codes, rows, row):
    weights = 18 if quantizer.bias else 15
    assert quantizer.stored_bits(PARAMS) == pytest.approx((codes + rows * row) / weights)


def test_stored_bits_of_several_layers_and_of_kernels():
    params = {"one": torch.zeros(1, 2, 3, 2, 2), "two": torch.zeros(1, 4, 1), "bias": PARAMS["b"]}
    # 2 channels of 12 weights in groups of 8 and 4; 4 channels of one weight.
    assert Sign(per="group", group_size=8).stored_bits(params) == (28 + (4 + 4) * 32) / 28
    assert Sign(per="channel").stored_bits(params) == (28 + (2 + 4) * 32) / 28
    assert Sign().stored_bits(params) == (28 + 2 * 32) / 28


def test_what_is_not_quantized_takes_32_bits():
    assert FullPrecision(bias=True).stored_bits(PARAMS) == 32
    assert Sign().stored_bits({"b": PARAMS["b"]}) == 32
    assert Sign().stored_bits({}) == 32


@dataclass(frozen=True, kw_only=True)
class Returns(Quantizer):
    """Keeps count of its rows, and returns what it is told to."""

    seen: list[int]
    made: Callable[[torch.Tensor], Any] = lambda weights: weights

    @property
    def bits_per_weight(self) -> float:
        return 1.0

    def quantize_rows(self, weights):
        self.seen.append(len(weights))
        return self.made(weights)


@given(stacks(), SETTINGS, st.booleans())
def test_stored_bits_count_the_rows_that_are_quantized(weights, settings, bias):
    quantizer = Returns(seen=[], bias=bias, **settings)
    params = {"w": weights, "b": weights[:, 0]}
    quantizer(params)
    runs, covered = len(weights), sum(v[0].numel() for v in params.values() if quantizer.covers(v))
    expected = 1 + sum(quantizer.seen) / runs * quantizer.bits_per_row / covered
    assert quantizer.stored_bits(params) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda weights: weights[:, :1], r"\[6, 1\] of torch.float32"),
        (lambda weights: weights.flatten(), r"\[30\] of torch.float32"),
        (lambda weights: weights.double(), r"\[6, 5\] of torch.float64"),
        (lambda weights: weights.tolist(), "a list"),
        (lambda weights: None, "a NoneType"),
    ],
)
def test_rows_of_another_shape_or_type_are_refused(made, said):
    quantizer = Returns(seen=[], made=made, per="channel")
    message = rf"Returns.* returned {said} for rows \[6, 5\] of torch.float32.*quantmia check"
    with pytest.raises(QuantmiaError, match=message):
        quantizer(PARAMS)


def test_the_last_group_has_to_keep_its_shape_too():
    quantizer = Returns(seen=[], made=lambda weights: weights[:, :4], per="group", group_size=4)
    assert quantizer({"w": torch.zeros(1, 2, 5)})["w"].shape == (1, 2, 5)
    with pytest.raises(QuantmiaError, match=r"\[2, 4\] .* for rows \[2, 5\]"):
        replace(quantizer, group_size=5)({"w": torch.zeros(1, 2, 5)})
    ragged = replace(quantizer, made=lambda weights: weights if weights.shape[1] == 4 else None)
    with pytest.raises(QuantmiaError, match=r"a NoneType for rows \[2, 1\]"):
        ragged({"w": torch.zeros(1, 2, 5)})
