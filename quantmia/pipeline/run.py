"""The way the data goes: from a configuration to runs, to a ranking and its page."""

import resource
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from quantmia.config.schema import ExperimentConfig
from quantmia.errors import as_override
from quantmia.experiment import Experiment
from quantmia.models.factory import initial_sizes
from quantmia.pipeline import finished
from quantmia.pipeline.until_clear import train_until_clear
from quantmia.preemption import Preempted, Stop
from quantmia.progress import Progress
from quantmia.ranking.rank import rank_runs
from quantmia.ranking.results import Results
from quantmia.report.terminal import show
from quantmia.runs.folder import RunFolder
from quantmia.runs.manifest import Manifest, write_dropped, write_extreme
from quantmia.runs.merge import merge
from quantmia.runs.shards import spans
from quantmia.training.blocks import train_missing


def run(
    config: ExperimentConfig,
    path: Path,
    cache: Path,
    progress: Progress,
    command: Sequence[str],
    stop: Stop,
) -> Results | None:
    """One experiment: train what is missing, measure it, rank it; of a shard, without ranking.

    Args:
        config: checked.
        path: the run folder.
        cache: folder of embeddings and trajectories.
        progress: shows how far it is.
        command: the overrides it was started with, for the line that says how to resume.
        stop: whether the job is told to stop.

    Raises:
        QuantmiaError: the data or the folder cannot be used, or every run diverged.
        Preempted: it was told to stop; what was finished is kept.
    """
    folder = RunFolder(path)
    with folder.lock():
        if config.report.wanted:
            finished.require_report()  # before any work
        folder.refuse_other(config)
        started, (measuring, total) = time.monotonic(), folder.seconds()
        try:
            experiment = Experiment(config, cache, progress).fitted()
            folder.refuse_other(experiment.config)
            manifest = Manifest.begun(
                experiment.config,
                experiment.dataset,
                experiment.parts,
                experiment.standardised,
                experiment.labels,
                again(command),
                initial_sizes(experiment.model),
            )
            folder.refuse_changed(manifest.content)
            write_dropped(path, experiment.dataset)
            write_extreme(path, experiment.standardised)
            _train(experiment, folder, manifest, stop)
            measured = time.monotonic()
            results = rank_runs(merge([folder]), experiment) if config.shards == 1 else None
        except (KeyboardInterrupt, Preempted) as stopped:
            progress.say(
                f"\n{str(stopped) or 'interrupted'}; what was finished is kept. To go on:\n  "
                f"{again(command, path)}"
            )
            raise
        if results:
            finished.write(results, path, [path])
        manifest.finish(
            results.diverged if results else (),
            measuring=measuring + measured - started,
            total=total + time.monotonic() - started,
            peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        )
        folder.write_manifest(manifest.content)
    if results is None:
        progress.say(
            f"shard {config.shard} of {config.shards}: runs {spans(folder.numbers())} of "
            f"{config.runs} are in {path}; quantmia rank merges the shards"
        )
        return None
    show(results, path, config.report.verbose)
    if config.report.wanted:
        finished.report({path.name: path}, path, cache, progress, config.report.expose_samples)
    return results


def _train(experiment: Experiment, folder: RunFolder, manifest: Manifest, stop: Stop) -> None:
    """As many runs as are asked for, or until the ranking is clear."""

    def train_up_to(runs: int) -> RunFolder:
        manifest.content["runs"] = runs
        folder.write_manifest(manifest.content)
        train_missing(experiment, folder, runs, stop)
        return folder

    if isinstance(experiment.config.runs, int):
        train_up_to(experiment.config.runs)
    else:
        manifest.content["stopped"] = train_until_clear(experiment, train_up_to)


def again(command: Sequence[str], path: Path | None = None) -> str:
    """The command that runs it anew, or that goes on in its folder.

    Args:
        command: overrides.
        path: the folder to go on in.
    """
    kept = [word for word in command if not word.startswith(("resume=", "hydra.run.dir="))]
    there = f" {as_override('hydra.run.dir', str(path))} resume=true" if path else ""
    return shlex.join(["quantmia", "run", *kept]) + there
