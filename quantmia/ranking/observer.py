"""What attacks see of the models of all runs, gathered one release after another."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import nn

from quantmia.attacks import Attack, Observed, WhiteBox
from quantmia.experiment import Experiment
from quantmia.files import Tensors
from quantmia.models.skeleton import skeleton
from quantmia.ranking.evidence import Evidence
from quantmia.tasks import TASKS
from quantmia.vocabulary import LAST


class Observer:
    """Gathers what the attacks see of every run, one release after another.

    Args:
        found: where the runs lie.
        attacks: what they want to read decides what is gathered.
        experiment: asked for data and modules if an attack wants what the run files do not hold.
    """

    def __init__(self, found: Evidence, attacks: Iterable[Attack], experiment: Experiment):
        attacks = list(attacks)
        self.found, self.experiment = found, experiment
        self.task = TASKS[found.meta[0]["task"]]
        self.wants_models = any(attack.wants_models for attack in attacks)
        self.wants_features = any(attack.wants_features for attack in attacks)

    def __call__(self, quantizer: str, checkpoint: str = LAST) -> Observed:
        """What is seen of the models quantized by this one.

        Args:
            quantizer: its name.
            checkpoint: its name.

        Raises:
            FolderError: a file of a run is missing or damaged, or the data are no longer those
                that the runs were trained on.
        """
        members, target = self._same_for_all
        output = np.stack([answers_of(each) for each in self._outputs(quantizer, checkpoint)])
        loss = self.task.loss(torch.from_numpy(output), torch.from_numpy(target)).numpy()
        seen = Observed(
            signal=self.task.signal(output, target),
            loss=loss.astype(np.float64),
            members=members,
            population=np.stack(list(self._population(quantizer, checkpoint))).astype(np.float64),
            output=output,
            target=target,
            two_sided=self.task.two_sided,
        )
        if not (self.wants_models or self.wants_features):
            return seen
        inputs, parts = self.experiment.inputs, self.experiment.parts
        flat = inputs.reshape(len(inputs), -1)
        models = [run.model() for run in self.found.runs] if self.wants_models else []
        white_box = self._white_box(quantizer, models) if models else None
        return replace(
            seen, features=(flat[parts.pool], flat[parts.validation]), white_box=white_box
        )

    def epochs(self, quantizer: str, checkpoint: str) -> list[int]:
        """After which epoch every run's model was taken.

        Args:
            quantizer: its name.
            checkpoint: its name, one of `checkpoints`.
        """
        return [meta["quantizers"][quantizer]["releases"][checkpoint] for meta in self.found.meta]

    @cached_property
    def checkpoints(self) -> list[str]:
        """Names of those that are released, of whatever quantizer; none where only the last is."""
        facts = next(iter(self.found.meta[0]["quantizers"].values()))
        return list(facts.get("releases", ()))

    @cached_property
    def _same_for_all(self) -> tuple[np.ndarray, np.ndarray]:
        """Members and targets of every run."""
        scores = [run.scores() for run in self.found.runs]
        members = np.stack([each["members"].astype(bool) for each in scores])
        return members, np.stack([each["target"] for each in scores])

    def _outputs(self, quantizer: str, checkpoint: str) -> Iterator[np.ndarray]:
        for run in self.found.runs:
            if checkpoint == LAST:
                yield run.answers(quantizer)
            else:
                yield run.release("pool", quantizer, checkpoint)

    def _population(self, quantizer: str, checkpoint: str) -> Iterator[np.ndarray]:
        if checkpoint == LAST:
            yield from (run.losses(quantizer, -1) for run in self.found.runs)
            return
        all_epochs = self.experiment.config.training.checkpoints
        epochs = self.epochs(quantizer, checkpoint)
        for run, epoch in zip(self.found.runs, epochs, strict=True):
            yield run.losses(quantizer, all_epochs.index(epoch))

    @cached_property
    def _module(self) -> nn.Module:
        """The architecture; its own parameters are not used."""
        return skeleton(self.experiment.model()).eval()

    def _white_box(self, quantizer: str, models: list[Tensors]) -> WhiteBox:
        module = self._module
        stacked = {k: torch.from_numpy(np.stack([m[k] for m in models])) for k in models[0]}
        trained = {name: stacked[name] for name, _ in module.named_parameters()}
        quantized = self.experiment.quantizers[quantizer](trained)
        pool = self.experiment.inputs[self.experiment.parts.pool]
        return WhiteBox(module, stacked | quantized, torch.from_numpy(pool), self.task)


def answers_of(output: np.ndarray) -> np.ndarray:
    """Raw outputs with an axis for them, where there is one number a sample."""
    return output[:, None] if output.ndim == 1 else output
