"""What is audited: an experiment of ours, each part made once, or what others recorded."""

import inspect
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from jaxtyping import Bool, Float

from quantmia.accountant import Sampling, noise_multiplier
from quantmia.attacks import Attack
from quantmia.config.recorded import RecordedConfig
from quantmia.config.schema import ExperimentConfig
from quantmia.config.training import DpConfig, TrainingConfig
from quantmia.data import (
    Dataset,
    Labels,
    Split,
    Standardised,
    calibration_inputs,
    split,
    standardise,
    with_noise,
)
from quantmia.data.embedders import make_embedder
from quantmia.data.kept import Kept
from quantmia.device import choose
from quantmia.errors import FolderError, QuantmiaError, first_line
from quantmia.models.factory import Factory, model_factory, refuse_state, try_out, why_not_stacked
from quantmia.models.layers import LayerInputs
from quantmia.models.loop import Loop
from quantmia.models.room import stack_size
from quantmia.models.skeleton import skeleton
from quantmia.models.stack import Params
from quantmia.progress import Progress
from quantmia.quantizers import Quantizer, make
from quantmia.quantizers.shipped import Shipped
from quantmia.runs.merge import Merged
from quantmia.suited import refuse_unsuited
from quantmia.vocabulary import Shown


@dataclass
class Experiment:
    """Parts are made when they are wanted first, and kept.

    Args:
        config: checked.
        cache: folder of embeddings and trajectories.
        progress: shows how far it is.
        finished: the runs that it is of, if it is of any; its data have to be theirs.
    """

    config: ExperimentConfig
    cache: Path
    progress: Progress
    finished: Merged | None = None

    @cached_property
    def dataset(self) -> Dataset:
        """The data.

        Raises:
            DataError: they cannot be read.
            FolderError: they are no longer those that the finished runs were trained on.
        """
        dataset = _load(self.config, self.cache, self.progress)
        if self.finished and dataset.fingerprint != self.finished.dataset["sha256"]:
            folder = self.finished.runs[0].folders[0].path
            raise FolderError(
                f"{folder}: its dataset is wanted, and is no longer the one that the runs were "
                "trained on; restore it, or leave out what wants it (an attack that reads "
                "features, --expose-samples)."
            )
        return dataset

    @cached_property
    def parts(self) -> Split:
        """Who is held out, and who may be a member."""
        chosen = self.config.split
        return split(self.dataset, chosen.validation, chosen.seed, chosen.calibration)

    @cached_property
    def kept(self) -> Kept:
        """Of which samples losses and answers are kept."""
        sizes = len(self.parts.validation), len(self.parts.pool)
        return Kept.of(*sizes, self.config.indicator.samples, self.config.release.samples)

    @cached_property
    def labels(self) -> Labels:
        """The targets that models are trained on, with noise if it is wanted.

        Raises:
            DataError: the noise is of too few samples to change a label.
        """
        wanted = self.config.split
        return with_noise(self.dataset, self.parts, wanted.label_noise, wanted.seed)

    @cached_property
    def inputs(self) -> Float[np.ndarray, "samples *features"]:
        """What the models see: features, standardised unless the configuration says not to."""
        return self.standardised.values

    @cached_property
    def standardised(self) -> Standardised:
        """The features as the models see them, and which values lie far out."""
        return standardise(self.dataset, self.parts, self.config.split.standardise)

    @cached_property
    def model(self) -> Factory:
        """Returns a fresh module with the sizes of the data."""
        return model_factory(self.config.model, self.dataset)

    @cached_property
    def quantizers(self) -> Mapping[str, Quantizer]:
        """By name.

        Raises:
            QuantmiaError: one cannot be made of its arguments.
        """
        made = {}
        for name, entry in self.config.quantizer.items():
            try:
                made[name] = make(entry)
            except (TypeError, ValueError) as error:
                raise QuantmiaError(f"quantizer.{name}: {first_line(error)}") from error
        return made

    def shown(
        self,
        runs: Sequence[tuple[int, int]],
        mask: Bool[np.ndarray, "runs pool"],
        device: str,
        names: Sequence[str] | None = None,
    ) -> Mapping[str, LayerInputs]:
        """What those of some quantizers that look at data are shown, by name.

        Args:
            runs: seed and index of each.
            mask: who each of them trains on.
            device: where their parameters are.
            names: of quantizers (default: all).
        """
        made: dict[tuple[Shown, int], LayerInputs] = {}
        found = {}
        for name in self.quantizers if names is None else names:
            each = self.quantizers[name]
            if key := each.looks_at:
                if key not in made:
                    inputs = calibration_inputs(self.parts, self.inputs, *key, mask, runs)
                    rows = torch.from_numpy(inputs).to(device)
                    made[key] = LayerInputs(skeleton(self.model()), rows)
                found[name] = made[key]
        return found

    def shipped(
        self,
        name: str,
        runs: Sequence[tuple[int, int]],
        mask: Bool[np.ndarray, "runs pool"],
        models: Params,
    ) -> Shipped:
        """Models as a quantizer releases them.

        Args:
            name: of the quantizer.
            runs: seed and index of each.
            mask: who each of them trains on.
            models: parameters and buffers, [runs, *shape] each, on the host.
        """
        evaluated = Loop(self.model, [0] * len(runs), self.dataset.task)
        sample = torch.from_numpy(self.inputs[:1])
        rows = self.shown(runs, mask, "cpu", [name]).get(name)
        return self.quantizers[name].release(models, evaluated, sample, rows)

    @cached_property
    def attacks(self) -> Mapping[str, Attack]:
        """By name."""
        return _attacks(self.config.attack)

    def fitted(self) -> "Experiment":
        """The same on its device, once the model is seen to fit the data.

        A stack of `auto` becomes the number of runs that fit the device, and how they are trained
        what the model allows.

        Raises:
            QuantmiaError: the device is not there, or the model does not fit the data, or cannot be
                trained as it is to be.
        """
        chosen = choose(self.config.device)
        refuse_unsuited(self.quantizers, self.config)
        if self.config.training.vectorize is True:
            refuse_state(self.config.model)
        task, classes = self.dataset.task, self.dataset.classes
        samples = torch.from_numpy(self.dataset.features[:2])
        sizes = try_out(self.model, samples, task.out_features(classes))
        training = self.config.training
        if training.vectorize:
            why = why_not_stacked(self.model, samples, task, classes)
            if why and training.dp.wanted:
                raise QuantmiaError(
                    f"{why} With training.dp it cannot: there the gradient of every sample is "
                    "clipped by itself, in a stack."
                )
            if why and training.vectorize is True:
                raise QuantmiaError(why)
            if why:
                self.progress.say(f"{why} training.vectorize=auto does so.")
            training = replace(training, vectorize=why is None)
        if training.dp.wanted:
            training = replace(training, dp=self._private(training))
        if training.stack == "auto":
            room = stack_size(chosen, sizes, training.batch_size)
            training = replace(training, stack=room)
        fitted = copy(self)  # with the parts that are made already: none depends on these two
        fitted.config = replace(self.config, device=str(chosen), training=training)
        return fitted

    def _private(self, training: TrainingConfig) -> DpConfig:
        """With the noise that the epsilon wants."""
        dp, pool = training.dp, len(self.parts.pool)
        if dp.delta * (pool // 2) >= 1:
            raise QuantmiaError(
                f"training.dp.delta={dp.delta:g}: has to be below 1 / {pool // 2}, the members of "
                "a run; else training may give one of them away and keep it"
            )
        if dp.epsilon is None:
            return dp
        sampling = Sampling.of(pool, training.batch_size)
        noise = noise_multiplier(dp.epsilon, sampling, training.epochs, dp.delta)
        return replace(dp, noise_multiplier=noise)


@dataclass
class Recording:
    """Outputs of models that others trained: neither data nor models are there.

    Args:
        config: how to rank them.
        progress: shows how far it is.
    """

    config: RecordedConfig
    progress: Progress

    @cached_property
    def attacks(self) -> Mapping[str, Attack]:
        """By name."""
        return _attacks(self.config.attack)


Audited = Experiment | Recording


def of_finished(merged: Merged, cache: Path, progress: Progress) -> Audited:
    """What finished runs are of.

    Args:
        merged: the runs.
        cache: folder of embeddings.
        progress: shows how far it is.
    """
    if isinstance(merged.config, RecordedConfig):
        return Recording(merged.config, progress)
    return Experiment(merged.config, cache, progress, merged)


def _attacks(entries: Mapping[str, Any]) -> dict[str, Attack]:
    return {name: instantiate(entry) for name, entry in entries.items()}


def _load(config: ExperimentConfig, cache: Path, progress: Progress) -> Dataset:
    """Make the dataset; factories that want them get `embedder`, `cache` and `progress`."""
    factory = instantiate(config.dataset, _partial_=True)
    wanted = inspect.signature(factory.func).parameters
    offered: dict[str, Any] = {"cache": cache, "progress": progress}
    if config.embedder is not None and "embedder" in wanted:
        offered["embedder"] = make_embedder(config.embedder)
    elif "embedder" in wanted and wanted["embedder"].default is inspect.Parameter.empty:
        raise QuantmiaError("embedder=none: this dataset holds molecules; use embedder=minimol")
    return factory(**{key: value for key, value in offered.items() if key in wanted})
