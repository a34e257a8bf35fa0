import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantmia.quantizers import Float8

TYPES = {"e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2}
LARGEST = {"e4m3": 448.0, "e5m2": 57344.0}
FORMATS = st.sampled_from(list(TYPES))
ROWS = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 12)),
    elements=st.floats(-1, 1, width=32, allow_subnormal=False),
)


def number(code: int, exponent_bits: int, infinities: bool) -> float:
    """What an 8-bit float stands for, by its bits; Micikevicius et al. 2022, table 1."""
    mantissa_bits = 7 - exponent_bits
    sign = -1.0 if code >> 7 else 1.0
    exponent = code >> mantissa_bits & 2**exponent_bits - 1
    mantissa = code & 2**mantissa_bits - 1
    bias = 2 ** (exponent_bits - 1) - 1
    if exponent == 2**exponent_bits - 1 and (infinities or mantissa == 2**mantissa_bits - 1):
        return np.nan if mantissa or not infinities else sign * np.inf
    if exponent == 0:
        return sign * mantissa * 2.0 ** (1 - bias - mantissa_bits)
    return sign * (1 + mantissa / 2**mantissa_bits) * 2.0 ** (exponent - bias)


NUMBERS = {
    "e4m3": [number(code, 4, infinities=False) for code in range(256)],
    "e5m2": [number(code, 5, infinities=True) for code in range(256)],
}


def finite(name: str) -> np.ndarray:
    return np.unique([each + 0.0 for each in NUMBERS[name] if np.isfinite(each)])


def in_range(weights: np.ndarray, name: str) -> torch.Tensor:
    """Each row so scaled that its largest magnitude is the type's largest number."""
    width = np.abs(weights).max(1, keepdims=True)
    return torch.tensor(weights / np.where(width > 0, width, 1) * np.float32(LARGEST[name]))


def test_the_numbers_of_the_two_types():
    assert [len(finite(name)) for name in TYPES] == [253, 247]
    assert [finite(name).max() for name in TYPES] == list(LARGEST.values())
    assert [finite(name)[finite(name) > 0].min() for name in TYPES] == [2.0**-9, 2.0**-16]
    for name, dtype in TYPES.items():
        codes = torch.arange(256, dtype=torch.uint8).view(dtype).double().numpy()
        assert np.array_equal(codes, NUMBERS[name], equal_nan=True)


@given(ROWS, FORMATS)
def test_in_range_it_is_a_plain_cast(weights, name):
    rows = in_range(weights, name)
    cast = rows.to(TYPES[name]).to(torch.float32)
    assert torch.equal(Float8(format=name).quantize_rows(rows), cast)


@given(ROWS, FORMATS, st.integers(-60, 60))
def test_the_scale_is_a_power_of_two(weights, name, exponent):
    rows = in_range(weights, name)
    cast = rows.to(TYPES[name]).to(torch.float32)
    quantized = Float8(format=name).quantize_rows(rows * 2.0**exponent)
    assert torch.equal(quantized, cast * 2.0**exponent)


@pytest.mark.parametrize("name", TYPES)
def test_where_nothing_underflows_the_scale_moves_no_bit(name):
    weights = torch.randn(50, 200, generator=torch.Generator().manual_seed(0))
    weights = weights.sign() * weights.abs().clamp(1e-3 if name == "e5m2" else 0.1)
    cast = weights.to(TYPES[name]).to(torch.float32)
    assert torch.equal(Float8(format=name).quantize_rows(weights), cast)


@pytest.mark.parametrize("name", TYPES)
def test_the_nearest_of_all_codes_by_brute_force(name):
    rng = np.random.default_rng(0)
    codes = finite(name)
    between = (codes[1:] + codes[:-1]) / 2
    rows = np.concatenate(
        [codes, between, rng.uniform(-1, 1, 2000) * LARGEST[name], rng.normal(size=500), [1e-12]]
    ).astype(np.float32)
    quantized = Float8(format=name).quantize_rows(torch.tensor(rows[None]))[0].numpy()
    distance = np.abs(codes - rows[:, None].astype(np.float64))
    assert np.array_equal(np.abs(quantized - rows.astype(np.float64)), distance.min(1))
    # Halfway between two, the one whose last bit is zero.
    even = {abs(each) for code, each in enumerate(NUMBERS[name]) if code % 2 == 0}
    halfway = (distance == distance.min(1, keepdims=True)).sum(1) == 2
    assert halfway.sum() >= len(between)
    assert {abs(float(each)) for each in quantized[halfway]} <= even


