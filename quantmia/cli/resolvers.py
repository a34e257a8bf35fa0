"""Values that the configuration computes: where a run or a sweep goes, and shares of others."""

from collections.abc import Sequence
from typing import Any

from hydra.errors import HydraException
from omegaconf import OmegaConf

from quantmia.cli.choices import find_own_modules
from quantmia.cli.inside_hydra import arguments, parse


def prepare() -> None:
    """What composing a configuration needs: our resolvers, and the user's own modules."""
    find_own_modules()
    # Cached, as the folders are named by the time: every job of a sweep asks for the same one.
    for name, resolver in {
        "quantmia.run_dir": run_dir,
        "quantmia.sweep_dir": sweep_dir,
        "quantmia.job_dir": lambda overrides: job_dir(overrides, arguments()),
        "quantmia.share": share,
    }.items():
        OmegaConf.register_new_resolver(name, resolver, use_cache=True, replace=True)


def run_dir(name: str, resume: bool) -> str:
    """The folder of a run.

    Args:
        name: of the experiment.
        resume: go on with an existing folder.
    """
    from quantmia.sweep import places  # here, because `--cfg job` has no use for NumPy

    return places.run_dir(name, resume)


def sweep_dir(resume: bool) -> str:
    """The folder of a sweep.

    Args:
        resume: go on with an existing folder.
    """
    from quantmia.sweep import places

    return places.sweep_dir(resume, arguments())


def share(of: Any, part: float) -> Any:
    """A part of a number, rounded, at least 1; of anything else itself, which is then refused.

    Args:
        of: such as the epochs.
        part: of it.
    """
    return max(1, round(part * of)) if type(of) in (int, float) else of


def job_dir(overrides: Sequence[str], given: Sequence[str]) -> str:
    """The folder of a job, named by what it has of its own in its sweep.

    Args:
        overrides: of the job.
        given: to the sweep.
    """
    from quantmia.sweep.places import slug
    from quantmia.sweep.plan import what_runs

    shared = {_as_jobs_have_it(word) for word in given}
    return slug(",".join(each for each in what_runs(overrides) if each not in shared))


def _as_jobs_have_it(word: str) -> str:
    """An override of the sweep as Hydra hands it to a job: report=true is report=True there."""
    try:
        (parsed,) = parse([word])
        return f"{parsed.get_key_element()}={parsed.get_value_element_as_str()}"
    except HydraException:  # a flag such as -m
        return word
