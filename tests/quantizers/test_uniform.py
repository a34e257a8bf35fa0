import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantmia.quantizers import Uniform

ROWS = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 12)),
    elements=st.floats(-9, 9, width=32, allow_subnormal=False),
)
BITS = st.sampled_from([1, 2, 3, 4, 5])


def check_nearest(weights, quantized, low, high, bits):
    """Every value is on the grid low..high, and none of the grid is nearer to its weight."""
    grid = np.linspace(low, high, 2**bits)
    tolerance = 2e-6 * max(abs(low), abs(high), 1e-30)
    for weight, value in zip(weights.astype(np.float64), quantized, strict=True):
        assert np.abs(grid - value).min() <= tolerance
        assert abs(weight - value) <= np.abs(grid - weight).min() + tolerance


@given(ROWS, BITS)
def test_min_max_grid_against_numpy(weights, bits):
    quantized = Uniform(bits=bits).quantize_rows(torch.tensor(weights)).numpy()
    for row, result in zip(weights, quantized, strict=True):
        check_nearest(row, result, float(row.min()), float(row.max()), bits)
        assert result.min() == row.min()
        assert result.max() == row.max()


@given(ROWS, BITS, st.sampled_from([("unit", 1.0), ("fixed", 2.5)]))
def test_constant_grid_against_numpy(weights, bits, scale):
    quantizer = Uniform(bits=bits, scale=scale[0], scale_value=2.5)
    quantized = quantizer.quantize_rows(torch.tensor(weights)).numpy()
    for row, result in zip(weights, quantized, strict=True):
        check_nearest(row, result, -scale[1], scale[1], bits)


def test_known_values():
    row = torch.tensor([[0.0, 0.9, 1.1, 2.4, 3.0]])
    assert Uniform(bits=2).quantize_rows(row).tolist() == [[0.0, 1.0, 1.0, 2.0, 3.0]]


def test_zeros_have_no_sign_wherever_they_stand():
    row = torch.tensor([[-1.0, -0.0, -0.1, 0.0] * 9])
    quantized = Uniform(bits=2).quantize_rows(row)
    assert not quantized[quantized == 0].signbit().any()


@given(ROWS, BITS)
def test_no_weight_moves_further_than_half_a_step(weights, bits):
    quantized = Uniform(bits=bits).quantize_rows(torch.tensor(weights)).numpy()
    steps = np.ptp(weights, axis=1, keepdims=True) / (2**bits - 1)
    assert np.all(np.abs(weights - quantized) <= steps / 2 + 1e-5)


@pytest.mark.parametrize("bits", [0, 17, -1])
def test_impossible_widths_are_refused(bits):
    with pytest.raises(ValueError, match=f"bits={bits}"):
        Uniform(bits=bits)
