"""One pass over the run files: what a ranking needs of every run, a few numbers each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import nn

from quantmia.attacks import Attack, Observed, WhiteBox
from quantmia.attacks.base import PER_SAMPLE
from quantmia.errors import QuantmiaError
from quantmia.files import Tensors
from quantmia.progress import Progress
from quantmia.quantizers import Quantizer
from quantmia.ranking.indicator import indicator, on_grid, order, pooled
from quantmia.runs.merge import Run
from quantmia.tasks import TASKS

PER_RUN = ("paper", "rate", "low_loss")


@dataclass(frozen=True)
class Inputs:
    """What the runs were made of, for attacks that read more than the run files.

    Args:
        pool: features; attacks see each sample's as a row.
        validation: features.
        module: the architecture.
        quantizers: by name.
    """

    pool: Float[np.ndarray, "pool *d"]
    validation: Float[np.ndarray, "validation *d"]
    module: nn.Module
    quantizers: Mapping[str, Quantizer]


InputSource = Callable[[], Inputs]


@dataclass
class Evidence:
    """Facts of every run that did not diverge.

    Args:
        runs: in the order of everything else.
        meta: what its files say of it.
        indicator: long table, one row a run, quantizer and variant.
        best_is_last: bool, [quantizers, runs].
        grids: `paper` on coarser checkpoint grids, [quantizers, runs] each.
        means: mean loss of every checkpoint, by quantizer, a run each.
        diverged: names of the runs left out.
    """

    runs: list[Run]
    meta: list[dict[str, Any]]
    indicator: pd.DataFrame
    best_is_last: np.ndarray
    grids: dict[int, np.ndarray]
    means: dict[str, list[np.ndarray]]
    diverged: list[str]

    def per_run(self, names: list[str], variant: str) -> np.ndarray:
        """Value of a variant for every run, [quantizers, runs]."""
        chosen = self.indicator[self.indicator["variant"] == variant]
        return chosen.pivot(index="quantizer", columns="run", values="r").loc[names].to_numpy(float)


def collect(
    runs: Sequence[Run], names: list[str], settings: dict[str, Any], progress: Progress
) -> Evidence:
    """Read and verify every run once.

    Args:
        runs: of one experiment.
        names: the quantizers.
        settings: of the indicator.
        progress: shows how far it is.

    Raises:
        FolderError: a run is missing or damaged.
        QuantmiaError: every run diverged.
    """
    rows, last, diverged, kept, metas = [], [], [], [], []
    grids: dict[int, list] = {every: [] for every in settings["grids"]}
    means: dict[str, list[np.ndarray]] = {name: [] for name in names}
    with progress.stage("indicator", len(runs), "runs") as advance:
        for run in runs:
            files = run.read()
            advance(1)
            if files.meta["diverged"]:
                diverged.append(run.name)
                continue
            number = len(metas)
            kept.append(run)
            metas.append(files.meta)
            last.append([])
            for column in grids.values():
                column.append([])
            for name in names:
                losses = files.losses[name]
                models = np.array(files.meta["quantizers"][name]["models"])
                ordered = order(losses, models)
                last[-1].append(ordered.best_is_last)
                means[name].append(losses.mean(1, dtype=np.float64))
                for variant in PER_RUN:
                    each = indicator(ordered, variant, settings["low_loss_models"])
                    rows.append({"run": number, "quantizer": name, "variant": variant} | vars(each))
                for every, column in grids.items():
                    r = np.nan
                    if len(losses) // every >= 2:
                        coarse = ordered if every == 1 else order(*on_grid(losses, models, every))
                        r = indicator(coarse, "paper").r
                    column[-1].append(r)
    if not metas:
        raise QuantmiaError(
            f"training.lr: all {len(runs)} runs diverged (parameters not finite); lower the "
            "learning rate."
        )
    return Evidence(
        kept,
        metas,
        pd.DataFrame(rows),
        np.array(last).T,
        {every: np.array(column).T for every, column in grids.items()},
        means,
        diverged,
    )


def pooled_indicator(found: Evidence, names: list[str]) -> np.ndarray:
    """Value of the variant `pooled` for every quantizer; its rows join the indicator table."""

    def reader(name: str, run: Run):
        def read():
            files = run.read()
            return files.losses[name], np.array(files.meta["quantizers"][name]["models"])

        return read

    values, rows = [], []
    for name in names:
        each = pooled([reader(name, run) for run in found.runs], found.means[name])
        values.append(each.r)
        rows.append({"run": pd.NA, "quantizer": name, "variant": "pooled"} | vars(each))
    found.indicator = pd.concat([found.indicator, pd.DataFrame(rows)], ignore_index=True)
    return np.array(values)


class Observer:
    """Gathers what the attacks see of every run, one quantizer after another.

    Args:
        found: where the runs lie.
        attacks: what they want to read decides what is gathered.
        source: called if an attack wants what the run files do not hold.
    """

    def __init__(self, found: Evidence, attacks: Iterable[Attack], source: InputSource):
        attacks = list(attacks)
        self.found = found
        self.task = TASKS[found.meta[0]["task"]]
        self.wants_models = any(attack.wants_models for attack in attacks)
        wants_inputs = self.wants_models or any(attack.wants_features for attack in attacks)
        self.inputs = source() if wants_inputs else None

    def __call__(self, quantizer: str) -> Observed:
        """What is seen of the models quantized by this one.

        Raises:
            FolderError: a file of a run is missing or damaged.
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
        if self.inputs is None:
            return seen
        pool, validation = self.inputs.pool, self.inputs.validation
        features = pool.reshape(len(pool), -1), validation.reshape(len(validation), -1)
        white_box = self._white_box(quantizer, models, self.inputs) if models else None
        return replace(seen, features=features, white_box=white_box)

    def _white_box(self, quantizer: str, models: list[Tensors], inputs: Inputs) -> WhiteBox:
        stacked = {k: torch.from_numpy(np.stack([m[k] for m in models])) for k in models[0]}
        trained = {name: stacked[name] for name, _ in inputs.module.named_parameters()}
        quantized = inputs.quantizers[quantizer](trained)
        return WhiteBox(
            inputs.module, stacked | quantized, torch.from_numpy(inputs.pool), self.task
        )
