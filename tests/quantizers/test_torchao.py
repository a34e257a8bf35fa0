import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from quantmia.errors import QuantmiaError
from quantmia.quantizers import TorchAO
from quantmia.quantizers.torchao import library

pytest.importorskip("torchao")
ao = library()  # without its warnings of kernels that are not there

WEIGHTS = torch.randn(3, 24, 96, generator=torch.Generator().manual_seed(0))
WEIGHTS[0, 0] = 0.0
WEIGHTS[1, :, 3] *= 50
WEIGHTS[2] = WEIGHTS[2].abs() + 1
MAPPINGS = ["symmetric", "asymmetric"]


def by_torchao(weight: torch.Tensor, config) -> torch.Tensor:
    """What the package itself makes of a layer."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    with torch.no_grad():
        layer.weight.copy_(weight)
    ao.quantize_(layer, config)
    return layer.weight.dequantize()


def check_each_run(quantizer: TorchAO, config) -> None:
    quantized = quantizer({"w": WEIGHTS})["w"]
    for run, weight in zip(quantized, WEIGHTS, strict=True):
        expected = by_torchao(weight, config)
        assert torch.equal(run.view(torch.int32), expected.view(torch.int32))


def integers(bits: int, mapping: str, granularity):
    return ao.IntxWeightOnlyConfig(
        weight_dtype=getattr(torch, f"int{bits}"),
        granularity=granularity,
        mapping_type=ao.MappingType[mapping.upper()],
    )


def test_int8_a_channel_is_its_int8_weight_only():
    # Without settings of the compiler, which are global.
    config = ao.Int8WeightOnlyConfig(set_inductor_config=False)
    check_each_run(TorchAO(bits=8, per="channel"), config)


@pytest.mark.parametrize("size", [2, 32, 96])  # it fails on groups of one weight
def test_int8_a_group_is_its_int8_weight_only(size):
    config = ao.Int8WeightOnlyConfig(granularity=ao.PerGroup(size), set_inductor_config=False)
    check_each_run(TorchAO(bits=8, per="group", group_size=size), config)


def test_int8_a_tensor_is_its_int8_weight_only():
    config = ao.Int8WeightOnlyConfig(granularity=ao.PerTensor(), set_inductor_config=False)
    check_each_run(TorchAO(bits=8, per="tensor"), config)


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 8])
def test_other_integers_a_channel_are_its_intx_weight_only(bits, mapping):
    quantizer = TorchAO(bits=bits, mapping=mapping, per="channel")
    check_each_run(quantizer, integers(bits, mapping, ao.PerAxis(0)))


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize(("bits", "size"), [(2, 32), (4, 2), (4, 32), (4, 96), (8, 32)])
def test_other_integers_a_group_are_its_intx_weight_only(bits, size, mapping):
    quantizer = TorchAO(bits=bits, mapping=mapping, per="group", group_size=size)
    check_each_run(quantizer, integers(bits, mapping, ao.PerGroup(size)))


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_a_ragged_last_group_is_a_layer_of_its_own(mapping):
    quantizer = TorchAO(bits=4, mapping=mapping, per="group", group_size=40)
    last = by_torchao(WEIGHTS[1, :, 80:], integers(4, mapping, ao.PerAxis(0)))
    assert torch.equal(quantizer({"w": WEIGHTS})["w"][1, :, 80:], last)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("mapping", MAPPINGS)
def test_a_row_of_one_weight_is_that_weight_twice(bits, mapping):
    quantizer = TorchAO(bits=bits, mapping=mapping)
    ones = torch.tensor([[3.0], [-0.7], [0.0], [1e-3]])
    expected = quantizer.quantize_rows(ones.repeat(1, 2))[:, :1]
    quantized = quantizer.quantize_rows(ones)
    assert quantized.shape == ones.shape
    assert torch.equal(quantized, expected)
    # b symmetric bits end half a step short of a positive weight, and beyond a negative one.
    assert quantized[:, 0].tolist() == pytest.approx(ones[:, 0].tolist(), rel=0.5001 / 7)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("per", ["tensor", "channel", "group"])
def test_values_fit_into_the_bits_and_are_finite(bits, mapping, per):
    quantizer = TorchAO(bits=bits, mapping=mapping, per=per, group_size=40)
    quantized = quantizer({"w": WEIGHTS * 1e-3, "b": WEIGHTS[:, 0]})
    assert torch.isfinite(quantized["w"]).all()
    assert torch.equal(quantized["b"], WEIGHTS[:, 0])
    rows = {"tensor": (1, -1), "channel": (2, 96), "group": (2, 40)}[per]
    for row in quantized["w"][:, :, : rows[1]].flatten(0, 1):
        assert len(torch.unique(row)) <= 2**bits


def test_the_scale_has_no_say():
    quantizer = TorchAO(bits=4, per="channel")
    constant = replace(quantizer, scale="fixed", scale_value=0.01)
    assert torch.equal(constant({"w": WEIGHTS})["w"], quantizer({"w": WEIGHTS})["w"])
    assert constant.bits_per_row == 32


def test_stored_bits():
    params = {"w": WEIGHTS}  # 24 channels of 96 weights
    assert TorchAO(per="channel").stored_bits(params) == 8 + 32 / 96
    assert TorchAO(bits=4, per="group", group_size=32).stored_bits(params) == 4 + 32 / 32
    asymmetric = TorchAO(bits=4, mapping="asymmetric", per="group", group_size=36)
    assert asymmetric.stored_bits(params) == 4 + 3 * (32 + 8) / 96  # 36 + 36 + 24


@pytest.mark.parametrize("bits", [1, 9])
def test_impossible_widths_are_refused(bits):
    with pytest.raises(ValueError, match=f"bits={bits} must lie in 2..8"):
        TorchAO(bits=bits)


def test_unknown_mappings_are_refused():
    with pytest.raises(ValueError, match="mapping=odd must be symmetric or asymmetric"):
        TorchAO(mapping="odd")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("missing", ["torchao", "torchao.quantization"])
def test_without_the_package_it_says_what_to_install(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(QuantmiaError, match=r"torchao is not installed.*quantmia\[torchao\]"):
        TorchAO()
