import math

import pytest
import torch

from quantmia.quantizers import Function, KMeans, Sign
from quantmia.quantizers.stored import stored_bits

WEIGHTS = {"weight": torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0))}


def test_a_quantizer_that_states_its_bits_is_believed():
    quantizer = Sign()
    found = stored_bits(WEIGHTS, quantizer(WEIGHTS), quantizer)
    assert found == quantizer.stored_bits(WEIGHTS)


@pytest.mark.parametrize(("levels", "bits"), [(2, 1), (3, 2), (4, 2), (5, 3)])
def test_of_another_the_values_of_the_run_with_most_are_numbered(levels, bits):
    quantizer = Function(function=lambda rows: rows, bits=math.nan)
    values = torch.arange(64).reshape(2, 4, 8) % levels
    values[0] = 0  # one value
    assert stored_bits(WEIGHTS, {"weight": values.float()}, quantizer) == bits


def test_one_value_takes_a_bit():
    quantizer = Function(function=lambda rows: rows, bits=math.nan)
    assert stored_bits(WEIGHTS, {"weight": torch.zeros(2, 4, 8)}, quantizer) == 1


def test_a_codebook_counts():
    quantizer = KMeans(levels=4)
    assert stored_bits(WEIGHTS, quantizer(WEIGHTS), quantizer) >= 2
