"""What quantizing changed: by how much layers and models answer a sample otherwise."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import functional_call

from quantmia.models.layers import LayerInputs
from quantmia.models.stack import Params
from quantmia.quantizers.layers import Linear
from quantmia.quantizers.shipped import Shipped

Squares = Float[np.ndarray, "runs samples"]


@dataclass(frozen=True)
class Differences:
    """Squared differences between the original models and their releases, sample by sample.

    Args:
        layers: of the outputs of every linear layer that was changed, on what the original model
            gives it: ||(W' - W) h + b' - b||^2.
        widths: how many numbers each of these sums.
        outputs: of the models' raw outputs.
    """

    layers: Float[np.ndarray, "layers runs samples"]
    widths: Int[np.ndarray, " layers"]
    outputs: Squares

    @classmethod
    def of(
        cls,
        module: nn.Module,
        samples: Float[Tensor, "samples *features"],
        original: Params,
        shipped: Shipped,
    ) -> "Differences":
        """Those of every run on the same samples; runs go one by one, which bounds the memory.

        Args:
            module: the architecture; its own numbers are not used.
            samples: features.
            original: parameters and buffers of all runs, [runs, *shape] each.
            shipped: their releases.
        """
        module, released = module.eval(), shipped.weights
        layers: dict[Linear, list[Tensor]] = {}
        widths: dict[Linear, int] = {}
        outputs = []
        runs = len(next(iter(original.values())))
        for run in range(runs):
            was, now = ({k: v[run] for k, v in each.items()} for each in (original, released))
            given = LayerInputs(module, samples[None])({k: v[None] for k, v in was.items()})
            for layer, each in given.items():
                change = _change(layer, each.inputs[0].double(), was, now)
                if len(change) % len(samples):
                    continue  # what it is given is not made of samples, one after another
                own = change.reshape(len(samples), -1)
                layers.setdefault(layer, []).append(own.square().sum(1))
                widths[layer] = own.shape[1]
            with torch.no_grad():
                outputs.append(functional_call(module, was, (samples,)))
        whole = {layer: torch.stack(rows) for layer, rows in layers.items() if len(rows) == runs}
        changed = [layer for layer, squares in whole.items() if bool((squares > 0).any())]
        shape = (len(changed), runs, len(samples))
        stacked = [whole[layer].numpy(force=True) for layer in changed]
        moved = shipped(samples).double() - torch.stack(outputs).double()
        return cls(
            np.array(stacked).reshape(shape),
            np.array([widths[layer] for layer in changed], np.int64),
            moved.flatten(2).square().sum(2).numpy(force=True),
        )


def _change(
    layer: Linear, inputs: Float[Tensor, "rows in"], was: Params, now: Params
) -> Float[Tensor, "rows out"]:
    """What a layer of the release answers otherwise, on what the original one is given."""
    change = inputs @ (now[layer.weight].double() - was[layer.weight].double()).mT
    if layer.bias is None:
        return change
    return change + (now[layer.bias].double() - was[layer.bias].double())
