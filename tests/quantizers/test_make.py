import math

import pytest
import torch
from omegaconf import OmegaConf

from quantmia.quantizers import Codebook, Function, Quantizer, Sign, Uniform, make

ROWS = torch.tensor([[0.3, -1.2, 2.6, 0.0], [5.0, 0.5, -0.5, 1.4]])


def rounded(weights, step=1.0):
    return (weights / step).round() * step


def stated(weights):
    return weights.sign()


stated.bits = 2  # pyright: ignore[reportFunctionMemberAccess]


class Rounded:
    """No subclass of anything."""

    def __init__(self, step, bits=None):
        self.step = step
        if bits is not None:
            self.bits = bits

    def quantize_rows(self, weights):
        return rounded(weights, self.step)


class Half(Quantizer):
    bits = 3  # of no meaning to a subclass

    @property
    def bits_per_weight(self):
        return 16.0

    def quantize_rows(self, weights):
        return weights.half().to(weights.dtype)


class Nothing:
    def quantise(self, weights):
        return weights


class NotAMethod:
    quantize_rows = 3


class Callable:
    def __call__(self, weights):
        return weights.trunc()


truncated = Callable()


def here(name: str, **arguments) -> Quantizer:
    return make({"_target_": f"{__name__}.{name}"} | arguments)


def test_a_quantizer_of_the_package():
    assert make({"_target_": "quantmia.quantizers.Sign"}) == Sign()
    entry = {"_target_": "quantmia.quantizers.Uniform", "bits": 3, "per": "channel"}
    assert make(entry) == Uniform(bits=3, per="channel")
    assert make(OmegaConf.create(entry)) == Uniform(bits=3, per="channel")


def test_levels_of_a_config_file():
    entry = {"_target_": "quantmia.quantizers.Codebook", "levels": [-1, 0, 0.5, 1]}
    made = make(OmegaConf.create(entry))
    assert isinstance(made, Codebook)
    assert made.table == (-1, 0, 0.5, 1)
    assert torch.isfinite(made({"w": ROWS[None]})["w"]).all()


def test_a_function():
    made = here("rounded")
    assert isinstance(made, Function)
    assert torch.equal(made.quantize_rows(ROWS), ROWS.round())
    assert math.isnan(made.bits_per_weight)


def test_a_function_with_arguments():
    assert torch.equal(here("rounded", step=0.5).quantize_rows(ROWS), (ROWS * 2).round() / 2)


def test_a_function_that_states_its_bits():
    made = here("stated")
    assert made.bits_per_weight == 2
    assert torch.equal(made.quantize_rows(ROWS), ROWS.sign())


def test_a_function_of_a_library():
    assert torch.equal(make({"_target_": "torch.round"}).quantize_rows(ROWS), ROWS.round())


def test_an_object_that_can_be_called():
    assert torch.equal(here("truncated").quantize_rows(ROWS), ROWS.trunc())


def test_a_class_with_the_method():
    made = here("Rounded", step=0.5)
    assert isinstance(made, Function)
    assert torch.equal(made.quantize_rows(ROWS), (ROWS * 2).round() / 2)
    assert math.isnan(made.bits_per_weight)


def test_an_object_that_states_its_bits():
    assert here("Rounded", step=0.5, bits=4).bits_per_weight == 4


def test_a_subclass_is_itself():
    made = here("Half", bias=True, per="channel")
    assert type(made) is Half
    assert made.bias
    assert made.bits_per_weight == 16


@pytest.mark.parametrize("name", ["Nothing", "NotAMethod"])
def test_a_class_without_the_method_is_refused(name):
    with pytest.raises(TypeError, match=rf"{name} has no method quantize_rows\(weights\)"):
        here(name)


def test_arguments_that_a_class_does_not_take_are_refused():
    with pytest.raises(TypeError, match="step"):
        here("Rounded")
    with pytest.raises(TypeError, match="steps"):
        here("Rounded", steps=2)
    with pytest.raises(ValueError, match="bits=0"):
        make({"_target_": "quantmia.quantizers.Uniform", "bits": 0})
