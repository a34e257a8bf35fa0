"""What OpenVINO ships: models quantized by NNCF, computed by the runtime itself."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import torch

from quantmia.quantizers.base import FLOAT
from quantmia.quantizers.runtime import Runtime
from quantmia.vocabulary import Per

Method = Literal["quantize", "compress", "awq", "gptq"]


@dataclass(frozen=True, kw_only=True)
class OpenVino(Runtime):
    """int8 or int4 by NNCF, measured by what OpenVINO's compiled models answer.

    Models are exported to ONNX, converted, quantized by the library's own call and compiled for the
    CPU: one thread, float32, and no rounding of activations but what the model itself has. Scales
    are one an output channel. Those who look into models see the numbers that the model stores,
    dequantized, biases too; of a weight that is used more than once, as it is first; and what the
    exporter merges into others in full precision.

    The library takes 0.1 to 1 s a model: with `trajectory: last`, as entries of `conf/quantizer`
    have it, the last checkpoint alone is quantized.

    Args:
        method: `quantize` (`nncf.quantize`): int8 weights, and activations in 8 bits within ranges
            of rows of data. The others are `nncf.compress_weights`, of all layers, int4 and
            symmetric: `compress` looks at no data; `awq` scales inputs by their size first (Lin et
            al. 2024); `gptq` makes up for rounding errors (Frantar et al. 2023).
        reduce_range: of `quantize`: weights of all layers in 7 bits. On x86 without VNNI the
            products of 8 bits by 8 are added up in 16 bits and cut off there, so that answers
            depend on the processor; those of 7 bits fit. The library's default has 7 bits in the
            first layer alone.
        batch: samples a call, or null for all at once.
        rows, source: of the samples that it looks at.

    Raises:
        QuantmiaError: a package is not installed.
    """

    per: Per = "channel"
    method: Method = "quantize"
    reduce_range: bool = True
    extra: ClassVar[str] = "openvino"
    packages: ClassVar[tuple[str, ...]] = ("nncf", "onnx", "onnxruntime", "onnxscript", "openvino")

    def __post_init__(self):
        super().__post_init__()
        if self.method not in get_args(Method):
            raise ValueError(f"method={self.method} must be quantize, compress, awq or gptq")
        if self.per != "channel":
            raise ValueError(f"per={self.per}: one scale an output channel is all there is")

    @property
    def bits_per_weight(self) -> float:
        """8, of which 7 are used with `reduce_range`; or 4."""
        return 8.0 if self.method == "quantize" else 4.0

    @property
    def bits_per_row(self) -> float:
        """A scale of float32, or of int4 weights of float16."""
        return 32.0 if self.method == "quantize" else 16.0

    @property
    def bits_per_activation(self) -> float:
        """8, or as they are."""
        return 8.0 if self.method == "quantize" else FLOAT

    @property
    def looks_at(self):
        """Rows, but for weights compressed by themselves."""
        return None if self.method == "compress" else (self.source, self.rows)

    def quantize_rows(self, weights):
        """The weights as the library rounds them without data; those of a diverged run stay."""
        from quantmia.quantizers.compressed import rounded

        rows = weights.numpy(force=True)
        known = np.isfinite(rows).all(1)
        if known.any():
            rows = rows.copy()
            rows[known] = rounded(self.method == "quantize", self.reduce_range, rows[known])
        return torch.from_numpy(rows).to(weights)

    def release(self, params, models, sample, calibration=None):
        """Compiled models, one a run.

        Raises:
            QuantmiaError: the architecture cannot be exported or quantized, or is not of float32.
            ValueError: the method wants rows, and there are none.
        """
        from quantmia.quantizers.compressed import Settings, compressed

        if self.looks_at and calibration is None:
            raise ValueError(f"method={self.method} wants rows of data")
        settings = Settings(self.method, self.reduce_range)
        shown = calibration if self.looks_at else None
        return compressed(settings, params, models, sample, shown, self.batch)
