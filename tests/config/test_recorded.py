import pytest

from quantmia.config.recorded import (
    ATTACKS,
    is_recording,
    read_recording,
    recording,
    settings,
)
from quantmia.config.schema import recorded
from quantmia.config.versions import of_any_version
from quantmia.errors import FolderError, QuantmiaError
from tests.configurations import configured


def content(**changes) -> dict:
    made = settings() | {
        "name": "mine",
        "seed": 0,
        "runs": 8,
        "split": {"membership": "coin"},
        "training": {"checkpoints": [1, 5], "released": []},
        "quantizer": {"full_precision": {}, "int8": {"bits": 8.0}},
    }
    return made | changes


def test_tables_are_made_as_those_of_our_own_trainings():
    ours = recorded(configured())
    theirs = recording(content())
    assert theirs["indicator"] | {"samples": ours["indicator"]["samples"]} == ours["indicator"]
    assert theirs["ranking"] == ours["ranking"]
    assert theirs["attack"] == ours["attack"]
    assert tuple(sorted(theirs["attack"])) == tuple(sorted(ATTACKS))
    for key in ("utility_loss", "mis"):
        assert theirs["release"][key] == ours["release"][key]


def test_it_is_told_from_the_configuration_of_a_training():
    assert is_recording(content())
    assert not is_recording(recorded(configured()))
    assert not is_recording({})
    assert of_any_version(content()) == content()


def test_a_manifest_of_another_version_says_which_key(tmp_path):
    with pytest.raises(FolderError, match=r"by another version of quantmia \(runs: "):
        read_recording(content(runs=0), "it")
    with pytest.raises(FolderError, match=r"by another version of quantmia \(seeds: "):
        read_recording(content(seeds=0), "it")
    typed = read_recording(content(), "it")
    assert typed.training.checkpoints == [1, 5]
    assert typed.split.membership == "coin"


def test_an_attack_that_there_is_not_is_named():
    with pytest.raises(QuantmiaError, match="attack lira_x is unknown; did you mean lira"):
        settings(["lira_x"])
    with pytest.raises(QuantmiaError, match="attack zzz is unknown; there are discriminator"):
        settings(["zzz"])
