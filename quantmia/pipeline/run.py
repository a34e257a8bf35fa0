"""The way the data goes, from a configuration to a ranking and its report."""

import hashlib
import importlib
import resource
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch

from quantmia.config.schema import ExperimentConfig
from quantmia.data import Dataset, split
from quantmia.device import choose, stack_size
from quantmia.errors import FolderError
from quantmia.experiment import dataset_of, load_dataset, read_by_attacks, read_by_attacks_again
from quantmia.models.factory import model_factory, try_out
from quantmia.pipeline.until_clear import train_until_clear
from quantmia.preemption import Preempted
from quantmia.progress import Progress
from quantmia.ranking.efficiency import Plan, efficiency
from quantmia.ranking.exposure import most_exposed
from quantmia.ranking.rank import Results, rank_runs
from quantmia.report.load import Report, load
from quantmia.report.runs_needed import show_efficiency, write_efficiency
from quantmia.report.tables import show, write_tables
from quantmia.runs.folder import TABLES_ONLY, RunFolder, differing_keys, recorded
from quantmia.runs.manifest import manifest
from quantmia.runs.merge import merge
from quantmia.runs.shards import spans
from quantmia.training.blocks import train_missing

if TYPE_CHECKING:
    from quantmia.report.exposed import Exposed


def run(
    config: ExperimentConfig, path: Path, cache: Path, progress: Progress, command: Sequence[str]
) -> Results | None:
    """One experiment: train what is missing, measure it, rank it; of a shard, without ranking.

    Args:
        config: checked.
        path: the run folder.
        cache: folder of embeddings and trajectories.
        progress: shows how far it is.
        command: the overrides it was started with, for the line that says how to resume.

    Raises:
        QuantmiaError: the data or the folder cannot be used, or every run diverged.
    """
    if config.report.wanted:
        importlib.import_module("quantmia.report.write")  # says what it lacks before any work
    folder = RunFolder(path)
    with folder.lock():
        config = replace(config, device=str(choose(config.device)))
        if config.training.stack != "auto":  # which the data have a say in
            _refuse_other_config(folder, config)
        started = time.monotonic()
        try:
            dataset = load_dataset(config, cache, progress)
            parts = split(dataset, config.split.validation, config.split.seed)
            config = _fitted(config, dataset)
            _refuse_other_config(folder, config)
            found = manifest(config, dataset, parts, _again(command))
            _write_dropped(path, dataset)

            def train_up_to(runs: int) -> RunFolder:
                found["runs"] = runs
                folder.write_manifest(found)
                train_missing(config, dataset, parts, folder, runs, cache, progress)
                return folder

            if isinstance(config.runs, int):
                train_up_to(config.runs)
            else:
                found["stopped"] = train_until_clear(
                    config, train_up_to, lambda: read_by_attacks(config, dataset, parts), progress
                )
            measured = time.monotonic()
            results = None
            if config.shards == 1:
                results = rank_runs(
                    merge([folder]), progress, lambda: read_by_attacks(config, dataset, parts)
                )
        except (KeyboardInterrupt, Preempted) as stopped:
            progress.say(
                f"\n{str(stopped) or 'interrupted'}; what was finished is kept. To go on:\n  "
                f"{_again(command, path)}"
            )
            raise
        found["state"] = "finished"
        if results:
            write_tables(results, path, [path])
            found["diverged"] = results.diverged
            warnings = [str(warning) for warning in results.warnings]
            found |= {"answer": results.answer, "warnings": warnings}
        found["timings"] = {
            "measuring_seconds": round(measured - started, 2),
            "total_seconds": round(time.monotonic() - started, 2),
        }
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found["peak_memory_mib"] = round(peak / 1024)
        folder.write_manifest(found)
    if results:
        show(results, path)
        if config.report.wanted:
            report({path.name: path}, path, cache, progress, config.report.expose_samples)
    else:
        progress.say(
            f"shard {config.shard} of {config.shards}: runs {spans(folder.numbers())} of "
            f"{config.runs} are in {path}; quantmia rank merges the shards"
        )
    return results


def rank(
    paths: Sequence[Path], output: Path | None, cache: Path, progress: Progress
) -> tuple[Results, Path]:
    """Tables from the losses and scores of run folders, without training.

    Args:
        paths: folders of the same experiment; several are merged run by run.
        output: where the tables go (default: the folder itself, or a new one beside the first).
        cache: folder of embeddings, for attacks that read the dataset.
        progress: shows how far it is.

    Returns:
        What they say, and where the tables are.

    Raises:
        FolderError: a folder is missing or damaged, or of another experiment.
    """
    merged = merge([RunFolder(path) for path in paths])
    target = output or _beside(paths)
    target.mkdir(parents=True, exist_ok=True)
    results = rank_runs(merged, progress, lambda: read_by_attacks_again(merged, cache, progress))
    write_tables(results, target, paths)
    return results, target


EXPOSED = 20  # samples that a page may name


