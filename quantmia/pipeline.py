"""The way the data goes, from a configuration to a ranking."""

import hashlib
import inspect
import json
import platform
import resource
import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

import quantmia
from quantmia.architecture import model_factory, try_out
from quantmia.blocks import inputs, train_missing
from quantmia.config.schema import ExperimentConfig
from quantmia.data import Dataset, Split, split
from quantmia.data.embedders import make_embedder
from quantmia.device import choose, describe, stack_size
from quantmia.efficiency import Plan, efficiency
from quantmia.errors import FolderError, QuantmiaError
from quantmia.evidence import Inputs
from quantmia.merge import Merged, merge
from quantmia.preemption import Preempted
from quantmia.progress import Progress
from quantmia.quantizers import make
from quantmia.ranking import Results, rank_runs
from quantmia.report.efficiency import show_efficiency, write_efficiency
from quantmia.report.tables import show, write_tables
from quantmia.shards import spans
from quantmia.stopping import train_until_clear
from quantmia.store import TABLES_ONLY, RunFolder, differing_keys, recorded


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
            manifest = _manifest(config, dataset, parts)
            _write_dropped(path, dataset)

            def train_up_to(runs: int) -> RunFolder:
                manifest["runs"] = runs
                folder.write_manifest(manifest)
                train_missing(config, dataset, parts, folder, runs, cache, progress)
                return folder

            if isinstance(config.runs, int):
                train_up_to(config.runs)
            else:
                manifest["stopped"] = train_until_clear(
                    config, train_up_to, lambda: _inputs(config, dataset, parts), progress
                )
            measured = time.monotonic()
            results = None
            if config.shards == 1:
                results = rank_runs(
                    merge([folder]), progress, lambda: _inputs(config, dataset, parts)
                )
        except (KeyboardInterrupt, Preempted) as stopped:
            progress.say(
                f"\n{str(stopped) or 'interrupted'}; what was finished is kept. To go on:\n  "
                f"{_resume_command(command, path)}"
            )
            raise
        manifest["state"] = "finished"
        if results:
            write_tables(results, path)
            manifest["diverged"] = results.diverged
            manifest |= {"answer": results.answer, "warnings": results.warnings}
        manifest["timings"] = {
            "measuring_seconds": round(measured - started, 2),
            "total_seconds": round(time.monotonic() - started, 2),
        }
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        manifest["peak_memory_mib"] = round(peak / 1024)
        folder.write_manifest(manifest)
    if results:
        show(results, path)
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
    results = rank_runs(merged, progress, lambda: _inputs_again(merged, cache, progress))
    write_tables(results, target)
    return results, target


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
    table, mis = efficiency(merged, plan, lambda: _inputs_again(merged, cache, progress), progress)
    show_efficiency(table, mis, target)
    write_efficiency(table, mis, target)
    return table


def _beside(paths: Sequence[Path]) -> Path:
    return paths[0] if len(paths) == 1 else paths[0].parent / f"merged-{_slug(paths)}"


def load_dataset(config: ExperimentConfig, cache: Path, progress: Progress) -> Dataset:
    """Make the dataset; factories that want them get `embedder`, `cache` and `progress`."""
    factory = instantiate(config.dataset, _partial_=True)
    wanted = inspect.signature(factory.func).parameters
    offered: dict[str, Any] = {"cache": cache, "progress": progress}
    if config.embedder is not None and "embedder" in wanted:
        offered["embedder"] = make_embedder(config.embedder)
    elif "embedder" in wanted and wanted["embedder"].default is inspect.Parameter.empty:
        raise QuantmiaError("embedder=none: this dataset holds molecules; use embedder=minimol")
    return factory(**{key: value for key, value in offered.items() if key in wanted})


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


def _inputs(config: ExperimentConfig, dataset: Dataset, parts: Split) -> Inputs:
    x = inputs(config, dataset, parts)
    module = model_factory(config.model, dataset)().to("meta").eval()
    quantizers = {name: make(each) for name, each in config.quantizer.items()}
    return Inputs(x[parts.pool], x[parts.validation], module, quantizers)


def _inputs_again(merged: Merged, cache: Path, progress: Progress) -> Inputs:
    """What finished runs were made of, from their dataset, which has to be the same still."""
    schema = OmegaConf.structured(ExperimentConfig)
    config = OmegaConf.to_object(OmegaConf.merge(schema, merged.config))
    config = cast(ExperimentConfig, config)
    dataset = load_dataset(config, cache, progress)
    if dataset.fingerprint != merged.dataset["sha256"]:
        raise FolderError(
            f"{merged.runs[0].folders[0].path}: an attack reads the dataset, which is no longer "
            "the one that the runs were trained on; leave that attack out or restore the dataset."
        )
    parts = split(dataset, config.split.validation, config.split.seed)
    return _inputs(config, dataset, parts)


def _manifest(config: ExperimentConfig, dataset: Dataset, parts: Split) -> dict[str, Any]:
    content = recorded(config)
    reasons = [dropped.kind for dropped in dataset.dropped]
    return {
        "state": "running",
        "config": content,
        "config_hash": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
        "seed": config.seed,
        "dataset": {
            "name": dataset.name,
            "task": dataset.task_name,
            "samples": dataset.size,
            "features": list(dataset.features.shape[1:]),
            "validation": len(parts.validation),
            "pool": len(parts.pool),
            "sha256": dataset.fingerprint,
            "dropped": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
        },
        "versions": {
            "quantmia": quantmia.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "scipy", "hydra-core")},
        },
        "device": describe(choose(config.device)),
        "threads": torch.get_num_threads(),
    }


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


def _resume_command(command: Sequence[str], path: Path) -> str:
    kept = [word for word in command if not word.startswith(("resume=", "hydra.run.dir="))]
    return shlex.join(["quantmia", "run", *kept, f"hydra.run.dir={path}", "resume=true"])


def _slug(paths: Sequence[Path]) -> str:
    names = "\n".join(sorted(str(path.resolve()) for path in paths))
    return hashlib.sha256(names.encode()).hexdigest()[:8]
