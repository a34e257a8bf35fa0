import math
from functools import partial

import pytest
import torch

from quantmia.errors import QuantmiaError
from quantmia.quantizers import Function

ROWS = torch.tensor([[0.3, -1.2, 2.6, 0.0], [5.0, 0.5, -0.5, 1.4]])


def test_it_returns_what_the_function_returns():
    quantizer = Function(function=torch.round, bits=3)
    assert torch.equal(quantizer.quantize_rows(ROWS), ROWS.round())
    assert quantizer.bits_per_weight == 3
    assert quantizer.bits_per_row == 0


def test_the_function_gets_the_rows_that_share_a_codebook():
    shapes = []
    quantizer = Function(
        function=lambda rows: shapes.append(tuple(rows.shape)) or rows, per="group", group_size=3
    )
    weights = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(quantizer({"w": weights})["w"], weights)
    assert shapes == [(10, 3), (10, 1)]


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.float64, torch.float16])
def test_numbers_of_another_type_are_brought_back(dtype):
    quantized = Function(function=lambda rows: rows.round().to(dtype))({"w": ROWS[None]})["w"]
    assert quantized.dtype == torch.float32
    assert torch.equal(quantized, ROWS.round()[None])


def test_without_stated_bits_nothing_is_known():
    quantizer = Function(function=torch.round)
    assert math.isnan(quantizer.bits_per_weight)
    assert math.isnan(quantizer.stored_bits({"w": ROWS[None]}))
    assert quantizer.stored_bits({"b": ROWS}) == 32  # nothing is quantized


def test_stated_bits_include_what_a_row_takes():
    quantizer = Function(function=torch.round, bits=3.5, per="channel")
    assert quantizer.stored_bits({"w": ROWS[None]}) == 3.5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_nan_and_infinite_weights_out_of_finite_ones_are_refused(bad):
    def spoils(rows, limit):
        return torch.where(rows > limit, bad, rows)

    quantizer = Function(function=partial(spoils, limit=4.0))
    assert torch.equal(quantizer({"w": ROWS[None, :1]})["w"], ROWS[None, :1])
    with pytest.raises(QuantmiaError, match=r"spoils.* NaN or infinite.*quantmia check"):
        quantizer({"w": ROWS[None]})


def test_a_run_that_diverged_stays_what_it_is():
    diverged = torch.stack([ROWS, ROWS / 0])
    quantized = Function(function=torch.round)({"w": diverged})["w"]
    torch.testing.assert_close(quantized, diverged.round(), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("made", [None, 3.0, "weights", [[1.0]]])
def test_what_is_no_tensor_is_refused_by_name(made):
    with pytest.raises(QuantmiaError, match=f"returned a {type(made).__name__} for rows"):
        Function(function=lambda rows: made)({"w": ROWS[None]})  # pyright: ignore[reportArgumentType]
