"""What torchao ships: integer weights with a scale a channel or a group."""

import logging
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from quantmia.errors import QuantmiaError
from quantmia.quantizers.base import Quantizer

Mapping = Literal["symmetric", "asymmetric"]


@dataclass(frozen=True, kw_only=True)
class TorchAO(Quantizer):
    """Weight-only integers by torchao's own arithmetic, so that what is audited is what ships.

    8 symmetric bits are `Int8WeightOnlyConfig`, everything else is `IntxWeightOnlyConfig`. They
    fit their own scales, so `scale` has no say. torchao's symmetric scale shrinks a row a little
    when it is quantized twice.

    Args:
        bits: from 2 to 8.
        mapping: `symmetric` around zero, or `asymmetric` with a zero point.

    Raises:
        QuantmiaError: torchao is not installed.
    """

    bits: int = 8
    mapping: Mapping = "symmetric"

    def __post_init__(self):
        super().__post_init__()
        if not 2 <= self.bits <= 8:
            raise ValueError(f"bits={self.bits} must lie in 2..8")
        if self.mapping not in get_args(Mapping):
            raise ValueError(f"mapping={self.mapping} must be symmetric or asymmetric")
        library()

    @property
    def bits_per_weight(self) -> float:
        """As many as asked for."""
        return float(self.bits)

    @property
    def bits_per_row(self) -> float:
        """A float32 scale, and eight bits of zero point where there is one."""
        return 40.0 if self.mapping == "asymmetric" else 32.0

    def quantize_rows(self, weights):
        """The dequantized weights."""
        ao = library()
        if weights.shape[1] == 1:  # torchao wants two; a weight beside itself has the same scale
            return self.quantize_rows(weights.expand(-1, 2).contiguous())[:, :1].contiguous()
        if self.bits == 8 and self.mapping == "symmetric":
            return ao.Int8Tensor.from_hp(weights, ao.PerRow()).dequantize()
        return ao.IntxUnpackedToInt8Tensor.from_hp(
            weights,
            (1, weights.shape[1]),  # pyright: ignore[reportArgumentType]: it wants any length
            getattr(torch, f"int{self.bits}"),
            mapping_type=ao.MappingType[self.mapping.upper()],
        ).dequantize()


def library():
    """`torchao.quantization`, imported when it is used because that takes seconds.

    Raises:
        QuantmiaError: torchao is not installed.
    """
    # It warns of kernels for GPUs that are not there.
    silenced = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        import torchao.quantization
    except ImportError:
        raise QuantmiaError(
            "quantizer: torchao is not installed. Install the extra: "
            "pip install 'quantmia[torchao]'"
        ) from None
    finally:
        logging.disable(silenced)
    return torchao.quantization
