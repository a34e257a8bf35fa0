"""Modules of torchao with int8 weights, which round what they are given to int8 at the time."""

import copy
from functools import partial

from jaxtyping import Float
from torch import Tensor, nn

from quantmia.quantizers.answering import Sessions
from quantmia.quantizers.modules import Replaced, program, replaced
from quantmia.quantizers.shipped import Models, Params
from quantmia.quantizers.torchao import library


def dynamic(
    params: Params,
    models: Models,
    sample: Float[Tensor, "samples *features"],
    reduce_range: bool,
    batch: int | None,
) -> Sessions:
    """Models of all runs after `quantize_` with `Int8DynamicActivationInt8WeightConfig`.

    Args:
        params: in full precision, with the buffers.
        models: that evaluate the architecture.
        sample: features like those that it is asked about.
        reduce_range: weights and activations in 7 bits.
        batch: samples a call, or None for all at once.

    Raises:
        QuantmiaError: the library cannot quantize the model, or it is not of float32.
    """
    ao = library()
    # The settings of the compiler are the whole process's.
    config = ao.Int8DynamicActivationInt8WeightConfig(
        reduce_range=reduce_range, set_inductor_config=False
    )

    def quantize(run: int, own: Params) -> Replaced:
        module = models.module(own)
        ao.quantize_(module, config)
        weights = {
            name: value.dequantize()
            for name, value in module.state_dict().items()
            if isinstance(value, ao.Int8Tensor) and name in own  # once where it is tied
        }
        return Replaced(module, weights, _stored(module), partial(_file, module, sample[:1].cpu()))

    return replaced("torchao", params, models, sample, quantize, batch)


def _stored(module: nn.Module) -> dict[str, Tensor]:
    """Codes, scales, and what stayed as it was."""
    found: dict[str, Tensor] = {}
    for name, value in module.state_dict().items():
        if isinstance(value, library().Int8Tensor):
            found |= {f"{name}.codes": value.qdata, f"{name}.scale": value.scale}
        else:
            found[name] = value
    return found


def _file(module: nn.Module, sample: Float[Tensor, "samples *features"]) -> tuple[str, bytes]:
    """The program with codes and scales as tensors of their own, which need no class to be read."""
    from torchao.utils import unwrap_tensor_subclass

    return ".pt2", program(unwrap_tensor_subclass(copy.deepcopy(module)), sample)