@pytest.mark.parametrize("name", TYPES)
def test_a_row_that_reaches_the_end_of_a_range_stays_in_it(name):
    largest, smallest = LARGEST[name], finite(name)[finite(name) > 0].min()
    for exponent in (-30, 0, 7):
        ends = torch.tensor([[largest, -smallest, smallest]]) * 2.0**exponent
        assert torch.equal(Float8(format=name).quantize_rows(ends), ends)
        # Rounded up to the end: the second pass finds the same range.
        near = ends * torch.tensor([1 - 2**-10, 1, 1])
        assert torch.equal(Float8(format=name).quantize_rows(near), ends)
        # Beyond the end: the next range, whose smallest number is twice as large.
        beyond = torch.nextafter(ends[:, :1], torch.tensor(torch.inf))
        quantized = Float8(format=name).quantize_rows(torch.cat([beyond, ends[:, 1:]], 1))
        assert quantized[0].tolist() == [ends[0, 0].item(), 0.0, 0.0]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize(("scale", "width"), [("unit", 1.0), ("fixed", 0.3), ("fixed", 448.0)])
def test_a_constant_range_clips_at_the_power_of_two_above_it(name, scale, width):
    quantizer = Float8(format=name, scale=scale, scale_value=width)
    rows = torch.tensor([[1e6, -1e6, 1e-3, 0.9 * width], [0.0, 0.0, 0.0, 1e-3]])
    end = LARGEST[name] * 2.0 ** np.ceil(np.log2(width / LARGEST[name]))
    assert width <= end < 2 * width
    quantized = quantizer.quantize_rows(rows)
    assert quantized[0, :2].tolist() == [end, -end]
    ratio = 2.0 ** np.log2(end / LARGEST[name])
    expected = (rows.clamp(-end, end) / ratio).to(TYPES[name]).to(torch.float32) * ratio
    assert torch.equal(quantized, expected)


@given(ROWS, FORMATS)
def test_the_relative_error_is_half_of_the_last_bit(weights, name):
    quantized = Float8(format=name).quantize_rows(torch.tensor(weights)).numpy()
    width = np.abs(weights).max(1, keepdims=True)
    # Beneath the smallest normal number the steps are as wide as there.
    smallest = {"e4m3": 2.0**-6, "e5m2": 2.0**-14}[name] * 2 * width / LARGEST[name]
    half = {"e4m3": 2.0**-4, "e5m2": 2.0**-3}[name]
    bound = half * np.maximum(np.abs(weights), smallest)
    assert np.all(np.abs(quantized.astype(np.float64) - weights) <= bound * (1 + 1e-6))


@pytest.mark.parametrize("name", TYPES)
def test_powers_of_two_beyond_float32_are_never_needed(name, monkeypatch):
    # As in versions of PyTorch whose ldexp multiplies by the power of two.
    monkeypatch.setattr(torch, "ldexp", lambda value, power: value * torch.pow(2.0, power))
    for largest in (1e-45, 1e-40, 1e-38, 1e-36, 1e-30, 1e30, 3e38):
        row = torch.tensor([[largest, 0.0, -largest]])
        quantized = Float8(format=name).quantize_rows(row)
        assert torch.isfinite(quantized).all()
        assert quantized[0, 1] == 0
        assert quantized[0, 0].item() == pytest.approx(largest, rel=0.125, abs=1e-40)


def test_unknown_formats_are_refused():
    with pytest.raises(ValueError, match="format=e3m4 must be e4m3 or e5m2"):
        Float8(format="e3m4")  # pyright: ignore[reportArgumentType]
