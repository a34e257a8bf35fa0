"""The module that an experiment trains, made for its data and tried before any work."""

import inspect
import math
from functools import partial
from typing import Any

import torch
from hydra.utils import instantiate
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from quantmia.data import Dataset
from quantmia.errors import QuantmiaError, first_line
from quantmia.models.loop import Loop
from quantmia.models.room import Sizes
from quantmia.models.stack import WAY_OUT, Factory, Stack, alike, initialise, refuse_stateful
from quantmia.tasks import Task

# What a user's module may raise.
FAULTS = (RuntimeError, TypeError, ValueError, LookupError, AttributeError)
MADE_UP = 64  # features of a sample


def model_factory(config: dict[str, Any], dataset: Dataset) -> Factory:
    """The configured module factory, with the sizes filled in where it wants them.

    `in_features` is the number of features of a sample, `in_shape` their shape, `out_features` how
    many numbers the task wants back.

    Args:
        config: `_target_` and arguments.
        dataset: gives the sizes.
    """
    outputs = dataset.task.out_features(dataset.classes)
    return _sized(config, dataset.features.shape[1:], outputs)


def _sized(config: dict[str, Any], shape: tuple[int, ...], outputs: int) -> Factory:
    factory: partial = instantiate(config, _partial_=True)
    wanted = inspect.signature(factory.func).parameters
    sizes = {"in_features": math.prod(shape), "in_shape": shape, "out_features": outputs}
    return partial(factory, **{k: v for k, v in sizes.items() if k in wanted})


def refuse_state(config: dict[str, Any]) -> None:
    """Before any data are read: see that a module can be trained as a stack, as far as it is seen.

    The module is made for made-up sizes. One that does not take them is looked at with the true
    ones, by `why_not_stacked`.

    Args:
        config: `_target_` and arguments.

    Raises:
        QuantmiaError: it has parts that runs cannot share; all of them are named.
    """
    try:
        model = initialise(_sized(config, (MADE_UP,), 1), seed=0)
    except Exception:  # whatever a user's code raises for sizes that it did not ask for
        return
    if isinstance(model, nn.Module):
        refuse_stateful(model)


def initial_sizes(factory: Factory) -> dict[str, float]:
    """Sum of the absolute values of every parameter and buffer of a model that starts from seed 0.

    It tells of weights that are read from a file. A sum, and no checksum, because the last bits of
    random numbers depend on the processor.

    Args:
        factory: returns a fresh module.
    """
    model = initialise(factory, seed=0)
    values = dict(model.named_parameters()) | dict(model.named_buffers())
    return {name: float(value.detach().double().abs().sum()) for name, value in values.items()}


def try_out(factory: Factory, samples: Tensor, out_features: int) -> Sizes:
    """See that a module takes the samples and answers as the task wants.

    Args:
        factory: returns a fresh module.
        samples: two or more.
        out_features: numbers that the task wants a sample.

    Raises:
        QuantmiaError: it does not.
    """
    shape = list(samples.shape[1:])
    made: list[int] = []

    def count(module: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            made.append(output.numel() // len(samples))

    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            model = factory()
            if not isinstance(model, nn.Module):
                raise QuantmiaError(
                    f"model: _target_ returned a {type(model).__name__}; it has to return a "
                    "torch.nn.Module."
                )
            _refuse_parameters(model)
            for module in model.modules():
                module.register_forward_hook(count)
            output = model.eval()(samples)
    except FAULTS as error:
        raise QuantmiaError(
            f"model: it fails on samples of shape {shape}: {_first(error)}"
        ) from error
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise QuantmiaError("model: it has no parameters to train, or all are frozen.")
    found = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if found != [len(samples), out_features]:
        raise QuantmiaError(
            f"model: for {len(samples)} samples of shape {shape} it returns {found}; the task wants"
            f" {[len(samples), out_features]}. A factory with an argument out_features is told."
        )
    return Sizes(sum(each.numel() for each in model.parameters()), sum(made))


def _refuse_parameters(model: nn.Module) -> None:
    """Raise a QuantmiaError for what cannot be trained or quantized by itself."""
    places: dict[int, str] = {}
    for name, parameter in model.named_parameters():
        if isinstance(parameter, UninitializedParameter):
            raise QuantmiaError(
                f"model: the parameter '{name}' gets its size from the first samples "
                "(nn.Lazy...), when it is too late to initialise it by the run's seed; name the "
                "size. A factory with an argument in_features is told."
            )
        if parameter.dtype not in (torch.float32, torch.float64):
            raise QuantmiaError(
                f"model: the parameter '{name}' is {str(parameter.dtype).removeprefix('torch.')}; "
                "parameters have to be float32 or float64"
            )
        first = places.setdefault(parameter.data_ptr(), name)
        if parameter.numel() and first != name:
            raise QuantmiaError(
                f"model: the parameters '{first}' and '{name}' share memory without being one; tie "
                "them as PyTorch does (b.weight = a.weight, not .data)"
            )
    for name, module in model.named_modules():
        if getattr(module, "sparse", False) and isinstance(module, nn.Embedding | nn.EmbeddingBag):
            raise QuantmiaError(
                f"model: the module '{name}' has sparse gradients, which the optimisers here do "
                "not take; leave out sparse=True"
            )


def why_not_stacked(factory: Factory, samples: Tensor, task: Task, classes: int) -> str | None:
    """What keeps a module from being trained as a stack of runs, or None.

    Args:
        factory: returns a fresh module.
        samples: two or more.
        task: gives the loss.
        classes: of the task; 0 for regression.
    """
    try:
        stack, alone = Stack(factory, (0, 1), task), Loop(factory, (0, 1), task)
        for x in (samples, samples[:1].expand_as(samples).contiguous()):
            together, apart = _computed(stack, x, classes), _computed(alone, x, classes)
            if differs := [what for what, each in together.items() if not alike(each, apart[what])]:
                called = type(initialise(factory, 0)).__name__
                return (
                    f"model: {called} computes other {' and '.join(differs)} as a stack of runs "
                    "than by itself, as modules do that keep more than their parameters, have "
                    f"hooks on gradients or draw numbers by NumPy. {WAY_OUT}."
                )
    except QuantmiaError as error:
        return str(error)
    except FAULTS as error:
        return f"model: it cannot be trained as a stack of runs ({_first(error)}). {WAY_OUT}."
    return None


def _computed(models: Stack | Loop, x: Tensor, classes: int) -> dict[str, list[Tensor]]:
    """Outputs, and gradients on targets of every class, of untrained models."""
    labels = torch.arange(len(x)) % max(classes, 1)
    y = labels if models.task.name == "multiclass" else labels.to(torch.float32)
    runs = len(next(iter(models.initial.values())))
    params = {name: value.clone() for name, value in models.initial.items()}
    gradients = models.gradients(params, x.expand(runs, *x.shape), y.expand(runs, -1))
    return {"outputs": [models(models.initial, x)], "gradients": list(gradients)}


def _first(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"
