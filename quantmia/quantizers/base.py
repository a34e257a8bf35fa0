"""The protocol of a quantizer: rows of weights in, rows of codebook values out; or models."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import torch
from jaxtyping import Float
from torch import Tensor

from quantmia.errors import QuantmiaError
from quantmia.quantizers.layers import Calibration, Layers
from quantmia.quantizers.shipped import Inputs, Models, Quantized, Shipped
from quantmia.vocabulary import Along, Per, Scale, Shown

Rows = Float[Tensor, "rows weights"]
FLOAT = 32.0  # bits of a weight that stays as it is
# Settings of codebooks, which a scheme that finds its own does without.
CODEBOOK = ("scale", "scale_value", "per", "group_size", "bias")


@dataclass(frozen=True, kw_only=True)
class Quantizer(ABC):
    """Post-training quantization of a whole stack of models at once.

    A scheme implements `quantize_rows`; this class cuts every parameter of every run into rows
    that share one codebook and leaves out what stays in full precision. A scheme that changes more
    than weights says in `release` what it makes of models.

    Args:
        scale: `data` fits the codebook to each row; `unit` spans [-1, 1] for every checkpoint
            and run (the finite set of the theory); `fixed` spans [-scale_value, scale_value].
        scale_value: half-width of the codebook for `scale: fixed`.
        per: one codebook a `tensor`, one an output `channel` (the first axis of a parameter), or
            one a `group` of neighbours within a channel.
        group_size: weights a group; what a channel has beyond whole groups is a smaller one.
        bias: quantize also parameters with fewer than two axes (biases, normalisation gains).
        trajectory: `all` checkpoints of a training are quantized, or the `last` one alone, where a
            model takes long: then there is no r_Q, which compares checkpoints, nor another release.
    """

    scale: Scale = "data"
    scale_value: float = 1.0
    per: Per = "tensor"
    group_size: int = 128
    bias: bool = False
    trajectory: Along = "all"

    def __post_init__(self):
        if self.group_size < 1:
            raise ValueError(f"group_size={self.group_size} must be 1 or more")
        if self.trajectory not in get_args(Along):
            raise ValueError(f"trajectory={self.trajectory} must be all or last")

    @property
    @abstractmethod
    def bits_per_weight(self) -> float:
        """Bits a weight's code takes, log2 of the number of values in a codebook."""

    @property
    def bits_per_row(self) -> float:
        """Bits stored beside the codes of a row: one float32 scale, none for a constant one."""
        return 32.0 if self.scale == "data" else 0.0

    @property
    def bits_per_activation(self) -> float:
        """Bits of what linear layers are given; 32 where it stays as it is."""
        return FLOAT

    @property
    def looks_at(self) -> tuple[Shown, int] | None:
        """Whose rows it wants to be shown, and how many at most; None: it looks at no data."""
        return None

    @property
    def fits_a_step(self) -> bool:
        """Whether it can be in every step of a training: it looks at nothing but the models."""
        return self.looks_at is None

    @property
    def inputs_in_a_step(self) -> Inputs | None:
        """How what linear layers are given is rounded in a step of training, if it is."""
        return None

    def in_steps(self) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
        """What quantizes the weights of one step of a training after another."""
        return self

    @abstractmethod
    def quantize_rows(self, weights: Rows) -> Rows:
        """Codebook value of every weight; the rows are independent of each other."""

    def __call__(
        self, params: dict[str, Tensor], layers: Layers | None = None
    ) -> dict[str, Tensor]:
        """Fake-quantized copy of a stack of models.

        Args:
            params: stacked, each [runs, *shape].
            layers: what layers are given on rows of data, for a scheme that looks at them.

        Raises:
            QuantmiaError: the scheme returns another shape or type than it was given.
        """
        return {name: self._quantize(value) for name, value in params.items()}

    def release(
        self,
        params: dict[str, Tensor],
        models: Models,
        sample: Float[Tensor, "samples *features"],
        calibration: Calibration | None = None,
    ) -> Shipped:
        """The models as they are shipped.

        Args:
            params: stacked, with the buffers.
            models: evaluates them.
            sample: features like those that they will be asked about.
            calibration: rows that every run is shown, for a scheme that looks at them.
        """
        return Quantized(models, self._released(params, models, calibration))

    def _released(
        self, params: dict[str, Tensor], models: Models, calibration: Calibration | None
    ) -> dict[str, Tensor]:
        weights = {name: params[name] for name in models.parameters}
        return params | self(weights, calibration.beside(params) if calibration else None)

    def covers(self, value: Tensor) -> bool:
        """Whether a stacked parameter [runs, *shape] is quantized, not kept."""
        return self.bias or value.ndim > 2

    def covered(self, params: dict[str, Tensor], layers: Layers | None = None) -> list[str]:
        """Names of the parameters that are quantized.

        Args:
            params: stacked.
            layers: what a scheme that looks at data is shown.
        """
        return [name for name, value in params.items() if self.covers(value)]

    def stored_bits(self, params: dict[str, Tensor], layers: Layers | None = None) -> float:
        """Bits a quantized weight takes on average, with its share of what its row stores.

        Args:
            params: stacked; 32 bits if none of them is covered.
            layers: what a scheme that looks at data is shown.
        """
        codes, rows, weights = 0.0, 0.0, 0
        for value in params.values():
            if self.covers(value):
                channels, length = self._channels(value).shape[0] // len(value), value[0].numel()
                weights += length
                codes += length * self.bits_per_weight
                rows += channels * -(-(length // channels) // self._row_length(length // channels))
        return (codes + rows * self.bits_per_row) / weights if weights else FLOAT

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

    def by_rows(self, value: Tensor, quantized: Callable[[Rows], Rows]) -> Tensor:
        """A stacked parameter after each of its rows was quantized, if it is covered.

        Args:
            value: [runs, *shape].
            quantized: what becomes of rows that have a codebook each.
        """
        if not self.covers(value):
            return value
        channels = self._channels(value)
        width = channels.shape[1]
        length = self._row_length(width)
        if length == width:
            return quantized(channels).reshape(value.shape)
        whole = width // length * length
        parts = [quantized(channels[:, :whole].reshape(-1, length)).reshape(-1, whole)]
        if whole < width:
            parts.append(quantized(channels[:, whole:].contiguous()))
        return (parts[0] if len(parts) == 1 else torch.cat(parts, 1)).reshape(value.shape)

    def _quantize(self, value: Tensor) -> Tensor:
        return self.by_rows(value, self._checked)

    def _channels(self, value: Tensor) -> Tensor:
        """What is not cut any further but into groups: a channel a row, or a tensor a row."""
        rows_per_run = value.shape[1] if self.per != "tensor" and value.ndim > 2 else 1
        return value.reshape(len(value) * rows_per_run, -1)

    def _row_length(self, width: int) -> int:
        return min(self.group_size, width) if self.per == "group" else width

    def _checked(self, rows: Tensor) -> Tensor:
        quantized = self.quantize_rows(rows)
        if isinstance(quantized, Tensor):
            if quantized.shape == rows.shape and quantized.dtype == rows.dtype:
                return quantized
            got = f"{list(quantized.shape)} of {quantized.dtype}"
        else:
            got = f"a {type(quantized).__name__}"
        raise QuantmiaError(
            f"quantizer: {self} returned {got} for rows {list(rows.shape)} of {rows.dtype}; it has "
            "to return a tensor of the same shape and type. 'quantmia check quantizer=NAME' says "
            "more."
        )
