"""One pass over the run files: what a ranking needs of every run, a few numbers each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from quantmia.config.schema import IndicatorConfig
from quantmia.data.split import halves
from quantmia.errors import QuantmiaError
from quantmia.progress import Progress
from quantmia.ranking.indicator import (
    HeldOut,
    Noise,
    Whole,
    indicator,
    noise,
    order,
    pooled,
)
from quantmia.runs.content import HELD_OUT, MEANS, PLACES, RunFiles
from quantmia.runs.merge import Run
from quantmia.vocabulary import Variant

PER_RUN: tuple[Variant, ...] = ("paper", "rate", "low_loss")


@dataclass
class Evidence:
    """Facts of every run that did not diverge.

    Args:
        names: quantizers that were measured along the whole trajectory; of them is all that follows
            but the facts of the runs.
        runs: in the order of everything else.
        meta: what its files say of it.
        indicator: long table, one row a run, quantizer and variant.
        best_is_last: whether the best checkpoint of a run is its last.
        grids: `paper` on coarser checkpoint grids, by how many checkpoints one is kept of.
        gap_z: gap between the best two models, in standard errors over the held-out samples.
        halves: r from each of two halves of the held-out samples.
        members: how many a run was trained on.
        means: mean loss of every checkpoint, by quantizer, a run each.
        diverged: names of the runs left out.
    """

    names: list[str]
    runs: list[Run]
    meta: list[dict[str, Any]]
    indicator: pd.DataFrame
    best_is_last: Bool[np.ndarray, "quantizers runs"]
    grids: dict[int, Float[np.ndarray, "quantizers runs"]]
    gap_z: Float[np.ndarray, "quantizers runs"]
    halves: Float[np.ndarray, "two quantizers runs"]
    members: Int[np.ndarray, " runs"]
    means: dict[str, list[Float[np.ndarray, " checkpoints"]]]
    diverged: list[str]

    def per_run(
        self, names: Sequence[str], variant: Variant
    ) -> Float[np.ndarray, "quantizers runs"]:
        """Value of a variant for every run, of quantizers among `self.names`."""
        chosen = self.indicator[self.indicator["variant"] == variant]
        wide = chosen.pivot(index="quantizer", columns="run", values="r")
        return wide.loc[list(names)].to_numpy(float)


def collect(
    runs: Sequence[Run], names: Sequence[str], settings: IndicatorConfig, progress: Progress
) -> Evidence:
    """Read and verify every run once.

    Args:
        runs: of one experiment.
        names: the quantizers that have losses.
        settings: of the indicator.
        progress: shows how far it is.

    Raises:
        FolderError: a run is missing or damaged.
        QuantmiaError: every run diverged.
    """
    rows, last, diverged, kept, metas, members = [], [], [], [], [], []
    noises: list[list[Noise]] = []
    grids: dict[int, list] = {every: [] for every in settings.grids}
    means: dict[str, list[np.ndarray]] = {}
    with progress.stage("indicator", len(runs), "runs") as advance:
        for run in runs:
            files = run.read()
            advance(1)
            if files.meta["diverged"]:
                diverged.append(run.name)
                continue
            number = len(metas)
            if not metas:
                names = _along_all(files, names)
                means = {name: [] for name in names}
            kept.append(run)
            metas.append(files.meta)
            last.append([])
            noises.append([])
            members.append(int(files.scores["members"].sum()))
            for column in grids.values():
                column.append([])
            for name in names:
                held = _held_out(files, name)
                ordered = order(held)
                last[-1].append(ordered.best_is_last)
                noises[-1].append(noise(held, ordered))
                means[name].append(held.means)
                for variant in PER_RUN:
                    each = indicator(ordered, variant, settings.low_loss_models)
                    rows.append({"run": number, "quantizer": name, "variant": variant} | vars(each))
                for every, column in grids.items():
                    r = np.nan
                    if len(held.losses) // every >= 2:
                        coarse = ordered if every == 1 else order(held.on_grid(every))
                        r = indicator(coarse, "paper").r
                    column[-1].append(r)
    if not metas:
        raise QuantmiaError(
            f"training.lr: all {len(runs)} runs diverged (parameters not finite); lower the "
            "learning rate."
        )
    return Evidence(
        list(names),
        kept,
        metas,
        pd.DataFrame(rows),
        np.array(last, dtype=bool).T,
        {every: np.array(column).T for every, column in grids.items()},
        np.array([[each.z for each in run] for run in noises]).T,
        _halves(noises, len(names)),
        np.array(members),
        means,
        diverged,
    )


def _along_all(files: RunFiles, names: Sequence[str]) -> list[str]:
    """Those of which as many checkpoints were measured as of any."""
    measured = {name: len(files.losses[name]) for name in names}
    return [name for name in names if measured[name] == max(measured.values())]


def _halves(noises: list[list[Noise]], names: int) -> Float[np.ndarray, "two quantizers runs"]:
    found = np.array([[each.halves for each in run] for run in noises])
    return found.reshape(len(noises), names, 2).T  # also of no quantizer


def pooled_indicator(found: Evidence) -> Float[np.ndarray, " quantizers"]:
    """Value of the variant `pooled` for every quantizer; its rows join the indicator table."""

    def read(name: str, run: Run) -> HeldOut:
        return _held_out(run.read(), name)

    values, rows = [], []
    for name in found.names:
        each = pooled([partial(read, name, run) for run in found.runs], found.means[name])
        values.append(each.r)
        rows.append({"run": pd.NA, "quantizer": name, "variant": "pooled"} | vars(each))
    found.indicator = pd.concat([found.indicator, pd.DataFrame(rows)], ignore_index=True)
    return np.array(values)


def _held_out(files: RunFiles, name: str) -> HeldOut:
    """Losses of every checkpoint of a quantizer."""
    models = np.array(files.meta["quantizers"][name]["models"])
    samples, whole = files.meta.get(HELD_OUT), None
    if samples is not None:
        in_first = np.zeros(samples, bool)
        in_first[halves(samples)[0]] = True
        first = in_first[files.losses[PLACES]]
        means, places = files.losses[MEANS + name], (np.flatnonzero(first), np.flatnonzero(~first))
        whole = Whole(samples, means[0], means[1:], places)
    return HeldOut(files.losses[name], models, whole)
