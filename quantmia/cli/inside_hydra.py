"""What has no public name in Hydra 1.3: the one place that knows of its inside."""

import os
import re
import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

# Who puts folders into the search path where nobody else does, and what may name a mode there.
OURS = {"hydra", "main", "schema"}
OF_MODE = re.compile(r"[+~]*hydra(=|\.mode|\.searchpath)")


def arguments() -> list[str]:
    """What `quantmia run` was given; Hydra's application reads them where every program does."""
    return sys.argv[1:]


def overrides_of(settings: Any) -> list[str]:
    """The overrides of a job or sweep as they were given, whatever they refer to.

    Args:
        settings: Hydra's own, which are `hydra` in a configuration.
    """
    given = OmegaConf.to_container(settings.overrides.task, resolve=False)
    return [str(each) for each in given] if isinstance(given, list) else []


def parsed(argv: Sequence[str]) -> Namespace:
    """Hydra's flags and the overrides.

    Args:
        argv: what follows `quantmia run`.
    """
    return get_args_parser().parse_args(list(argv))


def flags() -> list[str]:
    """Hydra's flags, those of one letter too."""
    return list(get_args_parser()._option_string_actions)


def parse(overrides: Sequence[str]) -> list[Override]:
    """Overrides, read.

    Args:
        overrides: texts.

    Raises:
        HydraException: one cannot be read.
    """
    return OverridesParser.create().parse_overrides(list(overrides))


def jobs_of(overrides: Sequence[Override]) -> Iterator[Sequence[str]]:
    """The overrides of every job that a sweep makes of these.

    Args:
        overrides: of the sweep.

    Raises:
        HydraException, TypeError, ValueError: it makes none.
    """
    for batch in BasicSweeper.split_arguments(list(overrides), max_batch_size=None):
        yield from batch


def groups() -> list[str]:
    """The configuration groups, but Hydra's own."""
    loader = GlobalHydra.instance().config_loader()
    return [group for group in loader.list_groups("") if group != "hydra"]


def job_config(config: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """The configuration of a job of a sweep.

    Args:
        config: of the sweep.
        overrides: of the job.
    """
    job = GlobalHydra.instance().config_loader().load_sweep_config(config, list(overrides))
    job.hydra.job.id = job.hydra.job.num = 0
    HydraConfig.instance().set_config(job)
    return job


def sweep_folder() -> str | None:
    """The folder of the sweep that this process runs or ran; None if it is none."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    return str(HydraConfig.get().sweep.dir)


@contextmanager
def _composing_once() -> Iterator[None]:
    """Compose the job alone.

    Hydra composes everything before, too, for the mode that a file may set. None of ours does, so
    that is left to those with files or settings of their own.
    """
    from hydra._internal.hydra import Hydra  # here, because completion has no use for it

    composed = Hydra.get_mode

    def get_mode(self: Hydra, config_name: str | None, overrides: list[str]) -> RunMode | None:
        places = self.config_loader.get_search_path().get_path()
        if {each.provider for each in places} <= OURS and not any(map(OF_MODE.match, overrides)):
            return None
        return composed(self, config_name, overrides)

    Hydra.get_mode = get_mode
    try:
        yield
    finally:
        Hydra.get_mode = composed


@contextmanager
def application(overrides: Sequence[str]) -> Iterator[bool]:
    """Arguments, environment and state as Hydra's application wants them.

    Yields whether the user asked for Hydra's own errors.

    Args:
        overrides: of the application.
    """
    own_argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    # argv[0] stays: shell completion is bound to its name. Without the variable Hydra would
    # print the error itself and leave with 1.
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = ["quantmia", *overrides], "1"
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None
    try:
        with warnings.catch_warnings():
            # A folder that is not there is refused before anything is run.
            warnings.filterwarnings("ignore", r"provider=hydra\.searchpath")
            with _composing_once():
                yield full_error is not None
    finally:
        sys.argv = own_argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error
