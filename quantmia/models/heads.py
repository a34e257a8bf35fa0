"""Heads to train on fixed features. Any function that returns an `nn.Module` works as well."""

from collections.abc import Sequence
from typing import Annotated, Literal

from annotated_types import Ge
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "silu": nn.SiLU}

Units = Annotated[int, Ge(1)]


def linear(in_features: int, out_features: int, in_shape: Sequence[int] | None = None) -> nn.Module:
    """A single linear layer: the classifier of the paper's synthetic study.

    Args:
        in_features: features a sample.
        out_features: 1 for regression and binary tasks, else the number of classes.
        in_shape: of a sample; images and the like are flattened.
    """
    return _flattened(nn.Linear(in_features, out_features), in_shape)


def mlp(
    in_features: int,
    out_features: int,
    hidden: Sequence[Units] = (64,),
    activation: Literal["relu", "gelu", "tanh", "silu"] = "relu",
    in_shape: Sequence[int] | None = None,
) -> nn.Module:
    """Fully connected layers with an activation after each but the last.

    Args:
        in_features: features a sample.
        out_features: 1 for regression and binary tasks, else the number of classes.
        hidden: units of each hidden layer.
        activation: the nonlinearity's name.
        in_shape: of a sample; images and the like are flattened.
    """
    layers: list[nn.Module] = []
    width = in_features
    for units in hidden:
        layers += [nn.Linear(width, units), ACTIVATIONS[activation]()]
        width = units
    return _flattened(nn.Sequential(*layers, nn.Linear(width, out_features)), in_shape)


def _flattened(head: nn.Module, in_shape: Sequence[int] | None) -> nn.Module:
    return head if in_shape is None or len(in_shape) == 1 else nn.Sequential(nn.Flatten(), head)
