"""One pass over the run files: what a ranking needs of every run, a few numbers each."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from quantmia.attacks import Observed
from quantmia.errors import FolderError, QuantmiaError
from quantmia.files import DamagedFileError
from quantmia.indicator import indicator, on_grid, order, pooled
from quantmia.progress import Progress
from quantmia.store import RunFiles, RunFolder
from quantmia.tasks import Task

PER_RUN = ("paper", "rate", "low_loss")
PER_SAMPLE = ("signal", "loss", "members", "population", "output", "target")
Features = tuple[np.ndarray, np.ndarray]  # of the pool, of the validation samples
FeatureSource = Callable[[], Features]


@dataclass
class Evidence:
    """Facts of every run that did not diverge.

    Args:
        locations: where each run lies.
        meta: what its files say of it.
        indicator: long table, one row a run, quantizer and variant.
        best_is_last: bool, [quantizers, runs].
        grids: `paper` on coarser checkpoint grids, [quantizers, runs] each.
        means: mean loss of every checkpoint, by quantizer, a run each.
        diverged: names of the runs left out.
    """

    locations: list[tuple[RunFolder, int]]
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
    folders: Sequence[RunFolder], names: list[str], settings: dict[str, Any], progress: Progress
) -> Evidence:
    """Read and verify every run once.

    Args:
        folders: of the same experiment.
        names: the quantizers.
        settings: of the indicator.
        progress: shows how far it is.

    Raises:
        FolderError: a run is missing or damaged.
        QuantmiaError: every run diverged.
    """
    wanted = [(f, run) for f in folders for run in range(f.manifest()["config"]["runs"])]
    rows, last, diverged, locations, metas = [], [], [], [], []
    grids: dict[int, list] = {every: [] for every in settings["grids"]}
    means: dict[str, list[np.ndarray]] = {name: [] for name in names}
    with progress.stage("indicator", len(wanted), "runs") as advance:
        for folder, run in wanted:
            files = _read(folder, run)
            advance(1)
            if files.meta["diverged"]:
                diverged.append(f"{folder.path.name}/run-{run:04d}")
                continue
            number = len(metas)
            locations.append((folder, run))
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
            f"training.lr: all {len(wanted)} runs diverged (parameters not finite); lower the "
            "learning rate."
        )
    return Evidence(
        locations,
        metas,
        pd.DataFrame(rows),
        np.array(last).T,
        {every: np.array(column).T for every, column in grids.items()},
        means,
        diverged,
    )


def _read(folder: RunFolder, run: int) -> RunFiles:
    with _refused(folder, run):
        return folder.read_run(run)


@contextmanager
def _refused(folder: RunFolder, run: int) -> Iterator[None]:
    try:
        yield
    except DamagedFileError as error:
        raise FolderError(
            f"run {run} is missing or damaged ({error}). Complete the folder first: repeat the "
            f"command that made it with hydra.run.dir={folder.path} resume=true"
        ) from error


def pooled_indicator(found: Evidence, names: list[str]) -> np.ndarray:
    """Value of the variant `pooled` for every quantizer; its rows join the indicator table."""

    def reader(name: str, place: tuple[RunFolder, int]):
        def read():
            files = _read(*place)
            return files.losses[name], np.array(files.meta["quantizers"][name]["models"])

        return read

    values, rows = [], []
    for name in names:
        each = pooled([reader(name, place) for place in found.locations], found.means[name])
        values.append(each.r)
        rows.append({"run": pd.NA, "quantizer": name, "variant": "pooled"} | vars(each))
    found.indicator = pd.concat([found.indicator, pd.DataFrame(rows)], ignore_index=True)
    return np.array(values)


def observe(
    found: Evidence, quantizer: str, task: Task, features: Features | None = None
) -> Observed:
    """What the attacks see of every run, for one quantizer.

    Args:
        found: where the runs lie.
        quantizer: its name.
        task: reads the signal and the loss from the outputs.
        features: of pool and validation samples, for the attacks that want them.
    """
    columns: dict[str, list[np.ndarray]] = {field: [] for field in PER_SAMPLE}
    for folder, run in found.locations:
        with _refused(folder, run):
            scores = folder.read_scores(run)
            population = folder.read_last_losses(run, quantizer)
        output, target = scores[quantizer], scores["target"]
        output = output[:, None] if output.ndim == 1 else output
        loss = task.loss(torch.from_numpy(output), torch.from_numpy(target)).numpy()
        for field, value in (
            ("signal", task.signal(output, target)),
            ("loss", loss.astype(np.float64)),
            ("members", scores["members"].astype(bool)),
            ("population", population.astype(np.float64)),
            ("output", output),
            ("target", target),
        ):
            columns[field].append(value)
    stacked = {field: np.stack(values) for field, values in columns.items()}
    return Observed(**stacked, two_sided=task.two_sided, features=features)
