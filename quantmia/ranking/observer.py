"""What attacks see of the models of all runs, gathered one quantizer after another."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from quantmia.attacks import Attack, Observed, WhiteBox
from quantmia.attacks.base import PER_SAMPLE
from quantmia.experiment import Experiment
from quantmia.files import Tensors
from quantmia.models.skeleton import skeleton
from quantmia.ranking.evidence import Evidence
from quantmia.tasks import TASKS


class Observer:
    """Gathers what the attacks see of every run, one quantizer after another.

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

    def __call__(self, quantizer: str) -> Observed:
        """What is seen of the models quantized by this one.

        Raises:
            FolderError: a file of a run is missing or damaged, or the data are no longer those
                that the runs were trained on.
        """
        columns: dict[str, list[np.ndarray]] = {field: [] for field in PER_SAMPLE}
        models = []
        for run in self.found.runs:
            scores, population = run.scores(), run.last_losses(quantizer)
            if self.wants_models:
                models.append(run.model())
            output, target = scores[quantizer], scores["target"]
            output = output[:, None] if output.ndim == 1 else output
            loss = self.task.loss(torch.from_numpy(output), torch.from_numpy(target)).numpy()
            for field, value in (
                ("signal", self.task.signal(output, target)),
                ("loss", loss.astype(np.float64)),
                ("members", scores["members"].astype(bool)),
                ("population", population.astype(np.float64)),
                ("output", output),
                ("target", target),
            ):
                columns[field].append(value)
        stacked: dict[str, Any] = {field: np.stack(values) for field, values in columns.items()}
        seen = Observed(**stacked, two_sided=self.task.two_sided)
        if not (self.wants_models or self.wants_features):
            return seen
        inputs, parts = self.experiment.inputs, self.experiment.parts
        flat = inputs.reshape(len(inputs), -1)
        white_box = self._white_box(quantizer, models) if models else None
        return replace(
            seen, features=(flat[parts.pool], flat[parts.validation]), white_box=white_box
        )

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
