"""The protocol of a quantizer: rows of weights in, rows of codebook values out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Rows = Float[Tensor, "rows weights"]


@dataclass(frozen=True, kw_only=True)
class Quantizer(ABC):
    """Post-training quantization of a whole stack of models at once.

    A scheme implements `quantize_rows`; this class cuts every parameter of every run into rows
    that share one codebook and leaves out what stays in full precision.

    Args:
        scale: `data` fits the codebook to each row; `unit` spans [-1, 1] for every checkpoint
            and run (the finite set of the theory); `fixed` spans [-scale_value, scale_value].
        scale_value: half-width of the codebook for `scale: fixed`.
        per: one codebook a `tensor`, or one an output `channel` (the first axis of a parameter).
        bias: quantize also parameters with fewer than two axes (biases, normalisation gains).
    """

    scale: Literal["data", "unit", "fixed"] = "data"
    scale_value: float = 1.0
    per: Literal["tensor", "channel"] = "tensor"
    bias: bool = False

    @property
    @abstractmethod
    def bits_per_weight(self) -> float:
        """Bits a weight of the codebook, log2 of its number of values."""

    @abstractmethod
    def quantize_rows(self, weights: Rows) -> Rows:
        """Codebook value of every weight; the rows are independent of each other."""

    def __call__(self, params: dict[str, Tensor]) -> dict[str, Tensor]:
        """Fake-quantized copy of stacked parameters, each [runs, *shape]."""
        return {name: self._quantize(value) for name, value in params.items()}

    def covers(self, value: Tensor) -> bool:
        """Whether a stacked parameter [runs, *shape] is quantized, not kept."""
        return self.bias or value.ndim > 2

    def _quantize(self, value: Tensor) -> Tensor:
        if not self.covers(value):
            return value
        rows_per_run = value.shape[1] if self.per == "channel" and value.ndim > 2 else 1
        rows = value.reshape(len(value) * rows_per_run, -1)
        return self.quantize_rows(rows).reshape(value.shape)

    def half_width(self, weights: Rows, fitted: Tensor) -> Float[Tensor, "rows 1"]:
        """Half-width of each row's codebook: `fitted` ([rows]) for `scale: data`, else a constant.

        Args:
            weights: the rows, for their number, type and device.
            fitted: what `scale: data` uses.
        """
        if self.scale == "data":
            return fitted.unsqueeze(1)
        width = 1.0 if self.scale == "unit" else self.scale_value
        return torch.full((len(weights), 1), width, dtype=weights.dtype, device=weights.device)
