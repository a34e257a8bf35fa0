import sys
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from quantmia.cli.__main__ import main
from quantmia.errors import QuantmiaError
from quantmia.quantizers import Calibrated, Gguf
from quantmia.quantizers.contract import examples, refusal
from quantmia.quantizers.gguf import ROW, Format
from quantmia.quantizers.stored import stored_bits
from tests.tiny import run

gguf = pytest.importorskip("gguf")
quants = pytest.importorskip("gguf.quants")

FORMATS = get_args(Format)
VALUES = {"q4_0": 16, "q4_1": 16, "q5_0": 32, "q5_1": 32, "q8_0": 256, "tq1_0": 3, "tq2_0": 3,
          "mxfp4": 15}  # fmt: skip
WEIGHTS = torch.randn(3, 24, 512, generator=torch.Generator().manual_seed(0))
WEIGHTS[0, 0] = 0.0
WEIGHTS[1, :, 3] *= 50
WEIGHTS[2] = WEIGHTS[2].abs() + 1
WEIGHTS[:, 1] *= 1e-7  # scales that float16 has few bits for
WEIGHTS[:, 2] *= 1e-30  # and none


def kind(name: str):
    return gguf.GGMLQuantizationType[name.upper()]


def written(weight: torch.Tensor, name: str) -> tuple[np.ndarray, torch.Tensor]:
    """Bytes of one weight of one model, and what is read again, as llama.cpp's converter does."""
    data, chosen = weight.numpy(), kind(name)
    with np.errstate(all="ignore"):
        try:
            stored = quants.quantize(data, chosen)
        except quants.QuantError:
            chosen = gguf.GGMLQuantizationType.F16
            stored = quants.quantize(data, chosen)
        return stored, torch.from_numpy(quants.dequantize(stored, chosen))


