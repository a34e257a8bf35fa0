"""`quantmia run`: one job or a sweep, by Hydra, and what becomes of errors on the way."""

import re
import traceback
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig

# What runs a job, ranks a sweep or explains a fault is imported by what does so: `--cfg job` and
# completion have no use for NumPy, pydantic and Rich.
from quantmia.cli.imports import uncollected
from quantmia.cli.inside_hydra import application, flags, overrides_of, sweep_folder
from quantmia.cli.resolvers import prepare
from quantmia.config.places import conf_dir
from quantmia.errors import DONE, ConfigError, QuantmiaError, Refused, did_you_mean
from quantmia.preemption import Preempted, Stop
from quantmia.sweep.plan import Plan, is_sweep, read_plan
from quantmia.threads import as_many_as_there_are

VERBOSE = "report.verbose=true"
OVERRIDE = re.compile(r"(~|\+{0,2}[\w@./]+=)")


def run_job(config: DictConfig, stop: Stop | None = None) -> None:
    """One job of Hydra's, in the process that Hydra chose for it.

    Args:
        config: composed.
        stop: of a submitted job, which has a time to stop in; None: it may take as long as it does.
    """
    with uncollected():
        from quantmia.cli.folders import cache_folder
        from quantmia.config.check import check
        from quantmia.pipeline.run import run
        from quantmia.progress import Progress
        from quantmia.sweep.status import forget_failure, record_failure

    prepare()
    as_many_as_there_are()
    stop = stop or Stop()
    path = Path(HydraConfig.get().runtime.output_dir)
    progress = Progress()
    of_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    if of_sweep and path.name in read_plan(path.parent).done:
        progress.say(f"{path}: finished before")
        return
    forget_failure(path)

    def told(signal) -> None:
        progress.say(f"{signal.name}: finishing the block of runs in hand; again stops at once")

    try:
        with stop.heeding_signals(told):
            overrides = overrides_of(HydraConfig.get())
            run(check(config), path, cache_folder(), progress, overrides, stop)
    except Exception as error:
        if not of_sweep:
            raise Refused(error) from error  # past Hydra, which would print a line of its own
        mistake = isinstance(error, QuantmiaError)
        record_failure(path, f"error: {error}" if mistake else traceback.format_exc())
        raise


def run(overrides: list[str]) -> int:
    """Hand the overrides to Hydra, and of a sweep rank what finished."""
    overrides = _in_order(overrides)
    _refuse_flags(overrides)
    prepare()
    with application(overrides) as full_error:
        main = hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")
        try:
            main(run_job)()
        except (KeyboardInterrupt, Preempted):
            if plan := _planned():
                _say_what_is_left(plan)
            raise
        except Exception as error:  # of Hydra, or of a job of a sweep
            if plan := _planned():
                return _conclude(plan, error)
            from quantmia.cli.overrides import DOES_NOT_COMPOSE, explain

            if full_error or not isinstance(error, (*DOES_NOT_COMPOSE, OSError)):
                raise
            if isinstance(error, OSError) and not isinstance(error, HydraException):
                raise QuantmiaError(
                    f"hydra.run.dir: the folder cannot be made: {error}; choose another one."
                ) from None
            raise ConfigError(explain(overrides) or [" ".join(str(error).split())]) from None
        plan = _planned()
    return _conclude(plan, None) if plan else DONE


def _in_order(overrides: list[str]) -> list[str]:
    """Flags first: Hydra's parser wants overrides together, but users put them anywhere."""
    overrides = [VERBOSE if each == "--verbose" else each for each in overrides]
    last = [each for each in overrides if OVERRIDE.match(each)]
    found = [each for each in overrides if not OVERRIDE.match(each)] + last
    if any(each.startswith("report.") for each in found):
        # It would hide them; in an override of its own it does not.
        whole = {f"report={each}": f"report.page={each}" for each in ("true", "false")}
        found = [whole.get(each, each) for each in found]
    return list(dict.fromkeys(found))


def _refuse_flags(overrides: list[str]) -> None:
    """Raise a QuantmiaError for a flag that there is not, and name the key that was meant."""
    known = flags()
    for flag in (each.partition("=")[0] for each in overrides):
        if not flag.startswith("-") or flag in ("-", "--", *known):
            continue
        if flag.startswith("--") and any(each.startswith(flag) for each in known):
            continue
        from quantmia.config.schema import ExperimentConfig, dotted

        last = flag.removeprefix("--").replace("-", "_")
        meant = [key for key in dotted(ExperimentConfig) if key.rpartition(".")[2] == last]
        hint = f"; write {meant[0]}=..." if meant else did_you_mean(flag, [*known, "--verbose"])
        raise QuantmiaError(
            f"{flag}: quantmia run has no such flag{hint or '; settings are key=value'}"
        )


def _planned() -> Plan | None:
    """The sweep that this process has begun."""
    folder = sweep_folder()
    return read_plan(Path(folder)) if folder and is_sweep(Path(folder)) else None


def _conclude(plan: Plan, failure: Exception | None) -> int:
    """The ranking of a sweep; a failure that no job's folder tells of is raised."""
    from quantmia.cli.folders import cache_folder
    from quantmia.progress import Progress
    from quantmia.sweep.conclude import conclude
    from quantmia.sweep.status import standings

    if failure and all(each.state != "failed" for each in standings(plan)):
        raise failure
    return conclude(plan, cache_folder(), Progress())


def _say_what_is_left(plan: Plan) -> None:
    from quantmia.progress import Progress
    from quantmia.sweep.status import again

    Progress().say(f"\nthe sweep ended before its jobs did; to go on:\n  {again(plan)}")
