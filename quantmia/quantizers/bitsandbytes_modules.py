"""Modules of bitsandbytes, which answer by themselves on the CPU."""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from safetensors.torch import save
from torch import Tensor, nn

from quantmia.quantizers.answering import Sessions
from quantmia.quantizers.modules import Replaced, linear_layers, replaced, weight_of
from quantmia.quantizers.quiet import quiet, without
from quantmia.quantizers.shipped import Models, Params

# By `kernels` it would fetch code from the internet as it is imported.
with without("kernels"), quiet():
    from bitsandbytes import functional
    from bitsandbytes.nn.modules import Int8Params, Linear4bit, Linear8bitLt, Params4bit

Layer = Callable[[nn.Linear], nn.Linear]


def int8_layer(threshold: float) -> Layer:
    """A maker of layers of LLM.int8().

    Args:
        threshold: of what is given, from which on it counts as an outlier; 0: nothing does.
    """
    return lambda layer: Linear8bitLt(
        layer.in_features,
        layer.out_features,
        bias=layer.bias is not None,
        has_fp16_weights=False,
        threshold=threshold,
    )


def four_bits_layer(kind: str) -> Layer:
    """A maker of layers of 4 bits.

    Args:
        kind: `nf4` or `fp4`.
    """
    return lambda layer: Linear4bit(
        layer.in_features,
        layer.out_features,
        bias=layer.bias is not None,
        quant_type=kind,
        compute_dtype=torch.float32,
        compress_statistics=False,
    )


def answering(
    params: Params,
    models: Models,
    sample: Float[Tensor, "samples *features"],
    layer: Layer,
    batch: int | None,
) -> Sessions:
    """Models of all runs with the library's layers in place of linear ones.

    Args:
        params: in full precision, with the buffers.
        models: that evaluate the architecture.
        sample: features like those that it is asked about.
        layer: makes the library's layer for one of the model's.
        batch: samples a call, or None for all at once.

    Raises:
        QuantmiaError: the library cannot quantize the model, or it is not of float32.
    """

    def quantize(run: int, own: Params) -> Replaced:
        module = models.module(own)
        weights: dict[str, Tensor] = {}
        for name, plain in linear_layers(module):
            ours = layer(plain)
            ours.load_state_dict(plain.state_dict())
            ours = ours.to("cpu").eval()  # there the library quantizes
            if name:
                owner, _, attribute = name.rpartition(".")
                setattr(module.get_submodule(owner), attribute, ours)
            else:
                module = ours
            if weight_of(name) in own:  # once where it is tied
                weights[weight_of(name)] = _dequantized(ours)
        return Replaced(module, weights, module.state_dict(), partial(_file, module))

    return replaced("bitsandbytes", params, models, sample, quantize, batch)


def _dequantized(layer: nn.Linear) -> Tensor:
    weight = layer.weight
    if isinstance(weight, Int8Params):
        return functional.int8_vectorwise_dequant(weight.CB, weight.SCB)
    assert isinstance(weight, Params4bit)
    return _four_bits(weight.data, weight.quant_state)


def _four_bits(codes: Tensor, state: functional.QuantState) -> Tensor:
    with torch.compiler.set_stance("force_eager"):  # it would compile for odd lengths
        return functional.dequantize_4bit(codes, state)


def _file(module: nn.Module) -> tuple[str, bytes]:
    """Codes and scales as the library names them in a state_dict, which transformers reads."""
    return ".safetensors", save({k: v.contiguous() for k, v in module.state_dict().items()})


def int8_rows(rows: Float[Tensor, "rows weights"]) -> Float[Tensor, "rows weights"]:
    """Rows of weights as LLM.int8() rounds them, dequantized.

    Args:
        rows: each with a scale.
    """
    codes, scales, _ = functional.int8_vectorwise_quant(rows.half())
    return functional.int8_vectorwise_dequant(codes, scales).to(rows.dtype)


def four_bits_rows(kind: str, block: int, rows: Float[Tensor, "rows weights"]) -> Tensor:
    """Rows of weights as the library rounds blocks of them, dequantized.

    Args:
        kind: `nf4` or `fp4`.
        block: weights that share a scale.
        rows: the last block of each may be shorter.
    """
    done = []
    for row in rows:
        codes, state = functional.quantize_4bit(
            row.float().contiguous(), blocksize=block, quant_type=kind
        )
        done.append(_four_bits(codes, state).reshape(row.shape))
    return torch.stack(done).to(rows.dtype)
