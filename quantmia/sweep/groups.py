"""Which jobs of a sweep belong into one ranking: those that differ in seeds, shards, quantizers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from quantmia.config.schema import ADDED_UP
from quantmia.runs.folder import RunFolder
from quantmia.sweep.plan import Job


@dataclass
class Group:
    """Jobs whose runs make one ranking.

    Args:
        label: what it overrides otherwise than the other groups; empty if it is the only one.
        jobs: in the sweep's order.
        folders: of the jobs.
        quantizers: of all of them.
        held: seed, shard and quantizer of what is in it.
    """

    label: str = ""
    jobs: list[Job] = field(default_factory=list)
    folders: list[RunFolder] = field(default_factory=list)
    quantizers: dict[str, Any] = field(default_factory=dict)
    held: set[tuple[int, int, str]] = field(default_factory=set)

    def takes(self, config: dict[str, Any]) -> bool:
        """Whether the runs of a configuration can stand beside those that are in it."""
        mine = config["quantizer"]
        alike = all(self.quantizers.get(name, entry) == entry for name, entry in mine.items())
        return alike and self.held.isdisjoint(_holds(config))

    def add(self, job: Job, folder: RunFolder, config: dict[str, Any]) -> None:
        """Put a job into it."""
        self.jobs.append(job)
        self.folders.append(folder)
        self.quantizers |= config["quantizer"]
        self.held |= _holds(config)


def grouped(finished: Sequence[tuple[Job, RunFolder]]) -> list[Group]:
    """The rankings that finished jobs make, in the order of the sweep.

    Args:
        finished: jobs with their folders.
    """
    groups: dict[str, list[Group]] = {}
    for job, folder in finished:
        config = folder.manifest()["config"]
        rest = {key: value for key, value in config.items() if key not in ADDED_UP}
        alike = groups.setdefault(json.dumps(rest, sort_keys=True), [])
        place = next((group for group in alike if group.takes(config)), None)
        if place is None:
            place = Group()
            alike.append(place)
        place.add(job, folder, config)
    found = [group for alike in groups.values() for group in alike]
    _label(found)
    return found


def _holds(config: dict[str, Any]) -> set[tuple[int, int, str]]:
    return {(config["seed"], config["shard"], name) for name in config["quantizer"]}


def _label(groups: list[Group]) -> None:
    """Name each by the overrides that all of its jobs share and other groups lack."""
    if len(groups) < 2:
        return
    shared = [set.intersection(*(set(job.overrides) for job in each.jobs)) for each in groups]
    everywhere = set.intersection(*shared)
    for number, (group, mine) in enumerate(zip(groups, shared, strict=True)):
        own = [each.lstrip("+") for each in group.jobs[0].overrides if each in mine - everywhere]
        telling = [each for each in own if each.partition("=")[0] not in ADDED_UP]
        group.label = " ".join(telling or own) or f"group {number}"
