"""`quantmia run`: one job or a sweep, by Hydra, and what becomes of errors on the way."""

import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from quantmia.cli import check_first as callback
from quantmia.cli.folders import cache_folder
from quantmia.cli.overrides import DOES_NOT_COMPOSE, conf_dir, explain
from quantmia.cli.resolvers import prepare
from quantmia.config.check import check
from quantmia.errors import DONE, ConfigError, QuantmiaError, Refused
from quantmia.preemption import Preempted, heeding_signals
from quantmia.progress import Progress
from quantmia.sweep.plan import Plan
from quantmia.sweep.status import forget_failure, record_failure

OVERRIDE = re.compile(r"(~|\+{0,2}[\w@./]+=)")

_job_started = False


def run_job(config: DictConfig) -> None:
    """One job of Hydra's, in the process that Hydra chose for it."""
    global _job_started
    _job_started = True
    from quantmia.pipeline import run as pipeline

    path = Path(HydraConfig.get().runtime.output_dir)
    of_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    progress = Progress()
    if of_sweep and callback.planned and path.name in callback.planned.done:
        progress.say(f"{path}: finished before")
        return
    forget_failure(path)

    def told(signal) -> None:
        progress.say(f"{signal.name}: finishing the block of runs in hand; again stops at once")

    try:
        with heeding_signals(told):
            pipeline.run(
                check(config),
                path,
                cache_folder(),
                progress,
                command=list(HydraConfig.get().overrides.task),
            )
    except QuantmiaError as error:
        if not of_sweep:
            raise Refused(error) from None  # past Hydra, which would print a line of its own
        record_failure(path, f"error: {error}")
        raise
    except Exception:
        if of_sweep:
            record_failure(path, traceback.format_exc())
        raise


def run(overrides: list[str]) -> int:
    """Hand the overrides to Hydra, and of a sweep rank what finished."""
    global _job_started
    _job_started, callback.planned = False, None
    # Hydra's parser wants them together; elsewhere they may stand anywhere.
    last = [each for each in overrides if OVERRIDE.match(each)]
    overrides = [each for each in overrides if not OVERRIDE.match(each)] + last
    if any(each.startswith("report.") for each in overrides):
        # It says no more than they do, and would hide them.
        overrides = [each for each in overrides if each != "report=true"]
    prepare()
    with _as_hydra_wants_it(overrides) as full_error:
        try:
            hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(
                run_job
            )()
        except (KeyboardInterrupt, Preempted):
            if callback.planned:
                _say_what_is_left(callback.planned)
            raise
        except Exception as error:
            if callback.planned:
                return _conclude(callback.planned, error)
            if _job_started or full_error or not isinstance(error, (*DOES_NOT_COMPOSE, OSError)):
                raise
            if isinstance(error, OSError) and not isinstance(error, HydraException):
                raise QuantmiaError(
                    f"hydra.run.dir: the folder cannot be made: {error}; choose another one."
                ) from None
            faults = explain(overrides) or [" ".join(str(error).split())]
            raise ConfigError(faults) from None
    return _conclude(callback.planned, None) if callback.planned else DONE


@contextmanager
def _as_hydra_wants_it(overrides: list[str]) -> Iterator[bool]:
    """Arguments and environment; yields whether the user asked for Hydra's own errors."""
    own_argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    # argv[0] stays: shell completion is bound to its name. Without the variable Hydra would
    # print the error itself and leave with 1.
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = ["quantmia", *overrides], "1"
    GlobalHydra.instance().clear()
    try:
        with warnings.catch_warnings():
            # A folder that is not there is refused by the callback.
            warnings.filterwarnings("ignore", r"provider=hydra\.searchpath")
            yield full_error is not None
    finally:
        sys.argv = own_argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error


def _conclude(plan: Plan, failure: Exception | None) -> int:
    """The ranking of a sweep; a failure that no job's folder tells of is raised."""
    from quantmia.sweep.conclude import conclude
    from quantmia.sweep.status import standings

    if failure and all(each.state != "failed" for each in standings(plan)):
        raise failure
    return conclude(plan, cache_folder(), Progress())


def _say_what_is_left(plan: Plan) -> None:
    from quantmia.sweep.conclude import again

    Progress().say(f"\nthe sweep ended before its jobs did; to go on:\n  {again(plan)}")
