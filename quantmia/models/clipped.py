"""Sums of the gradients of samples, each clipped to a norm: what private training descends by."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from quantmia.tasks import Task

HELD = 2**26  # numbers of the gradients of single samples that are held at once

# Of one model: its parameters, samples, targets, weights; back come sums in the order of `trained`.
Clipped = Callable[[dict[str, Tensor], Tensor, Tensor, Tensor], list[Tensor]]


class NotOfLayersError(RuntimeError):
    """The gradients of samples are not those of linear layers that see each sample once."""


def by_layers(module: nn.Module, task: Task, trained: Sequence[str], bound: float) -> Clipped:
    """Without the gradient of any single sample, for modules whose parameters are linear layers'.

    The gradient of a weight is the outer product of a layer's input and of the error at its output,
    so that its norm is the product of theirs (Goodfellow 2015), and a clipped sum is one product of
    matrices, with errors that are scaled (book-keeping: Bu et al. 2023).

    Args:
        module: its parameters are not used.
        task: gives the loss.
        trained: names of the parameters to differentiate by.
        bound: L2 norm that the gradient of every sample is clipped to.

    Raises:
        NotOfLayersError: other parameters are trained; the function raises it where a layer is
            called twice, or on inputs of more axes than samples and features.
    """
    layers = _linear_layers(module, trained)

    def clipped(params, x, y, weights):
        def loss(taps):
            with _tapped(layers, taps) as seen:
                output = functional_call(module, params, (x,))
            if seen.keys() != layers.keys():
                raise NotOfLayersError("a layer is not called")
            return task.loss(output, y).sum(), seen

        taps = {
            name: params[_of(name, "weight")].new_zeros(len(x), layer.out_features)
            for name, layer in layers.items()
        }
        errors, inputs = grad(loss, has_aux=True)(taps)
        squares = torch.zeros_like(weights)
        for name in layers:
            size = inputs[name].square().sum(1) * (_of(name, "weight") in trained)
            size = size + (_of(name, "bias") in trained)
            squares = squares + errors[name].square().sum(1) * size
        scale = weights * _scale(squares, bound)
        sums = {}
        for name in layers:
            scaled = errors[name] * scale[:, None]
            sums[_of(name, "weight")] = scaled.mT @ inputs[name]
            sums[_of(name, "bias")] = scaled.sum(0)
        return [sums[name] for name in trained]

    return clipped


def by_samples(
    module: nn.Module, task: Task, trained: Sequence[str], bound: float, runs: int
) -> Clipped:
    """For any module, by the gradient of one sample after another.

    Args:
        module: its parameters are not used.
        task: gives the loss.
        trained: names of the parameters to differentiate by.
        bound: L2 norm that the gradient of every sample is clipped to.
        runs: that are vectorised over, for the memory that is held.
    """
    size = sum(module.get_parameter(name).numel() for name in trained)
    rows = max(1, HELD // (size * runs))

    def loss(moving, params, x, y):
        params = params | dict(zip(trained, moving, strict=True))
        return task.loss(functional_call(module, params, (x[None],)), y[None]).sum()

    def clipped(params, x, y, weights):
        moving = [params[name] for name in trained]
        each_of = vmap(grad(loss), in_dims=(None, None, 0, 0))
        sums = [torch.zeros_like(value) for value in moving]
        for start in range(0, len(x), rows):
            part = slice(start, start + rows)
            each = each_of(moving, params, x[part], y[part])
            squares = torch.stack([value.flatten(1).square().sum(1) for value in each])
            scale = weights[part] * _scale(squares.sum(0), bound)
            more = [torch.tensordot(scale, value, dims=1) for value in each]
            sums = [total + one for total, one in zip(sums, more, strict=True)]
        return sums

    return clipped


def _scale(squares: Float[Tensor, " samples"], bound: float) -> Float[Tensor, " samples"]:
    """What a gradient is multiplied by so that its norm is at most the bound."""
    return bound / squares.sqrt().clamp(min=bound)


def _linear_layers(module: nn.Module, trained: Sequence[str]) -> Mapping[str, nn.Linear]:
    """By name those that have a trained parameter."""
    linear = {name: each for name, each in module.named_modules() if type(each) is nn.Linear}
    theirs = {name: {_of(name, "weight"), _of(name, "bias")} for name in linear}
    if set(trained) - set().union(*theirs.values()):
        raise NotOfLayersError("parameters of other modules are trained")
    found = {name: each for name, each in linear.items() if theirs[name] & set(trained)}
    own = {name for name, _ in module.named_parameters()}  # each once, by its first name
    if any(_of(name, "weight") not in own for name in found):
        raise NotOfLayersError("layers share a weight")
    return found


def _of(layer: str, parameter: str) -> str:
    """A parameter's name in the module; a layer without a name is the module itself."""
    return f"{layer}.{parameter}" if layer else parameter


@contextmanager
def _tapped(
    layers: Mapping[str, nn.Linear], taps: Mapping[str, Tensor]
) -> Iterator[dict[str, Tensor]]:
    """What each layer is given, while zeros are added to its output, to differentiate by."""
    seen: dict[str, Tensor] = {}

    def tap(name: str) -> Callable:
        def hook(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
            if name in seen or given[0].dim() != 2:
                raise NotOfLayersError(f"{name} is called twice, or on more than features")
            seen[name] = given[0]
            return output + taps[name]

        return hook

    handles = [layer.register_forward_hook(tap(name)) for name, layer in layers.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
