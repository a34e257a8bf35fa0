"""What a quantizer makes of a stack of models: something that answers, as it would be shipped."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import xxhash
from jaxtyping import Float, Int, Shaped
from safetensors.torch import save
from torch import Tensor, from_numpy, nn

from quantmia.errors import QuantmiaError

Params = dict[str, Tensor]  # parameters and buffers, each [runs, *shape]
# Of what a layer is given and the ends of a range (None: it finds them itself), what it takes.
Rounds = Callable[[Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Inputs:
    """How the inputs of linear layers are rounded while models are evaluated.

    Args:
        rounding: equal ones compute the same.
        ranges: by the name of a layer's weight, for each run; a layer without one is left alone.
            None: the rounding finds the range of each layer itself.
    """

    rounding: Rounds
    ranges: Mapping[str, Float[Tensor, "runs 2"]] | None = None


@runtime_checkable
class Models(Protocol):
    """What evaluates models of one architecture (`quantmia.models`).

    `parameters` names what of their numbers is a parameter and no buffer.
    """

    parameters: list[str]

    def __call__(
        self, params: Params, x: Float[Tensor, "samples *features"], inputs: Inputs | None = None
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
    def artefact(self, run: int) -> tuple[str, bytes]:
        """The file that is shipped of a run: the ending of its name, and its content.

        Args:
            run: its place.

        Raises:
            QuantmiaError: what answers is no file that another program could run.
        """

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
    """Quantized weights, evaluated as any others; the inputs of linear layers may be rounded.

    Args:
        models: evaluates them.
        params: quantized, and buffers.
        inputs: how those of linear layers are rounded, if they are.
    """

    def __init__(self, models: Models, params: Params, inputs: Inputs | None = None):
        self._models, self._params, self._inputs = models, params, inputs

    @property
    def weights(self) -> Params:
        """What it was made of."""
        return self._params

    def __call__(self, x):
        """By the stack, on the samples' device."""
        there = {name: value.to(x.device) for name, value in self._params.items()}
        if self._inputs is None:
            return self._models(there, x)
        ranges = {name: value.to(x.device) for name, value in self._ranges.items()}
        return self._models(there, x, self._with(ranges))

    def fingerprints(self):
        """Of every number."""
        return fingerprints([*self._params.values(), *self._ranges.values()])

    def artefact(self, run) -> tuple[str, bytes]:
        """The weights as safetensors, dequantized: a state_dict of the architecture.

        Raises:
            QuantmiaError: activations are rounded too, which no state_dict does.
        """
        if self._inputs is not None:
            raise QuantmiaError(
                "quantizer: rounds activations in a simulation, which is no model to ship; export "
                "what a runtime answers instead, such as onnx_int8_dynamic"
            )
        own = {name: value[run].cpu().contiguous() for name, value in self._params.items()}
        return ".safetensors", save(own)

    def copy(self):
        """A clone: a device has room for the models of its stack alone."""
        return Quantized(self._models, cloned(self._params), self._with(cloned(self._ranges)))

    def take(self, runs, other):
        """Number by number."""
        assert isinstance(other, Quantized)  # of the same quantizer
        put(self._params, other._params, runs)
        put(self._ranges, other._ranges, runs)

    @property
    def _ranges(self) -> Mapping[str, Tensor]:
        return (self._inputs and self._inputs.ranges) or {}

    def _with(self, ranges: Mapping[str, Tensor]) -> Inputs | None:
        """How inputs are rounded, in other ranges if in any that are given."""
        if self._inputs is None or self._inputs.ranges is None:
            return self._inputs
        return Inputs(self._inputs.rounding, ranges)


def cloned(values: Mapping[str, Tensor]) -> Params:
    """A copy on the host.

    Args:
        values: by name.
    """
    return {name: value.detach().cpu().clone() for name, value in values.items()}


def put(
    values: Mapping[str, Tensor], others: Mapping[str, Tensor], runs: Int[np.ndarray, " some"]
) -> None:
    """Replace what belongs to some runs.

    Args:
        values: by name, [runs, *shape] on the host.
        others: likewise, on any device.
        runs: their places.
    """
    chosen = from_numpy(runs)
    for name, value in others.items():
        values[name][chosen] = value[chosen.to(value.device)].cpu()


def fingerprints(values: Sequence[Shaped[Tensor, "runs ..."]]) -> list[int]:
    """A 64-bit hash of each run's numbers.

    Args:
        values: of all runs.
    """
    hashes = [xxhash.xxh3_64() for _ in values[0]]
    for value in values:
        for run, row in zip(hashes, np.ascontiguousarray(value.numpy(force=True)), strict=True):
            run.update(row)
    return [run.intdigest() for run in hashes]
