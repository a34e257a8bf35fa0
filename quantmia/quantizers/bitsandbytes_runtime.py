"""What bitsandbytes ships: LLM.int8(), NF4 and FP4, computed by its own layers on the CPU."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch

from quantmia.quantizers.base import FLOAT
from quantmia.quantizers.runtime import Runtime

Format = Literal["int8", "nf4", "fp4"]
BLOCK = 64  # weights that share a scale of 4 bits
HALF_MOST = 65504.0  # of what float16 holds


@dataclass(frozen=True, kw_only=True)
class BitsAndBytes(Runtime):
    """Linear layers replaced by the library's, measured by what these answer.

    Biases, and what is no linear layer, stay as they are. Those who look into models see weights as
    the library dequantizes them. With AVX-512 in bfloat16 the library computes 4 bits in that, so
    that answers depend on the processor: audit on the one that you ship on.

    Args:
        format: `int8`: `Linear8bitLt`, weights in 8 bits with a scale an output channel, and what a
            layer is given with a scale a row, at the time, both by way of float16 (Dettmers et al.
            2022). `nf4`, `fp4`: `Linear4bit`, blocks of 64 neighbours of a whole weight with a
            float32 scale, and activations as they are (Dettmers et al. 2023, without double
            quantization).
        threshold: of `int8`: inputs of a layer that reach it are not rounded, in all rows of a
            batch; 0: all are. The layer's own default is 0, that of transformers 6.
        batch: samples a call, or null for all at once. With outliers an answer depends on the
            batch that it is in, unless that is of one.

    Raises:
        QuantmiaError: bitsandbytes is not installed.
    """

    format: Format = "int8"
    threshold: float = 6.0
    batch: int | None = 1
    extra: ClassVar[str] = "bitsandbytes"
    packages: ClassVar[tuple[str, ...]] = ("bitsandbytes",)

    def __post_init__(self):
        super().__post_init__()
        if self.format not in get_args(Format):
            raise ValueError(f"format={self.format} must be int8, nf4 or fp4")
        if self.per != "tensor":
            raise ValueError(f"per={self.per}: the format decides that itself; leave it out")
        if not 0 <= self.threshold < math.inf:
            raise ValueError(f"threshold={self.threshold} must be 0 or more")

    @property
    def bits_per_weight(self) -> float:
        """8; or NaN, as a short block has its scale too; `stored_bits` knows."""
        return 8.0 if self.format == "int8" else math.nan

    @property
    def bits_per_row(self) -> float:
        """A float32 scale; none beside the blocks."""
        return 32.0 if self.format == "int8" else 0.0

    @property
    def bits_per_activation(self) -> float:
        """8, or as they are."""
        return 8.0 if self.format == "int8" else FLOAT

    def covers(self, value):
        """Matrices; an embedding counts as one."""
        return value.ndim == 3

    def stored_bits(self, params, layers=None):
        """Codes, and a float32 scale an output channel or a block."""
        bits = weights = 0.0
        for value in params.values():
            if self.covers(value):
                size = value[0].numel()
                weights += size
                if self.format == "int8":
                    bits += 8 * size + 32 * value.shape[1]
                else:
                    bits += 8 * math.ceil(size / 2) + 32 * math.ceil(size / BLOCK)
        return bits / weights if weights else FLOAT

    def quantize_rows(self, weights):
        """The weights of a scale each, or of blocks; those of a diverged run stay."""
        from quantmia.quantizers.bitsandbytes_modules import four_bits_rows, int8_rows

        most = HALF_MOST if self.format == "int8" else math.inf
        known = (weights.abs() <= most).all(1) & torch.isfinite(weights).all(1)
        made = weights.clone()
        if known.any():
            rows = weights[known].cpu()
            done = (
                int8_rows(rows)
                if self.format == "int8"
                else four_bits_rows(self.format, BLOCK, rows)
            )
            made[known] = done.to(weights)
        return made

    def release(self, params, models, sample, calibration=None):
        """Modules, one a run.

        Raises:
            QuantmiaError: the library cannot quantize the model, or it is not of float32.
        """
        from quantmia.quantizers.bitsandbytes_modules import answering, four_bits_layer, int8_layer

        eight = self.format == "int8"
        layer = int8_layer(self.threshold) if eight else four_bits_layer(self.format)
        return answering(params, models, sample, layer, self.batch)

    def _quantize(self, value):
        if not self.covers(value):
            return value
        rows = value.flatten(0, 1) if self.format == "int8" else value.flatten(1)
        return self._checked(rows).reshape(value.shape)
