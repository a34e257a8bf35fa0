"""A scheme that looks at data: fitted to what the layers of a model do on rows of it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from quantmia.quantizers.base import FLOAT
from quantmia.quantizers.compensated import compensated
from quantmia.quantizers.layers import Given, Linear, finite
from quantmia.quantizers.pruned import Pruned
from quantmia.quantizers.scaled_inputs import scaled_inputs
from quantmia.quantizers.wrapper import Wrapper

TINY = 1e-12  # of a sum of squares


@dataclass(frozen=True, kw_only=True)
class Calibrated(Wrapper):
    """Another scheme, made up for layer by layer by what a layer does on rows of data.

    Layers go in the order in which they are called; each is fitted on what it is given by the
    layers before it, which are quantized already. What is no linear layer, or one whose weight is
    used more than once, is quantized by the scheme alone, and so is everything without rows.

    Args:
        scheme: the quantizer, with one codebook a tensor or an output channel.
        scale_inputs: round weights after each input's are scaled by its size, and scale them back
            (AWQ: Lin et al. 2024); takes the place of `compensate`.
        compensate: round one input after another and make up for each error in the inputs that
            come later (GPTQ: Frantar et al. 2023).
        rescale: multiply each codebook by what fits the layer's outputs best, in least squares,
            and move its bias so that the outputs keep their mean (Nagel et al. 2019, section 4.2).
        refit: the last of several such layers stays in full precision, and is fitted anew to
            its own former outputs by ridge regression on what quantized layers give it.
        ridge: penalty of `refit`, in units of the mean variance of the layer's inputs.
        rows, source: of the samples that it looks at.
    """

    scale_inputs: bool = False
    compensate: bool = True
    rescale: bool = True
    refit: bool = True
    ridge: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        if isinstance(self.scheme, Calibrated):
            raise ValueError("scheme: looks at data itself; give the scheme that it is made of")
        if self.scheme.per == "group":
            raise ValueError("scheme.per=group: has to be tensor or channel")
        if self.rescale and self.scheme.scale != "data":
            raise ValueError(
                f"rescale=true: scheme.scale={self.scheme.scale} is a codebook that nothing "
                "fits: use scheme.scale=data, or rescale=false"
            )
        if self.scale_inputs and self.compensate:
            raise ValueError(
                "scale_inputs=true: rounds in another way than compensate=true: use "
                "compensate=false"
            )
        if self.compensate and isinstance(self.scheme, Pruned):
            raise ValueError(
                "compensate=true: scheme keeps real numbers, and errors are made up for by the "
                "values of a codebook: use compensate=false"
            )
        if self.ridge <= 0:
            raise ValueError(f"ridge={self.ridge} must be above 0")

    @property
    def looks_at(self):
        """Rows as it was told."""
        return self.source, self.rows

    def covered(self, params, layers=None):
        """What the scheme covers, but for the layer that is fitted anew."""
        kept = None if layers is None else self._kept(list(layers(params)))
        whole = () if kept is None else (kept.weight, kept.bias)
        return [name for name in self.scheme.covered(params) if name not in whole]

    def stored_bits(self, params, layers=None):
        """The scheme's, and 32 of every weight that is fitted anew."""
        quantized = self.covered(params, layers)
        whole = sum(params[name][0].numel() for name in self.scheme.covered(params))
        part = sum(params[name][0].numel() for name in quantized)
        own = self.scheme.stored_bits({name: params[name] for name in quantized})
        return (own * part + FLOAT * (whole - part)) / whole if whole else FLOAT

    def __call__(self, params, layers=None):
        """Layer by layer, each on what those before it give; without rows the scheme's."""
        quantized = dict(self.scheme(params))
        if layers is None:
            return quantized
        before = layers(params)
        ours = [each for each in before if self.covers(params[each.weight])]
        for layer in ours:
            given = layers(quantized)[layer]
            if layer is self._kept(list(before)):
                quantized |= self._refitted(layer, params, before[layer], given)
                continue
            weights = params[layer.weight]
            if self.scale_inputs:
                quantized[layer.weight] = scaled_inputs(self.scheme, weights, given)
            if self.compensate:
                quantized[layer.weight] = compensated(self.scheme, weights, given)
            if self.rescale:
                quantized |= self._rescaled(layer, params, quantized, before[layer], given)
        return quantized

    def _kept(self, layers: list[Linear]) -> Linear | None:
        """The layer that is fitted anew: of one layer alone nothing would be left quantized."""
        return layers[-1] if self.refit and len(layers) > 1 else None

    def _refitted(
        self, layer: Linear, params: dict[str, Tensor], before: Given, given: Given
    ) -> dict[str, Tensor]:
        """Weights and bias that give the former outputs from what the layer is given now."""
        was, x = before.inputs.double(), given.inputs.double()
        wanted = was @ params[layer.weight].double().mT
        mean, target = x.mean(1, keepdim=True), wanted.mean(1, keepdim=True)
        if layer.bias is None:
            mean, target = torch.zeros_like(mean), torch.zeros_like(target)
        x, wanted = x - mean, wanted - target
        moments = finite(x.mT @ x)
        penalty = self.ridge * moments.diagonal(dim1=1, dim2=2).mean(1).clamp(min=1e-12)
        moments = moments + torch.diag_embed(penalty[:, None].expand(x.shape[0], x.shape[2]))
        weight = torch.linalg.solve(moments, x.mT @ wanted).mT
        found = {layer.weight: weight.to(params[layer.weight].dtype)}
        if layer.bias is not None:
            bias = params[layer.bias]
            found[layer.bias] = bias + (target - mean @ weight.mT)[:, 0].to(bias.dtype)
        return found

    def _rescaled(
        self,
        layer: Linear,
        params: dict[str, Tensor],
        quantized: dict[str, Tensor],
        before: Given,
        given: Given,
    ) -> dict[str, Tensor]:
        """Codebooks times what fits the outputs best, and the bias that keeps their mean."""
        rounded = quantized[layer.weight]
        wanted = before.inputs.double() @ params[layer.weight].double().mT
        got = given.inputs.double() @ rounded.double().mT
        # What is left of a constant after its mean is taken away is rounding.
        least = TINY * got.square().sum(1, keepdim=True)
        moved = None if self.scheme.bias else layer.bias
        shift = wanted.mean(1, keepdim=True), got.mean(1, keepdim=True)
        if moved is not None:
            wanted, got = wanted - shift[0], got - shift[1]
        factor = self._least_squares(wanted, got, least)
        found = {layer.weight: rounded * factor.mT.to(rounded.dtype)}
        if moved is not None:
            bias = params[moved]
            found[moved] = bias + (shift[0] - factor * shift[1])[:, 0].to(bias.dtype)
        return found

    def _least_squares(
        self,
        wanted: Float[Tensor, "runs rows out"],
        got: Float[Tensor, "runs rows out"],
        least: Float[Tensor, "runs 1 out"],
    ) -> Float[Tensor, "runs 1 out"]:
        """The factor of each codebook; 1 where nothing can be learnt, as of constant outputs."""
        both, own = (wanted * got).sum(1, keepdim=True), got.square().sum(1, keepdim=True)
        if self.scheme.per == "tensor":
            both, own, least = (
                each.sum(2, keepdim=True).expand_as(each) for each in (both, own, least)
            )
        return torch.where(own > least, both / own.clamp(min=1e-300), 1.0)
