"""What torchao ships: int8 weights and activations, computed by its own modules."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch

from quantmia.quantizers.runtime import Runtime
from quantmia.quantizers.torchao import library
from quantmia.vocabulary import Per

Ranges = Literal["dynamic", "static"]


@dataclass(frozen=True, kw_only=True)
class TorchAORuntime(Runtime):
    """int8 by torchao's own call on the model of every run, measured by what that answers.

    Weights have a scale an output channel; biases, and what is no linear layer (static: or
    convolution), stay as they are. Nothing is compiled: a module computes as PyTorch does without
    `torch.compile`. Those who look into models see weights as the library dequantizes them.

    Args:
        ranges: of activations: `dynamic` (`quantize_`, `Int8DynamicActivationInt8WeightConfig`):
            symmetric int8, of each row that a layer is given, at the time; products are added up
            as integers. `static` (PT2E, `X86InductorQuantizer`, `prepare_pt2e`, `convert_pt2e`):
            uint8, within ranges of rows of data. What answers is the converted graph, which
            rounds, goes back to float32 and multiplies there. Where the library fuses that into
            integer kernels of a processor, some answers differ.
        reduce_range: 7 bits, of activations and, with dynamic ranges, weights. The library means
            it for kernels on x86 without VNNI, which overflow with 8; what answers here does not.
        batch: samples a call, or null for all at once.
        rows, source: of the samples that static ranges are of.

    Raises:
        QuantmiaError: torchao is not installed.
    """

    per: Per = "channel"
    ranges: Ranges = "dynamic"
    reduce_range: bool = False
    extra: ClassVar[str] = "torchao"
    packages: ClassVar[tuple[str, ...]] = ("torchao",)

    def __post_init__(self):
        super().__post_init__()
        if self.ranges not in get_args(Ranges):
            raise ValueError(f"ranges={self.ranges} must be dynamic or static")
        if self.per != "channel":
            raise ValueError(f"per={self.per}: one scale an output channel is all there is")
        library()

    @property
    def bits_per_weight(self) -> float:
        """8, those that are stored; with `reduce_range` 7 of them are used."""
        return 8.0

    @property
    def bits_per_row(self) -> float:
        """A float32 scale."""
        return 32.0

    @property
    def bits_per_activation(self) -> float:
        """8."""
        return 8.0

    @property
    def looks_at(self):
        """Rows for static ranges."""
        return (self.source, self.rows) if self.ranges == "static" else None

    def covers(self, value):
        """Matrices, and with static ranges kernels of convolutions; an embedding counts as one."""
        return value.ndim == 3 or (self.ranges == "static" and value.ndim > 3)

    def quantize_rows(self, weights):
        """The weights as the library rounds them; those of a diverged run stay."""
        ao = library()
        # It wants two; a weight beside itself has the same scale.
        rows = weights.expand(-1, 2).contiguous() if weights.shape[1] == 1 else weights
        seven = self.reduce_range and self.ranges == "dynamic"
        made = ao.Int8Tensor.from_hp(rows, ao.PerRow(), reduce_range=seven).dequantize()
        made = made[:, : weights.shape[1]].contiguous()
        return torch.where(torch.isfinite(weights).all(1, keepdim=True), made, weights)

    def release(self, params, models, sample, calibration=None):
        """Modules, one a run.

        Raises:
            QuantmiaError: the library cannot quantize the model, or it is not of float32.
            ValueError: static ranges and no rows.
        """
        if self.ranges == "dynamic":
            from quantmia.quantizers.torchao_dynamic import dynamic

            return dynamic(params, models, sample, self.reduce_range, self.batch)
        if calibration is None:
            raise ValueError("static ranges want rows of data")
        from quantmia.quantizers.torchao_static import static

        return static(params, models, sample, calibration, self.reduce_range, self.batch)
