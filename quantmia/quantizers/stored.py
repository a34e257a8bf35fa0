"""Bits that a quantized model stores a weight."""

import math

import numpy as np
from torch import Tensor

from quantmia.quantizers.base import Quantizer
from quantmia.quantizers.layers import Layers


def stored_bits(
    weights: dict[str, Tensor],
    quantized: dict[str, Tensor],
    quantizer: Quantizer,
    layers: Layers | None = None,
) -> float:
    """What the quantizer states, or for one that states nothing the bits that number its values.

    Args:
        weights: parameters of every run, [runs, *shape].
        quantized: the same quantized, and whatever else.
        quantizer: that did it.
        layers: what it was shown.
    """
    stated = quantizer.stored_bits(weights, layers)
    if not math.isnan(stated):
        return stated
    most = max(
        len(np.unique(run))
        for name in quantizer.covered(weights, layers)
        for run in quantized[name].flatten(1).numpy(force=True)
    )
    return float(math.ceil(math.log2(max(most, 2))))
