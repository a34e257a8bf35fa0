import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantmia.quantizers import Sign

ROWS = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 9)),
    elements=st.floats(-9, 9, width=32, allow_subnormal=False),
)


@given(ROWS, st.sampled_from(["data", "unit", "fixed"]))
def test_the_sign_is_kept_and_zero_counts_as_positive(weights, scale):
    quantized = Sign(scale=scale, scale_value=3.0).quantize_rows(torch.tensor(weights)).numpy()
    assert np.array_equal(np.signbit(quantized), weights < 0)
    if scale != "data":
        assert np.all(np.abs(quantized) == (1.0 if scale == "unit" else 3.0))


def test_both_zeros_become_the_same_value():
    quantized = Sign(scale="unit").quantize_rows(torch.tensor([[0.0, -0.0, -1.0]]))
    assert quantized.tolist() == [[1.0, 1.0, -1.0]]


@given(ROWS)
def test_the_fitted_scale_minimises_the_squared_error(weights):
    quantized = Sign().quantize_rows(torch.tensor(weights)).numpy().astype(np.float64)
    signs = np.where(weights < 0, -1.0, 1.0)
    for row, sign, result in zip(weights.astype(np.float64), signs, quantized, strict=True):
        scales = np.linspace(0, 10, 4001)
        errors = np.square(row - scales[:, None] * sign).sum(1)
        found = np.square(row - result).sum()
        assert found <= errors.min() + 1e-5
        assert abs(abs(result[0]) - scales[errors.argmin()]) <= 0.00126