def same_bits(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return torch.equal(found.view(torch.int32), expected.view(torch.int32))


def check_each_run(name: str, weights: torch.Tensor) -> None:
    quantizer = Gguf(format=name)  # pyright: ignore[reportArgumentType]
    quantized = quantizer({"w": weights})["w"]
    for each, weight in zip(quantized, weights, strict=True):
        stored, read = written(weight, name)
        assert same_bits(each, read)
        assert quantizer.stored_bits({"w": weights}) == 8 * stored.nbytes / weight.numel()


@pytest.mark.parametrize("name", FORMATS)
def test_each_model_is_what_the_package_makes_of_it_alone(name):
    check_each_run(name, WEIGHTS)


@pytest.mark.parametrize("shape", [(1, 1, 256), (3, 7, 768), (5, 3, 2 * ROW + 256), (2, 3, 5, 256)])
@pytest.mark.parametrize("name", FORMATS)
def test_it_is_for_any_number_of_blocks(name, shape):
    check_each_run(name, torch.randn(shape, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("width", [1, 7, 30, 32, 64, 100, 128, 300])
@pytest.mark.parametrize("name", FORMATS)
def test_rows_that_are_no_blocks_are_float16_as_the_converter_has_them(name, width):
    check_each_run(name, WEIGHTS[:, :, :width].contiguous())


@pytest.mark.parametrize("name", FORMATS)
def test_a_kernel_is_cut_along_its_last_axis(name):
    check_each_run(name, WEIGHTS[:, :, :24].reshape(3, 24, 8, 3).contiguous())


@pytest.mark.parametrize(
    ("name", "bits"),
    [("q4_0", 4.5), ("q4_1", 5), ("q5_0", 5.5), ("q5_1", 6), ("q8_0", 8.5), ("tq1_0", 1.6875),
     ("tq2_0", 2.0625), ("mxfp4", 4.25)],
)  # fmt: skip
def test_stated_bits(name, bits):
    quantizer = Gguf(format=name)
    head = {"w": torch.ones(2, 64, 512), "b": torch.ones(2, 64), "v": torch.ones(2, 1, 64)}
    last = 16 if name.startswith("tq") else bits
    expected = (64 * 512 * bits + 64 * last) / (64 * 513)
    assert quantizer.stored_bits(head) == expected == stored_bits(head, head, quantizer)
    assert quantizer.covered(head) == ["w", "v"]
    assert quantizer.stored_bits({"w": torch.ones(2, 3, 30)}) == 16
    assert quantizer.stored_bits({"b": torch.ones(2, 64)}) == 32


@pytest.mark.parametrize("name", FORMATS)
def test_a_block_has_as_many_values_as_its_bits(name):
    size, _ = gguf.GGML_QUANT_SIZES[kind(name)]
    blocks = Gguf(format=name)({"w": WEIGHTS})["w"].reshape(-1, size)
    assert max(len(torch.unique(block)) for block in blocks) <= VALUES[name]


def test_biases_stay_and_the_weights_given_too():
    given = WEIGHTS.clone()
    params = {"w": given, "b": given[:, 0]}
    quantized = Gguf()(params)
    assert quantized["b"] is params["b"]
    assert torch.equal(given, WEIGHTS)


@pytest.mark.parametrize("width", [16, 256])
@pytest.mark.parametrize("name", FORMATS)
def test_hard_rows_keep_every_required_law(name, width):
    """Of whole blocks, and of none."""
    quantizer = Gguf(format=name)
    assert refusal(quantizer) is None
    for said, rows in examples():
        rows = rows.repeat(1, width)[:, : max(width, rows.shape[1] // width * width)]
        quantized = quantizer.quantize_rows(rows)
        assert torch.isfinite(quantized).all(), said
        alone = torch.cat([quantizer.quantize_rows(row) for row in rows.split(1)])
        assert same_bits(quantized, alone), said
        again = quantizer.quantize_rows(quantized)
        assert torch.allclose(again, quantized, rtol=1e-5, atol=0), said


@pytest.mark.parametrize("width", [30, 512])
@pytest.mark.parametrize("name", FORMATS)
def test_what_float16_cannot_hold_is_what_the_package_makes_of_it(name, width):
    weights = WEIGHTS[:1, 3:, :width].contiguous() * 1e9
    quantized = Gguf(format=name)({"w": weights})["w"][0]
    _, read = written(weights[0], name)
    assert torch.equal(quantized.isfinite(), read.isfinite())
    assert torch.allclose(quantized, read, rtol=0, atol=0, equal_nan=True)
    assert bool(quantized.isfinite().all()) == (name == "mxfp4" and width == 512)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("width", [30, 512])
@pytest.mark.parametrize("name", FORMATS)
def test_a_run_that_has_diverged_is_still_seen_to_have(name, width, bad):
    weights = WEIGHTS[:, :, :width].clone()
    weights[1] = bad
    quantized = Gguf(format=name)({"w": weights})["w"]
    assert not quantized[1].isfinite().any()
    for healthy in (0, 2):
        assert same_bits(quantized[healthy], written(WEIGHTS[healthy, :, :width], name)[1])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_types_are_rounded_as_float32_and_keep_their_type(name, dtype):
    weights = WEIGHTS.to(dtype)
    expected = Gguf(format=name)({"w": weights.float()})["w"].to(dtype)
    assert torch.equal(Gguf(format=name)({"w": weights})["w"], expected)


def test_weights_in_another_order_of_memory_and_with_gradients():
    weights = WEIGHTS.permute(1, 0, 2).contiguous().permute(1, 0, 2).requires_grad_()
    assert same_bits(Gguf()({"w": weights})["w"], Gguf()({"w": WEIGHTS})["w"])


@pytest.mark.parametrize(
    "setting",
    [
        {"per": "tensor"},
        {"group_size": 32},
        {"scale": "unit"},
        {"scale_value": 2.0},
        {"bias": True},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_what_a_format_decides_itself_is_refused(setting):
    with pytest.raises(ValueError, match=f"^{next(iter(setting))}: the format decides that"):
        Gguf(**setting)
    assert replace(Gguf(), format="mxfp4") == Gguf(format="mxfp4")


def test_another_part_of_a_trajectory_is_refused():
    with pytest.raises(ValueError, match="trajectory=first must be all or last"):
        Gguf(trajectory="first")  # pyright: ignore[reportArgumentType]


def test_formats_that_the_package_cannot_make_are_refused_with_those_that_it_can():
    with pytest.raises(ValueError, match=r"format=q4_k must be one of q4_0, q4_1, .*, mxfp4$"):
        Gguf(format="q4_k")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", ["q2_k", "q4_k", "q6_k", "iq4_nl", "nvfp4"])
def test_what_is_left_out_is_what_the_package_only_reads(name):
    if name.upper() not in gguf.GGMLQuantizationType.__members__:
        pytest.skip(f"gguf does not know {name} yet")
    with pytest.raises(NotImplementedError):
        quants.quantize(WEIGHTS.numpy(), kind(name))


def test_it_cannot_be_calibrated():
    with pytest.raises(ValueError, match=r"scheme\.per=group: has to be tensor or channel"):
        Calibrated(scheme=Gguf())


@pytest.mark.parametrize("missing", ["gguf", "gguf.quants"])
def test_without_the_package_it_says_what_to_install(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(QuantmiaError, match=r"gguf is not installed.*quantmia\[gguf\]"):
        Gguf()


def test_without_the_package_a_command_ends_in_one_sentence(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "gguf", None)
    assert main(["run", "+experiment=synthetic", "quantizer=[sign,gguf_q8_0]"]) == 2
    assert "gguf is not installed. Install the extra: pip install 'quantmia[gguf]'" in (
        " ".join(capsys.readouterr().err.split())
    )


@pytest.mark.slow
def test_an_experiment_with_blocks_and_without(tmp_path):
    chosen = "quantizer=[full_precision,gguf_q4_0,gguf_tq2_0]"
    results = run(tmp_path / "out", chosen, "dataset.dimension=64")
    assert results is not None
    ranking = results.ranking.set_index("quantizer")
    assert ranking["bits"].to_dict() == {"full_precision": 32, "gguf_q4_0": 4.5, "gguf_tq2_0": 16}
    assert ranking["utility"].notna().all()
