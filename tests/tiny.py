"""An experiment of a second, in the process of the tests."""

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from rich.console import Console

from quantmia.config.schema import ExperimentConfig
from quantmia.experiment import Experiment, of_finished
from quantmia.models.factory import initial_sizes
from quantmia.pipeline import run as pipeline
from quantmia.preemption import Stop
from quantmia.progress import Progress
from quantmia.ranking.results import Results
from quantmia.runs.folder import RunFolder
from quantmia.runs.manifest import Manifest
from quantmia.runs.merge import merge
from quantmia.training.blocks import train_missing
from tests.configurations import configured

SETTINGS = (
    "device=cpu",
    "dataset.size=60",
    "dataset.dimension=4",
    "runs=8",
    "training.stack=8",
    "training.vectorize=false",  # the faster way where there is so little to train
    "training.epochs=4",
    "indicator.grids=[1,2]",
    "ranking.bootstrap=20",
    "ranking.halves=5",
    "quantizer=[full_precision,sign,uniform_2]",
)
# Whose calibration rows are asked for: 15 of 60.
AUDITED = (
    "dataset.size=160",
    "dataset.dimension=24",
    "model=mlp",
    "model.hidden=[6]",
    "split.calibration=60",
    "calibration.rows=15",
    "calibration.source=apart",
    "calibration.audit=true",
)


def tiny(*overrides: str) -> ExperimentConfig:
    return configured(*SETTINGS, *overrides)


def progress() -> Progress:
    """One that can be asked what it said: `.console.export_text()`."""
    return Progress(Console(file=StringIO(), record=True, width=1000))


def fitted(config: ExperimentConfig, cache: Path) -> Experiment:
    return Experiment(config, cache, progress()).fitted()


def trained(path: Path, *overrides: str) -> RunFolder:
    """A folder of runs that nobody ranked."""
    config = tiny(*overrides)
    assert isinstance(config.runs, int)
    experiment, folder = fitted(config, path / ".cache"), RunFolder(path)
    manifest = Manifest.begun(
        experiment.config,
        experiment.dataset,
        experiment.parts,
        experiment.standardised,
        experiment.labels,
        "quantmia run",
        initial_sizes(experiment.model),
    )
    manifest.content["runs"] = config.runs
    with folder.lock():
        folder.write_manifest(manifest.content)
        train_missing(experiment, folder, config.runs, Stop())
        manifest.finish((), 0.0, 0.0, 0)
        folder.write_manifest(manifest.content)
    return folder


def experiment_of(folder: RunFolder) -> Experiment:
    """What trained a folder."""
    made = of_finished(merge([folder]), folder.path, progress())
    assert isinstance(made, Experiment)
    return made


def run(
    path: Path,
    *overrides: str,
    command: Sequence[str] = (),
    stop: Stop | None = None,
    shown: Progress | None = None,
) -> Results | None:
    """One experiment as the command line runs it."""
    return pipeline.run(
        tiny(*overrides),
        path,
        path.parent / ".cache",
        shown or progress(),
        command,
        stop or Stop(),
    )


def bits(folder: Path, pattern: str = "*/run-*.safetensors") -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.glob(pattern)
        if path.is_file()
    }
