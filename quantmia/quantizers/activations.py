"""Activations in few bits: what linear layers are given, rounded as integers are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from quantmia.quantizers.base import FLOAT
from quantmia.quantizers.layers import Calibration
from quantmia.quantizers.shipped import Inputs, Quantized
from quantmia.quantizers.wrapper import Wrapper

Ranges = Literal["row", "tensor", "static"]


@dataclass(frozen=True)
class Rounding:
    """Rounding to affine integers without a sign, as ONNX has them.

    A range is widened to include 0, which has a code of its own; values are divided by the scale,
    rounded half to even, moved by the zero point and cut off (DynamicQuantizeLinear and
    QuantizeLinear of the ONNX operators).

    Args:
        bits: of a code.
        of_rows: whether a range that is not given is that of each row, or else of all of them.
    """

    bits: int
    of_rows: bool = True

    def __call__(
        self, x: Float[Tensor, "*batch in"], ends: Float[Tensor, " 2"] | None = None
    ) -> Float[Tensor, "*batch in"]:
        """The value of every number's code.

        Args:
            x: what a layer is given.
            ends: of the range.
        """
        if ends is not None:
            low, high = ends[0], ends[1]
        elif self.of_rows:
            low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
        else:
            low, high = x.amin(), x.amax()
        low, high, most = low.clamp(max=0), high.clamp(min=0), 2**self.bits - 1
        scale = (high - low) / most
        scale = torch.where(scale > 0, scale, 1.0)
        zero = (-low / scale).round().clamp(0, most)
        return ((x / scale).round().add(zero).clamp(0, most) - zero) * scale


@dataclass(frozen=True)
class StraightThrough:
    """The same numbers, with the gradient of leaving them as they are (Bengio et al. 2013).

    A range holds all that it is the range of, so that nothing is cut off.

    Args:
        rounding: of what a layer is given.
    """

    rounding: Rounding

    def __call__(
        self, x: Float[Tensor, "*batch in"], ends: Float[Tensor, " 2"] | None = None
    ) -> Float[Tensor, "*batch in"]:
        """The value of every number's code.

        Args:
            x: what a layer is given.
            ends: of the range.
        """
        fixed = x.detach()
        return self.rounding(fixed, ends) + (x - fixed)  # of which the second is 0


@dataclass(frozen=True, kw_only=True)
class Activations(Wrapper):
    """Another scheme of weights, and what every linear layer is given in few bits (W8A8).

    Outputs and biases stay in full precision, and so does what no `nn.Linear` is given. Those who
    look into models see the scheme's weights.

    Args:
        scheme: the quantizer of the weights.
        bits: of an activation, from 2 to 8.
        ranges: `row`: of each row that a layer is given, at the time (a token, a sample), so that
            no answer depends on the batch that it is in; `tensor`: of all rows at once, as ONNX
            Runtime's DynamicQuantizeLinear takes it; `static`: of what the layer is given in full
            precision on rows of data. Static ranges are not there for a layer whose weight is
            used more than once: what it is given stays as it is.
        rows, source: of the samples that static ranges are of.
    """

    bits: int = 8
    ranges: Ranges = "row"

    def __post_init__(self):
        super().__post_init__()
        if self.ranges not in get_args(Ranges):
            raise ValueError(f"ranges={self.ranges} must be row, tensor or static")
        if not 2 <= self.bits <= 8:
            raise ValueError(f"bits={self.bits} must lie in 2..8")
        if self.scheme.bits_per_activation < FLOAT:
            raise ValueError("scheme: rounds activations itself; give a scheme of weights")
        if self.ranges == "static" and self.scheme.looks_at not in (None, self.looks_at):
            raise ValueError(
                f"rows={self.rows}, source={self.source}: the scheme looks at other rows "
                f"({self.scheme.looks_at}); give both the same"
            )

    @property
    def looks_at(self):
        """Rows for static ranges, or what the scheme looks at."""
        return (self.source, self.rows) if self.ranges == "static" else self.scheme.looks_at

    @property
    def fits_a_step(self):
        """If the scheme does, and no row's range hangs on others."""
        return self.ranges == "row" and self.scheme.fits_a_step

    @property
    def inputs_in_a_step(self):
        """As when it is released; gradients pass straight through."""
        return Inputs(StraightThrough(Rounding(self.bits)))

    def in_steps(self):
        """The scheme's weights."""
        return self.scheme.in_steps()

    @property
    def bits_per_activation(self) -> float:
        """As many as asked for."""
        return float(self.bits)

    def covered(self, params, layers=None):
        """What the scheme covers."""
        return self.scheme.covered(params, layers)

    def stored_bits(self, params, layers=None):
        """The scheme's."""
        return self.scheme.stored_bits(params, layers)

    def __call__(self, params, layers=None):
        """The scheme's weights."""
        return self.scheme(params, layers)

    def release(self, params, models, sample, calibration=None):
        """The scheme's weights, evaluated with rounded inputs of layers.

        Raises:
            ValueError: static ranges and no rows.
        """
        rounding = Rounding(self.bits, of_rows=self.ranges != "tensor")
        ranges = self._static(params, calibration) if self.ranges == "static" else None
        shown = calibration if self.scheme.looks_at else None
        return Quantized(models, self._released(params, models, shown), Inputs(rounding, ranges))

    def _static(
        self, params: dict[str, Tensor], calibration: Calibration | None
    ) -> Mapping[str, Float[Tensor, "runs 2"]]:
        """Ends of the range of every layer's inputs, by the name of its weight."""
        if calibration is None:
            raise ValueError("static ranges want rows of data")
        given = calibration.beside(params)(params)
        return {
            layer.weight: torch.stack([each.inputs.amin((1, 2)), each.inputs.amax((1, 2))], 1)
            for layer, each in given.items()
        }
