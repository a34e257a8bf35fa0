"""What a quantizer makes of a stack of models: something that answers, as it would be shipped."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import xxhash
from jaxtyping import Float, Int
from torch import Tensor, from_numpy, nn

Params = dict[str, Tensor]  # parameters and buffers, each [runs, *shape]


@runtime_checkable
class Models(Protocol):
    """What evaluates models of one architecture (`quantmia.models`).

    `parameters` names what of their numbers is a parameter and no buffer.
    """

    parameters: list[str]

    def __call__(
        self, params: Params, x: Float[Tensor, "samples *features"]
    ) -> Float[Tensor, "runs samples out"]:
        """Raw outputs of every run on the same samples."""
        ...

    def module(self, params: Params) -> nn.Module:
        """The model of a run by itself, of its numbers (without an axis of runs)."""
        ...


class Shipped(ABC):
    """The models of all runs of a stack as a quantizer releases them."""

    @property
    @abstractmethod
    def weights(self) -> Params:
        """Their quantized parameters, and buffers, for those who look into models."""

    @abstractmethod
    def __call__(self, x: Float[Tensor, "samples *features"]) -> Float[Tensor, "runs samples out"]:
        """Raw outputs of every run on the same samples."""

    @abstractmethod
    def fingerprints(self) -> list[int]:
        """A 64-bit hash of each run's model: what answers alike has the same."""

    @abstractmethod
    def copy(self) -> "Shipped":
        """The same on the host, for good: training goes on in the memory that it was made of."""

    @abstractmethod
    def take(self, runs: Int[np.ndarray, " some"], other: "Shipped") -> None:
        """Replace the models of some runs of a copy.

        Args:
            runs: their places.
            other: made by the same quantizer of the same runs.
        """


class Quantized(Shipped):
    """Models that are told by their numbers alone: quantized weights, evaluated as any others.

    Args:
        models: evaluates them.
        params: quantized, and buffers.
    """

    def __init__(self, models: Models, params: Params):
        self._models, self._params = models, params

    @property
    def weights(self) -> Params:
        """What it was made of."""
        return self._params

    def __call__(self, x):
        """By the stack, on the samples' device."""
        there = {name: value.to(x.device) for name, value in self._params.items()}
        return self._models(there, x)

    def fingerprints(self):
        """Of every number."""
        return fingerprints(list(self._params.values()))

    def copy(self):
        """A clone: a device has room for the models of its stack alone."""
        params = {name: value.detach().cpu().clone() for name, value in self._params.items()}
        return Quantized(self._models, params)

    def take(self, runs, other):
        """Number by number."""
        chosen = from_numpy(runs)
        for name, value in other.weights.items():
            self._params[name][chosen] = value[chosen.to(value.device)].cpu()


def fingerprints(values: Sequence[Float[Tensor, "runs ..."]]) -> list[int]:
    """A 64-bit hash of each run's numbers.

    Args:
        values: of all runs.
    """
    hashes = [xxhash.xxh3_64() for _ in values[0]]
    for value in values:
        for run, row in zip(hashes, np.ascontiguousarray(value.numpy(force=True)), strict=True):
            run.update(row)
    return [run.intdigest() for run in hashes]
