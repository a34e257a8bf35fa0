"""What committed tables were made from: commands, seeds, commits, configurations, checksums."""

import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from quantmia.cli.overrides import DOES_NOT_COMPOSE
from quantmia.config.check import check
from quantmia.config.places import conf_dir
from quantmia.config.schema import OF_THE_MACHINE, recorded
from quantmia.config.versions import of_any_version
from quantmia.errors import ConfigError, FolderError
from quantmia.runs.compare import as_there, differing_keys
from quantmia.runs.folder import RunFolder
from quantmia.sweep.plan import is_sweep
from scripts.paper.studies import finished

FILE = "manifest.json"
OTHERS = ("growth.", "open_questions.", "ship.")  # pages that are made by themselves
FRONT = "front/{}"  # the name of a run or a sweep with a front
MEASURED = "efficiency/{}"  # the name of a setting of `quantmia efficiency`
EFFICIENCY = "quantmia efficiency DIR --reference-runs 150"  # as in the Makefile


def record(
    studies: Sequence[Path], measured: Sequence[Path], fronts: Sequence[Path]
) -> dict[str, Any]:
    """What sweeps and measurements say of themselves.

    Args:
        studies: finished sweeps.
        measured: folders of `quantmia efficiency`.
        fronts: runs and sweeps with a front.
    """
    found = {folder.name: _study(folder) for folder in studies}
    found |= {MEASURED.format(folder.name): _run(folder, f"; {EFFICIENCY}") for folder in measured}
    for folder in fronts:
        found[FRONT.format(folder.name)] = (
            _study(folder) | {"sweep": {}} if is_sweep(folder) else _run(folder)
        )
    return {"studies": found}


def _run(folder: Path, then: str = "") -> dict[str, Any]:
    """A single run, and what was done with it."""
    manifest = RunFolder(folder).manifest_as_written()
    return {
        "command": f"{manifest['command']} hydra.run.dir=DIR{then}",
        "overrides": [
            word for word in shlex.split(manifest["command"])[2:] if "hydra." not in word
        ],
        **_facts([manifest]),
    }


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file but the manifest and the open questions, by its path.

    Args:
        folder: of the results.
    """
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != FILE and not path.name.startswith(OTHERS)
    }


def read_record(folder: Path) -> dict[str, Any]:
    """The manifest of results.

    Args:
        folder: of the results.

    Raises:
        FolderError: there is none.
    """
    try:
        return json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FolderError(f"{folder / FILE} is missing: 'make tables' writes it.") from None


def changed(manifest: dict[str, Any]) -> list[str]:
    """Where today's configurations would run other studies than those recorded.

    Keys that there were not then are let through: a new option must not change what its absence
    did, and `make tables-quick`, which trains, says if it does.

    Args:
        manifest: of the results.

    Returns:
        A line each, with both values.
    """
    found = []
    for name, study in manifest["studies"].items():
        if "sweep" in study and study["sweep"] != (now := sweep_of(name)):
            found.append(f"{name}: swept was {study['sweep']}, is {now}")
        try:
            with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
                now = recorded(check(compose("config", overrides=study["overrides"])))
        except (ConfigError, *DOES_NOT_COMPOSE) as error:
            found.append(f"{name}: {' '.join(study['overrides'])} is no longer valid: {error}")
            continue
        there = study["config"]
        settled = as_there(now, of_any_version(there))
        found += [
            f"{name}: {each}"
            for each in differing_keys(there, settled, OF_THE_MACHINE)
            if ": (absent) and " not in each
        ]
    return found


def sweep_of(name: str) -> dict[str, list[str]]:
    """What a study of ours sweeps over by its configuration, every value by key.

    Args:
        name: of the study.
    """
    path = conf_dir() / "experiment" / "paper" / f"{name}.yaml"
    if not path.exists():
        return {}
    found = {}
    for key, values in OmegaConf.load(path).hydra.sweeper.params.items():
        override = OverridesParser.create().parse_override(f"{key}={values}")
        if override.is_sweep_override():
            found[str(key)] = list(override.sweep_string_iterator())
        else:
            found[str(key)] = [override.get_value_element_as_str()]
    return found


def _study(folder: Path) -> dict[str, Any]:
    plan = finished(folder)
    swept: dict[str, list[str]] = {}
    for job in plan.jobs:
        for override in job.overrides:
            key, _, value = override.partition("=")
            if not key.startswith("+") and value not in swept.setdefault(key, []):
                swept[key].append(value)
    return {
        "command": " ".join(["quantmia run -m", *plan.command]),
        "sweep": swept,
        "overrides": list(plan.jobs[0].overrides),
        **_facts([RunFolder(plan.folder(job)).manifest_as_written() for job in plan.jobs]),
    }


def _facts(jobs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first = jobs[0]
    return {
        "jobs": len(jobs),
        "runs": sum(job["config"]["runs"] for job in jobs),
        "seeds": sorted({job["seed"] for job in jobs}),
        "commit": ", ".join(sorted({str(job["commit"]) for job in jobs})),
        "config": first["config"],
        "versions": first["versions"],
        "samples_sha256": sorted({job["dataset"]["sha256"] for job in jobs}),
        "seconds": round(sum(job["timings"]["total_seconds"] for job in jobs)),
    }
