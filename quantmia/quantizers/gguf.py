"""What llama.cpp ships: the block formats of GGUF, by the arithmetic of its own package."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from quantmia.errors import QuantmiaError
from quantmia.quantizers.base import CODEBOOK, FLOAT, Quantizer
from quantmia.quantizers.blocks import Blocks, Stored
from quantmia.vocabulary import Per

# Those that the package turns into blocks and back; of k-quants and i-quants it only reads blocks.
Format = Literal["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "tq1_0", "tq2_0", "mxfp4"]
HALF = 16.0  # bits of a weight that no block holds
# Weights a row of what the package is given: it takes 16 rows at a time, which then fit a cache.
ROW = 4096


@dataclass(frozen=True, kw_only=True)
class Gguf(Quantizer):
    """Blocks of 32 or 256 neighbours in a row, each with a scale of its own (GGUF, llama.cpp).

    A row is the last axis of a weight: the inputs of an output channel. A weight whose rows are no
    multiple of a block is stored as float16, for that is what llama.cpp's converter does, which
    calls the same package; a row padded with zeros is in no file that llama.cpp reads. Biases stay
    in float32, as it keeps everything that has one axis. The formats fit their own scales, in
    float16 but for `mxfp4`: what is beyond 65504 becomes infinite there, as in a file.

    Args:
        format: `q4_0`, `q5_0`, `q8_0`: symmetric integers; `q4_1`, `q5_1`: with a minimum;
            `tq1_0`, `tq2_0`: -1, 0, 1 times the largest magnitude of 256 weights; `mxfp4`: floats
            of 4 bits with a power of two as scale.

    Raises:
        QuantmiaError: gguf is not installed.
    """

    per: Per = "group"
    format: Format = "q4_0"

    def __post_init__(self):
        super().__post_init__()
        if self.format not in get_args(Format):
            raise ValueError(f"format={self.format} must be one of {', '.join(get_args(Format))}")
        for name in CODEBOOK:
            if getattr(self, name) != getattr(type(self), name):
                raise ValueError(f"{name}: the format decides that itself; leave it out")
        _gguf()

    @property
    def bits_per_weight(self) -> float:
        """NaN, as it depends on the length of a row; `stored_bits` knows."""
        return math.nan

    @property
    def bits_per_row(self) -> float:
        """None: scales are in blocks."""
        return 0.0

    def stored_bits(self, params, layers=None):
        """Bytes of the blocks, scales and all, and 16 bits of every weight that no block holds."""
        size, stored = _gguf().GGML_QUANT_SIZES[self._type]
        bits = weights = 0.0
        for value in params.values():
            if self.covers(value):
                weights += value[0].numel()
                bits += value[0].numel() * (8 * stored / size if self._fits(value) else HALF)
        return bits / weights if weights else FLOAT

    def quantize_rows(self, weights):
        """The dequantized weights; in float16 if the rows are no multiple of a block."""
        if not self._fits(weights):
            return weights.half().to(weights.dtype)
        with np.errstate(all="ignore"):  # what has diverged
            made = _gguf().quants.dequantize(self._blocks(weights), self._type)
        made = torch.from_numpy(made).reshape(weights.shape).to(weights)
        # Some formats make numbers of what is none, and a run that has diverged would look well.
        return torch.where(torch.isfinite(weights), made, weights)

    def release(self, params, models, sample, calibration=None):
        """Models in blocks, which are exported as a file of GGUF."""
        return Blocks(models, self._released(params, models, None), params, self._stored)

    def _stored(self, value: torch.Tensor) -> Stored:
        """What a file holds of a parameter of one model."""
        if not self.covers(value[None]):
            return value.float().numpy(force=True), None
        if not self._fits(value):
            return value.half().numpy(force=True), None
        rows = self._blocks(value)
        return rows.reshape(*value.shape[:-1], rows.size // value[..., 0].numel()), self._type.name

    def _fits(self, value: torch.Tensor) -> bool:
        """Whether its rows are a multiple of a block."""
        size, _ = _gguf().GGML_QUANT_SIZES[self._type]
        return value.shape[-1] % size == 0

    def _blocks(self, value: torch.Tensor) -> NDArray[np.uint8]:
        """The bytes of its blocks, in their order."""
        gguf = _gguf()
        size, _ = gguf.GGML_QUANT_SIZES[self._type]
        given = value.float().numpy(force=True)
        # A block knows nothing of others: rows of any length give the same bits.
        given = given.reshape(-1, size * math.gcd(given.size // size, ROW // size))
        with np.errstate(all="ignore"):  # scales beyond float16, and what has diverged
            return gguf.quants.quantize(given, self._type)

    @property
    def _type(self):
        return _gguf().GGMLQuantizationType[self.format.upper()]

    def _quantize(self, value):
        if not self.covers(value):
            return value
        return self._checked(value.reshape(-1, value.shape[-1])).reshape(value.shape)


def _gguf():
    """The package, imported when it is used, as most experiments do without."""
    try:
        import gguf
        import gguf.quants
    except ImportError:
        raise QuantmiaError(
            "quantizer: gguf is not installed. Install the extra: pip install 'quantmia[gguf]'"
        ) from None
    return gguf