def report(
    folders: Mapping[str, Path],
    output: Path | None,
    cache: Path,
    progress: Progress,
    expose_samples: bool,
) -> Path:
    """A page of one ranking, or one that compares several, and its figures.

    Args:
        folders: with the tables of a ranking, by the name that a comparison calls them.
        output: where the page goes (default: the folder itself, or a new one beside the first).
        cache: folder of embeddings, to name the samples.
        progress: says where it is.
        expose_samples: whether to name the samples that are found most easily.

    Returns:
        The page.

    Raises:
        FolderError: a folder is missing, not finished or damaged.
        QuantmiaError: the report extra is not installed, or the rankings cannot be compared.
    """
    from quantmia.report.write import write_comparison, write_page  # an extra draws them

    reports = {name: load(path) for name, path in folders.items()}
    target = output or _beside(list(folders.values()), "comparison")
    target.mkdir(parents=True, exist_ok=True)
    if len(reports) > 1:
        page = write_comparison(reports, target)
    else:
        (single,) = reports.values()
        exposed = _exposed(single, cache, progress) if expose_samples else []
        page = write_page(single, target, exposed)
    progress.say(f"Report: {page}")
    return page


def _exposed(of: Report, cache: Path, progress: Progress) -> "list[Exposed]":
    """The samples of a ranking that are found most easily."""
    from quantmia.report.exposed import Exposed

    merged = merge([RunFolder(path) for path in of.folders])
    quantizers = list(dict.fromkeys(of.ranking["quantizer"].iloc[[-1, 0]]))
    dataset, parts = dataset_of(merged, cache, progress)
    table = most_exposed(merged, quantizers, EXPOSED)
    return [
        Exposed(
            dataset.identifiers[sample],
            dataset.structures[sample] if dataset.structures else None,
            dict(zip(quantizers, map(float, scores), strict=True)),
        )
        for sample, scores in zip(parts.pool[table.index], table.to_numpy(), strict=True)
    ]


def measure_efficiency(
    paths: Sequence[Path], output: Path | None, cache: Path, plan: Plan, progress: Progress
) -> pd.DataFrame:
    """How many runs each estimator needs, from run folders with many runs.

    Args:
        paths: folders of the same experiment; several are merged run by run.
        output: where the tables and the figure go (default: as for `rank`).
        cache: folder of embeddings, for attacks that read the dataset.
        plan: what to compare.
        progress: shows how far it is.

    Raises:
        FolderError: a folder is missing or damaged, or of another experiment.
        QuantmiaError: too few runs or quantizers.
    """
    merged = merge([RunFolder(path) for path in paths])
    target = output or _beside(paths)
    target.mkdir(parents=True, exist_ok=True)
    table, mis = efficiency(
        merged, plan, lambda: read_by_attacks_again(merged, cache, progress), progress
    )
    show_efficiency(table, mis, target)
    write_efficiency(table, mis, target)
    return table


def _beside(paths: Sequence[Path], kind: str = "merged") -> Path:
    return paths[0] if len(paths) == 1 else paths[0].parent / f"{kind}-{_slug(paths)}"


def _fitted(config: ExperimentConfig, dataset: Dataset) -> ExperimentConfig:
    """The same, once the model is seen to fit the data, with as many runs as fit the device."""
    factory = model_factory(config.model, dataset)
    outputs = dataset.task.out_features(dataset.classes)
    sizes = try_out(factory, torch.from_numpy(dataset.features[:2]), outputs)
    training = config.training
    if training.stack == "auto":
        room = stack_size(choose(config.device), sizes, training.batch_size)
        training = replace(training, stack=room)
    return replace(config, training=training)


def _write_dropped(path: Path, dataset: Dataset) -> None:
    if dataset.dropped:
        pd.DataFrame([asdict(row) for row in dataset.dropped]).to_csv(
            path / "dropped.csv", index=False
        )


def _refuse_other_config(folder: RunFolder, config: ExperimentConfig) -> None:
    if not (folder.path / "manifest.json").exists():
        return
    there = folder.manifest()["config"]
    more = isinstance(config.runs, int) and config.runs >= folder.runs
    ignored = (*TABLES_ONLY, "runs") if more else TABLES_ONLY
    differing = differing_keys(there, recorded(config), ignored)
    if differing:
        raise FolderError(
            f"{folder.path} holds runs of another configuration (there and here):\n  - "
            + "\n  - ".join(differing)
            + "\n  Repeat its values, or choose another hydra.run.dir."
        )
    if not config.resume:
        raise FolderError(
            f"{folder.path} holds runs already; add resume=true to complete it, or choose "
            "another hydra.run.dir."
        )


def _again(command: Sequence[str], path: Path | None = None) -> str:
    """The command that runs it anew, or that goes on in its folder."""
    kept = [word for word in command if not word.startswith(("resume=", "hydra.run.dir="))]
    there = [f"hydra.run.dir={path}", "resume=true"] if path else []
    return shlex.join(["quantmia", "run", *kept, *there])


def _slug(paths: Sequence[Path]) -> str:
    names = "\n".join(sorted(str(path.resolve()) for path in paths))
    return hashlib.sha256(names.encode()).hexdigest()[:8]
