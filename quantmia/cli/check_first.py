"""The check of everything, after Hydra has composed and before it makes a folder."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.utils import instantiate
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from quantmia.cli.choices import folder_of, hidden
from quantmia.cli.inside_hydra import arguments, job_config, jobs_of, overrides_of, parse
from quantmia.cli.overrides import DOES_NOT_COMPOSE, duplicates, explain
from quantmia.config.check import check
from quantmia.config.schema import ExperimentConfig
from quantmia.errors import ConfigError, Refused, as_override, first_line
from quantmia.runs.folder import RunFolder
from quantmia.sweep.plan import Job, Plan, is_sweep, joined, what_runs


def _past_hydra(check: Callable[..., None]) -> Callable[..., None]:
    """Let no fault of ours become one of Hydra's warnings, after which it would go on."""

    @functools.wraps(check)
    def checked(*args, **kwargs) -> None:
        try:
            check(*args, **kwargs)
        except Exception as error:
            raise Refused(error) from error

    return checked


class CheckFirst(Callback):
    """Refuses a faulty configuration, of a single job or of any job of a sweep."""

    @_past_hydra
    def on_run_start(self, config: DictConfig, **kwargs) -> None:
        """Check one job."""
        HydraConfig.instance().set_config(config)
        faults, _ = _checked(config, overrides_of(config.hydra))
        try:
            faults += _folder_faults(config)
        except OmegaConfBaseException as error:  # what it is named by has a fault, told already
            faults = faults or [first_line(error)]
        _refuse(faults)

    @_past_hydra
    def on_multirun_start(self, config: DictConfig, **kwargs) -> None:
        """Check every job of the sweep."""
        # As Hydra's sweeper puts them together: what is given goes before what is configured.
        own_sweep = (config.hydra.sweeper.get("params") or {}).items()
        given = [*(f"{key}={value}" for key, value in own_sweep), *overrides_of(config.hydra)]
        faults: list[str] = list(_search_path_faults(config))
        jobs: list[Job] = []
        done = set()
        try:
            for overrides in jobs_of(parse(given)):
                job = job_config(config, overrides)
                folder = str(job.hydra.sweep.subdir)
                jobs.append(Job(what_runs(overrides), folder))
                own, experiment = _checked(job, list(overrides))
                faults += own
                if experiment and RunFolder(Path(config.hydra.sweep.dir, folder)).holds(experiment):
                    done.add(folder)
        except DOES_NOT_COMPOSE as error:
            faults += explain(given) or [" ".join(str(error).split())]
        if not jobs and not faults:
            faults.append(f"{' '.join(given)}: a sweep of no jobs; is a range or a choice empty?")
        _refuse(faults)
        command = what_runs(arguments())
        plan = Plan(Path(config.hydra.sweep.dir), command, tuple(jobs), frozenset(done))
        _refuse(_sweep_faults(plan, config) + _launcher_faults(config))
        joined(plan).write()


def _refuse(faults: list[str]) -> None:
    if faults:
        raise Refused(ConfigError(list(dict.fromkeys(faults))))


def _launcher_faults(config: DictConfig) -> list[str]:
    """Of our own launchers, which look at their settings when they are made."""
    if not config.hydra.launcher._target_.startswith("hydra_plugins.quantmia"):
        return []
    try:
        instantiate(config.hydra.launcher)
    except Refused as refused:
        return [str(refused)]
    return []


def _sweep_faults(plan: Plan, config: DictConfig) -> list[str]:
    faults = _place_faults("hydra.sweep.dir", plan.path)
    if is_sweep(plan.path) and not config.resume:
        faults.append(
            f"{as_override('hydra.sweep.dir', str(plan.path))} holds a sweep already; add "
            "resume=true to run what is left of it, or choose another folder"
        )
    alike: dict[str, list[tuple[str, ...]]] = {}
    for job in plan.jobs:
        alike.setdefault(job.folder, []).append(job.overrides)
    for folder, jobs in sorted(alike.items()):
        if len(set(jobs)) < len(jobs):
            faults.append(f"{folder}: two jobs of the sweep are the same")
        elif len(jobs) > 1:
            shown = " and ".join(" ".join(each) for each in jobs[:2])
            faults.append(f"{folder}: the jobs {shown} would have the same folder; rename one")
    return faults


def _checked(config: DictConfig, overrides: list[str]) -> tuple[list[str], ExperimentConfig | None]:
    """The faults of a configuration, and the configuration if it has none."""
    faults = duplicates(parse(overrides))
    try:
        return faults, check(config)
    except ConfigError as error:
        return faults + error.faults, None


def _folder_faults(config: DictConfig) -> list[str]:
    return _search_path_faults(config) + _place_faults("hydra.run.dir", config.hydra.run.dir)


def _place_faults(key: str, place: str | Path) -> list[str]:
    faults = []
    try:
        folder = Path(place).absolute()
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        if not existing.is_dir():
            faults.append(f"{key}={folder}: {existing} is a file; choose another folder")
        elif not os.access(existing, os.W_OK | os.X_OK):
            faults.append(f"{key}={folder}: {existing} cannot be written to; choose another folder")
    except OSError as error:
        faults.append(f"{key}: cannot be used: {error.strerror}; choose another folder")
    return faults


def _search_path_faults(config: DictConfig) -> list[str]:
    """Hydra only warns about a folder that is not there, and says nothing of a name taken twice."""
    absent = [
        f"hydra.searchpath: there is no folder {entry}"
        for entry in config.hydra.searchpath or ()
        if not folder_of(entry).is_dir()
    ]
    if absent:
        return absent
    own = [
        f"{source.schema}://{source.path}"
        for source in config.hydra.runtime.config_sources
        if source.provider.endswith("command-line")
    ]
    return list(hidden(own))
