"""What ONNX Runtime ships: int8 weights and activations, computed by the runtime itself."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import torch

from quantmia.quantizers.runtime import Runtime

Ranges = Literal["dynamic", "static"]


@dataclass(frozen=True, kw_only=True)
class OnnxRuntime(Runtime):
    """int8 by `onnxruntime.quantization`, measured by what its sessions answer.

    Models are exported to ONNX, quantized by the library's own call, and asked in a session on one
    thread. The runtime fits its own scales; biases stay as it has them. Those who look into models
    see weights as the library rounds them, with activations in full precision.

    Args:
        ranges: of activations: `dynamic` (`quantize_dynamic`), of what a layer is given at the
            time, or `static` (`quantize_static`, QDQ), of what it is given on rows of data.
        reduce_range: weights in 7 bits. On x86 without VNNI the products of 8 bits by 8 are
            added up in 16 bits and cut off there, so that answers depend on the processor; those
            of 7 bits fit. The library's own default is false.
        batch: samples a call, or null for all at once. With dynamic ranges, which are those of the
            whole call, an answer depends on the batch that it is in, unless that is of one.
        rows, source: of the samples that static ranges are of.

    Raises:
        QuantmiaError: a package is not installed.
    """

    ranges: Ranges = "dynamic"
    reduce_range: bool = True
    batch: int | None = 1
    extra: ClassVar[str] = "onnxruntime"
    packages: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime", "onnxscript")

    def __post_init__(self):
        super().__post_init__()
        if self.ranges not in get_args(Ranges):
            raise ValueError(f"ranges={self.ranges} must be dynamic or static")
        if self.per == "group":
            raise ValueError("per=group: the runtime has one scale a tensor or a channel")

    @property
    def bits_per_weight(self) -> float:
        """8, those that are stored; with `reduce_range` 7 of them are used."""
        return 8.0

    @property
    def bits_per_row(self) -> float:
        """A float32 scale and eight bits of zero point."""
        return 40.0

    @property
    def bits_per_activation(self) -> float:
        """8."""
        return 8.0

    @property
    def looks_at(self):
        """Rows for static ranges."""
        return (self.source, self.rows) if self.ranges == "static" else None

    def quantize_rows(self, weights):
        """The weights as the runtime's tool rounds them; those of a diverged run stay."""
        from quantmia.quantizers.sessions import rounded

        rows = [rounded(row, self.reduce_range) for row in weights.numpy(force=True)]
        return torch.from_numpy(np.stack(rows)).to(weights)

    def release(self, params, models, sample, calibration=None):
        """Sessions, one a run.

        Raises:
            QuantmiaError: the architecture cannot be exported, or is not of float32.
        """
        from quantmia.quantizers.sessions import Settings, sessions

        settings = Settings(self.ranges == "static", self.per == "channel", self.reduce_range)
        weights = self._released(params, models, None)
        return sessions(settings, params, weights, models, sample, calibration, self.batch)
