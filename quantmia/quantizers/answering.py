"""Models that a runtime answers for, run by run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from quantmia.errors import QuantmiaError
from quantmia.quantizers.shipped import Models, Params, Quantized, Shipped


@dataclass(frozen=True)
class Answering:
    """The model of a run, as a runtime has it.

    Args:
        ask: raw outputs, [samples, out], of features.
        fingerprint: what tells it from others.
        artefact: the file that is shipped: the ending of its name, and its content.
    """

    ask: Callable[[NDArray], NDArray[np.float32]]
    fingerprint: int
    artefact: Callable[[], tuple[str, bytes]]


class Sessions(Shipped):
    """Models that a runtime answers for.

    Args:
        answering: by run; None where training diverged, and every answer is NaN.
        quantized: their weights.
        out_features: numbers that they answer a sample.
        batch: samples a call, or None for all at once.
    """

    def __init__(
        self,
        answering: Sequence[Answering | None],
        quantized: Quantized,
        out_features: int,
        batch: int | None,
    ):
        self._answering, self._quantized = list(answering), quantized
        self._out, self._batch = out_features, batch

    @property
    def weights(self):
        """As the library rounds them."""
        return self._quantized.weights

    def __call__(self, x):
        """Run by run, batch by batch."""
        rows = np.ascontiguousarray(x.numpy(force=True))
        size = self._batch or len(rows)
        batches = [rows[start : start + size] for start in range(0, len(rows), size)]
        found = np.full((len(self._answering), len(rows), self._out), np.nan, np.float32)
        for run, each in enumerate(self._answering):
            if each is not None:
                found[run] = np.concatenate([each.ask(batch) for batch in batches])
        return torch.from_numpy(found).to(x.device)

    def fingerprints(self):
        """Of what the runtime was given; of a diverged run of its weights."""
        own = self._quantized.fingerprints() if None in self._answering else []
        return [
            own[run] if each is None else each.fingerprint
            for run, each in enumerate(self._answering)
        ]

    def artefact(self, run):
        """As the runtime reads it.

        Raises:
            QuantmiaError: training diverged.
        """
        own = self._answering[run]
        if own is None:
            raise QuantmiaError("the training of this run diverged: there is nothing to ship")
        return own.artefact()

    def copy(self):
        """The same models, which nothing changes."""
        return Sessions(self._answering, self._quantized.copy(), self._out, self._batch)

    def take(self, runs, other):
        """Model by model."""
        assert isinstance(other, Sessions)  # of the same quantizer
        for run in runs:
            self._answering[run] = other._answering[run]
        self._quantized.take(runs, other._quantized)


def numbers_of_runs(params: Params) -> Iterator[Params | None]:
    """Each run's own numbers, or None where training diverged.

    Args:
        params: stacked, with the buffers.
    """
    for run in range(len(next(iter(params.values())))):
        own = {name: value[run] for name, value in params.items()}
        yield own if all(torch.isfinite(value).all() for value in own.values()) else None


def by_run(
    params: Params,
    models: Models,
    out_features: int,
    made: Callable[[int, Params], tuple[Answering, Params]],
    batch: int | None,
) -> Sessions:
    """Models that a runtime answers for, made one after another.

    Args:
        params: in full precision, with the buffers.
        models: that evaluate the architecture.
        out_features: numbers that they answer a sample.
        made: of the place of a run and its own numbers, its model and the numbers as it has them.
        batch: samples a call, or None for all at once.
    """
    answering: list[Answering | None] = []
    weights: list[Params] = []
    for run, own in enumerate(numbers_of_runs(params)):
        if own is None:
            answering.append(None)
            weights.append({name: value[run] for name, value in params.items()})
        else:
            model, stored = made(run, own)
            answering.append(model)
            weights.append(stored)
    stacked = {name: torch.stack([each[name] for each in weights]) for name in params}
    return Sessions(answering, Quantized(models, stacked), out_features, batch)


def refuse_wide(runtime: str, params: Params, models: Models) -> None:
    """See that a runtime knows the type of the parameters.

    Args:
        runtime: its name.
        params: stacked.
        models: that evaluate them.

    Raises:
        QuantmiaError: they are not of float32.
    """
    wide = [name for name in models.parameters if params[name].dtype != torch.float32]
    if wide:
        raise QuantmiaError(
            f"model: '{wide[0]}' is {str(params[wide[0]].dtype).removeprefix('torch.')}, and "
            f"{runtime} quantizes float32 alone"
        )


T = TypeVar("T")


class OfArchitecture(Generic[T]):
    """What is made once of an architecture, and kept for as long as the models that evaluate it.

    Args:
        make: of models, stacked numbers and features like those that they are asked about.
    """

    def __init__(self, make: Callable[[Models, Params, Tensor], T]):
        self._make = make
        self._made: WeakKeyDictionary[Models, dict[torch.Size, T]] = WeakKeyDictionary()

    def __call__(
        self, models: Models, params: Params, sample: Float[Tensor, "samples *features"]
    ) -> T:
        """It, for features of this shape.

        Args:
            models: that evaluate the architecture.
            params: stacked.
            sample: features like those that it is asked about.
        """
        made, shape = self._made.setdefault(models, {}), sample.shape[1:]
        if shape not in made:
            made[shape] = self._make(models, params, sample)
        return made[shape]


def of_any_number(
    sample: Float[Tensor, "samples *features"],
) -> Float[Tensor, "rows *features"]:
    """Features to trace a model with that is to take any number of samples.

    Args:
        sample: features like those that it is asked about.
    """
    # Neither 0 nor 1 of them, which would stand for themselves.
    return sample[:1].cpu().repeat(3, *[1] * (sample.ndim - 1))


def made_up(params: Params, seed: int) -> Params:
    """Numbers of one run by which parameters are known again, which no other has.

    They are positive, because a variance has to be.

    Args:
        params: stacked, for the shapes.
        seed: of the numbers.
    """
    random = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(value.shape[1:], generator=random, dtype=value.dtype) + 0.5
        if value.is_floating_point()
        else value[0].cpu()
        for name, value in params.items()
    }
