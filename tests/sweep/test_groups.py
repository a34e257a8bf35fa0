from pathlib import Path

import pytest

from quantmia.runs.folder import RunFolder
from quantmia.sweep.groups import grouped
from quantmia.sweep.plan import Job


class Folder(RunFolder):
    """Knows its configuration only."""

    def __init__(self, **config):
        super().__init__(Path("absent"))
        self.config = {"seed": 0, "shard": 0, "runs": 4, "quantizer": {"a": {}}} | config

    def manifest(self):
        return {"config": self.config}


def groups(*jobs):
    """Labels with the number of jobs, of (overrides, configuration)."""
    finished: list[tuple[Job, RunFolder]] = [
        (Job(tuple(text.split()), text), Folder(**config)) for text, config in jobs
    ]
    return [(group.label, len(group.jobs)) for group in grouped(finished)]


def test_seeds_shards_and_quantizers_make_one_ranking():
    assert groups(
        ("runs=4 seed=0 quantizer=a", {}),
        ("runs=4 seed=1 quantizer=a", {"seed": 1}),
        ("runs=4 seed=0 quantizer=b", {"quantizer": {"b": {}}}),
        ("runs=4 seed=1 shard=1", {"seed": 1, "shard": 1}),
    ) == [("", 4)]


def test_other_settings_make_others_named_by_them():
    assert groups(
        ("runs=4 +experiment=x seed=0", {"dataset": "x"}),
        ("runs=4 +experiment=x seed=1", {"dataset": "x", "seed": 1}),
        ("runs=4 +experiment=y seed=0", {"dataset": "y"}),
    ) == [("experiment=x", 2), ("experiment=y", 1)]


def test_a_quantizer_with_other_settings_stands_apart():
    assert groups(
        ("quantizer.a.bits=2", {"quantizer": {"a": {"bits": 2}}}),
        ("quantizer.a.bits=3", {"quantizer": {"a": {"bits": 3}}}),
    ) == [("quantizer.a.bits=2", 1), ("quantizer.a.bits=3", 1)]


@pytest.mark.parametrize("key", ["runs", "indicator", "attack", "ranking", "lr"])
def test_the_same_runs_are_not_counted_twice(key):
    assert len(groups((f"{key}=1", {key: 1}), (f"{key}=2", {key: 2}))) == 2


def test_nothing_finished_is_no_group():
    assert grouped([]) == []
