"""What a quantized model stores: bits a weight, zeros."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from quantmia.quantizers.base import Quantizer
from quantmia.quantizers.layers import Calibration, Layers
from quantmia.quantizers.shipped import Models, Shipped


@dataclass(frozen=True)
class Stored:
    """Of the models of every run.

    Args:
        bits: a quantized weight, scales and all.
        sparsity: share of zeros among the quantized weights.
    """

    bits: float
    sparsity: Float[np.ndarray, " runs"]

    @classmethod
    def of(
        cls,
        shipped: Shipped,
        quantizer: Quantizer,
        params: dict[str, Tensor],
        models: Models,
        calibration: Calibration | None = None,
    ) -> "Stored":
        """What the quantizer made of models, and of what.

        Args:
            shipped: made by the quantizer.
            quantizer: that did it.
            params: of which, [runs, *shape], with the buffers.
            models: that evaluate them.
            calibration: what the quantizer was shown.
        """
        weights = {name: params[name] for name in models.parameters}
        layers = calibration.beside(params) if calibration else None
        quantized = shipped.weights
        zeros = _zeros(quantized, quantizer.covered(weights, layers))
        return cls(stored_bits(weights, quantized, quantizer, layers), zeros)


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


def _zeros(quantized: dict[str, Tensor], covered: Sequence[str]) -> Float[np.ndarray, " runs"]:
    weights = [quantized[name].flatten(1) for name in covered]
    if not weights:
        return np.zeros(len(next(iter(quantized.values()))))
    zeros = torch.stack([(w == 0).sum(1) for w in weights]).sum(0)
    return zeros.numpy(force=True) / sum(w.shape[1] for w in weights)
