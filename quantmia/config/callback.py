"""The check of everything, after Hydra has composed and before it makes a folder."""

import os
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from quantmia.config.check import check
from quantmia.config.choices import hidden
from quantmia.config.overrides import DOES_NOT_COMPOSE, duplicates, explain
from quantmia.errors import ConfigError, QuantmiaError


class Refused(BaseException):
    """Carries an error out of a callback; Hydra turns an Exception there into a warning.

    Args:
        error: what the user is told.
    """

    def __init__(self, error: QuantmiaError):
        super().__init__(str(error))
        self.error = error


class CheckFirst(Callback):
    """Refuses a faulty configuration, of a single job or of any job of a sweep."""

    def on_run_start(self, config: DictConfig, **kwargs) -> None:
        """Check one job."""
        HydraConfig.instance().set_config(config)
        _refuse([*_faults(config, list(config.hydra.overrides.task)), *_folder_faults(config)])

    def on_multirun_start(self, config: DictConfig, **kwargs) -> None:
        """Check every job of the sweep."""
        given = list(config.hydra.overrides.task)
        parsed = OverridesParser.create().parse_overrides(given)
        faults: list[str] = list(_search_path_faults(config))
        try:
            batches = BasicSweeper.split_arguments(parsed, max_batch_size=None)
            loader = GlobalHydra.instance().config_loader()
            for overrides in (job for batch in batches for job in batch):
                job = loader.load_sweep_config(config, list(overrides))
                job.hydra.job.id = job.hydra.job.num = 0
                HydraConfig.instance().set_config(job)
                faults += _faults(job, list(overrides))
        except DOES_NOT_COMPOSE as error:
            faults += explain(given) or [" ".join(str(error).split())]
        _refuse(faults)


def _refuse(faults: list[str]) -> None:
    if faults:
        raise Refused(ConfigError(list(dict.fromkeys(faults))))


def _faults(config: DictConfig, overrides: list[str]) -> list[str]:
    faults = duplicates(OverridesParser.create().parse_overrides(overrides))
    try:
        check(config)
    except ConfigError as error:
        faults += error.faults
    return faults


def _folder_faults(config: DictConfig) -> list[str]:
    faults = _search_path_faults(config)
    try:
        folder = Path(config.hydra.run.dir).absolute()
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        if not existing.is_dir():
            faults.append(f"hydra.run.dir={folder}: {existing} is a file; choose another folder")
        elif not os.access(existing, os.W_OK | os.X_OK):
            faults.append(
                f"hydra.run.dir={folder}: {existing} cannot be written to; choose another folder"
            )
    except OSError as error:
        faults.append(f"hydra.run.dir: cannot be used: {error.strerror}; choose another folder")
    return faults


def _search_path_faults(config: DictConfig) -> list[str]:
    """Hydra only warns about a folder that is not there, and says nothing of a name taken twice."""
    absent = [
        f"hydra.searchpath: there is no folder {entry}"
        for entry in config.hydra.searchpath or ()
        if not entry.startswith("pkg://") and not Path(entry.removeprefix("file://")).is_dir()
    ]
    own = [
        f"{source.schema}://{source.path}"
        for source in config.hydra.runtime.config_sources
        if source.provider.endswith("command-line")
    ]
    return [*absent, *hidden(own)]
