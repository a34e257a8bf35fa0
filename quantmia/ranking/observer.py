"""What attacks see of the models of all runs, gathered one release after another."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import nn

from quantmia.attacks import Attack, Observed, WhiteBox
from quantmia.experiment import Audited, Experiment, Recording
from quantmia.files import Tensors
from quantmia.models.skeleton import skeleton
from quantmia.ranking.evidence import Evidence
from quantmia.runs.content import GUESS, MEASURING
from quantmia.tasks import TASKS
from quantmia.vocabulary import LAST


class Observer:
    """Gathers what the attacks see of every run, one release after another.

    Args:
        found: where the runs lie.
        attacks: what they want to read decides what is gathered.
        experiment: asked for data and modules if an attack wants what the run files do not hold.
        alike: see the last checkpoint on the same samples as those before it, which are not all
            where answers are kept of a part; else on all.
    """

    def __init__(
        self, found: Evidence, attacks: Iterable[Attack], experiment: Audited, alike: bool = False
    ):
        attacks = list(attacks)
        self.found, self.experiment, self._alike = found, experiment, alike
        self.task = TASKS[found.meta[0]["task"]]
        self.wants_models = any(attack.wants_models for attack in attacks)
        self.wants_features = any(attack.wants_features for attack in attacks)
        self.wants_population = any(attack.wants_population for attack in attacks)

    def __call__(self, quantizer: str, checkpoint: str = LAST) -> Observed:
        """What is seen of the models quantized by this one.

        Args:
            quantizer: its name.
            checkpoint: its name.

        Raises:
            FolderError: a file of a run is missing or damaged, or the data are no longer those
                that the runs were trained on.
        """
        members, target = (each[:, self._seen(checkpoint)] for each in self._same_for_all)
        output = np.stack([answers_of(each) for each in self._outputs(quantizer, checkpoint)])
        loss = self.task.loss(torch.from_numpy(output), torch.from_numpy(target)).numpy()
        seen = Observed(
            signal=self.task.signal(output, target),
            loss=loss.astype(np.float64),
            members=members,
            population=self._population(quantizer, checkpoint),
            output=output,
            target=target,
            two_sided=self.task.two_sided,
        )
        if not (self.wants_models or self.wants_features):
            return seen
        inputs, parts = self._own.inputs, self._own.parts
        flat = inputs.reshape(len(inputs), -1)
        held_out = parts.validation
        if (kept := self._own.kept.losses) is not None:
            held_out = held_out[kept]
        models = [run.model() for run in self.found.runs] if self.wants_models else []
        white_box = self._white_box(quantizer, models) if models else None
        return replace(seen, features=(flat[parts.pool], flat[held_out]), white_box=white_box)

    def merits(self, quantizer: str, checkpoint: str) -> "Merits":
        """What a release is good for.

        Args:
            quantizer: its name.
            checkpoint: its name, one of `checkpoints`.

        Raises:
            FolderError: a file of a run is missing or damaged.
        """
        runs, of_others = self.found.runs, isinstance(self.experiment, Recording)
        if of_others:
            members, targets = self._same_for_all
            outputs = map(answers_of, self._outputs(quantizer, checkpoint))
            found = [
                self._of_non_members(*each) for each in zip(outputs, targets, members, strict=True)
            ]
        else:
            outputs = (answers_of(run.release("measured", quantizer, checkpoint)) for run in runs)
            found = [
                self.task.merit(*each) for each in zip(outputs, self.measured_targets, strict=True)
            ]
            if (of_all := self._merits(quantizer, checkpoint)) is not None:
                return self._of_more(of_all, found)
        values, influences = zip(*found, strict=True)
        return Merits(np.array(values), np.mean(influences, axis=0), held_out=not of_others)

    def _of_non_members(
        self, output: np.ndarray, target: np.ndarray, members: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Merit on the samples that a run was not trained on, and the influence of all."""
        value, own = self.task.merit(output[~members], target[~members])
        influence = np.zeros(len(members))
        influence[~members] = own * (len(members) / len(own))
        return value, influence

    def _merits(self, quantizer: str, checkpoint: str) -> Float[np.ndarray, " runs"] | None:
        """On all samples that measure, where answers are kept of a part of them."""
        facts = [meta["quantizers"][quantizer] for meta in self.found.meta]
        if "merits" not in facts[0]:
            return None
        return np.array([each["merits"][checkpoint] for each in facts])

    def _of_more(
        self, values: Float[np.ndarray, " runs"], found: Sequence[tuple[float, np.ndarray]]
    ) -> "Merits":
        """What all samples say, with the influence of the part as strong as that of so many."""
        influence = np.mean([each for _, each in found], axis=0)
        measuring = self.found.meta[0][MEASURING]
        return Merits(values, influence * np.sqrt(len(influence) / measuring), held_out=True)

    @cached_property
    def guess(self) -> float:
        """Utility of the best answer that looks at no sample."""
        told = self.found.meta[0].get(GUESS)
        return self.task.guess(self.measured_targets[0]) if told is None else told

    @cached_property
    def measured_targets(self) -> Sequence[np.ndarray]:
        """Targets of the samples that releases are measured on, of every run."""
        if isinstance(self.experiment, Recording):
            members, targets = self._same_for_all
            return [target[~was] for target, was in zip(targets, members, strict=True)]
        return [run.measured_target() for run in self.found.runs]

    def epochs(self, quantizer: str, checkpoint: str) -> list[int]:
        """After which epoch every run's model was taken.

        Args:
            quantizer: its name.
            checkpoint: its name, one of `checkpoints`.
        """
        return [meta["quantizers"][quantizer]["releases"][checkpoint] for meta in self.found.meta]

    def checkpoints(self, quantizer: str) -> list[str]:
        """Names of those that are released; none where of every quantizer only the last is.

        Args:
            quantizer: its name.
        """
        return list(self.found.meta[0]["quantizers"][quantizer].get("releases", ()))

    @property
    def members(self) -> Bool[np.ndarray, "runs pool"]:
        """Who was trained on by every run."""
        return self._same_for_all[0]

    def _seen(self, checkpoint: str) -> slice | Int[np.ndarray, " kept"]:
        """Which samples of the pool are."""
        everyone = checkpoint == LAST and not self._alike
        return slice(None) if everyone or self._attacked is None else self._attacked

    @property
    def of_a_part(self) -> bool:
        """Whether the last checkpoint is seen on a part of the pool, as those before it are."""
        return self._alike and self._attacked is not None

    @cached_property
    def _attacked(self) -> Int[np.ndarray, " kept"] | None:
        """Which samples releases before the last are seen on, where not on all."""
        return self.found.runs[0].attacked() if MEASURING in self.found.meta[0] else None

    @cached_property
    def _same_for_all(self) -> tuple[np.ndarray, np.ndarray]:
        """Members and targets of every run."""
        members, targets = zip(*(run.pool() for run in self.found.runs), strict=True)
        return np.stack(members), np.stack(targets)

    def _outputs(self, quantizer: str, checkpoint: str) -> Iterator[np.ndarray]:
        for run in self.found.runs:
            if checkpoint == LAST:
                yield run.answers(quantizer)[self._seen(checkpoint)]
            else:
                yield run.release("pool", quantizer, checkpoint)

    def _population(
        self, quantizer: str, checkpoint: str
    ) -> Float[np.ndarray, "runs validation"] | None:
        """Losses on the validation samples; None where nobody asks or none were recorded."""
        all_epochs, runs = self.experiment.config.training.checkpoints, self.found.runs
        if not (self.wants_population and all_epochs):
            return None
        places = [-1] * len(runs)
        if checkpoint != LAST:
            places = [all_epochs.index(each) for each in self.epochs(quantizer, checkpoint)]
        losses = [run.losses(quantizer, at) for run, at in zip(runs, places, strict=True)]
        return np.stack(losses).astype(np.float64)

    @property
    def _own(self) -> Experiment:
        """Our own training; of others, attacks that want more than outputs are left out."""
        assert isinstance(self.experiment, Experiment)
        return self.experiment

    @cached_property
    def _module(self) -> nn.Module:
        """The architecture; its own parameters are not used."""
        return skeleton(self._own.model()).eval()

    def _white_box(self, quantizer: str, models: list[Tensors]) -> WhiteBox:
        module = self._module
        stacked = {k: torch.from_numpy(np.stack([m[k] for m in models])) for k in models[0]}
        runs = [(run.seed, run.number) for run in self.found.runs]
        weights = self._own.shipped(quantizer, runs, self.members, stacked).weights
        pool = self._own.inputs[self._own.parts.pool]
        return WhiteBox(module, weights, torch.from_numpy(pool), self.task)


@dataclass(frozen=True)
class Merits:
    """The figure of merit of a release.

    Args:
        values: of every run.
        influence: of every sample on their mean.
        held_out: whether the samples are held out, and not those of the pool.
    """

    values: Float[np.ndarray, " runs"]
    influence: Float[np.ndarray, " samples"]
    held_out: bool


def answers_of(output: np.ndarray) -> np.ndarray:
    """Raw outputs with an axis for them, where there is one number a sample."""
    return output[:, None] if output.ndim == 1 else output
