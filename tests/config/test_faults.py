"""Whatever a configuration holds, its faults name its keys."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from quantmia.config.check import check, read_recorded
from quantmia.config.schema import ExperimentConfig, recorded
from quantmia.errors import ConfigError, FolderError
from tests.configurations import composed, configured


@cache
def default() -> DictConfig:
    return composed("quantizer=[sign,uniform_2]", "attack=[loss_threshold]")


def keys_of(config: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(config, Mapping):
        for key, value in config.items():
            yield f"{prefix}{key}"
            yield from keys_of(value, f"{prefix}{key}.")


KEYS = sorted(keys_of(OmegaConf.to_container(default())))
LEAVES = [key for key in KEYS if not any(each.startswith(f"{key}.") for each in KEYS)]
ENTRIES = ("dataset", "embedder", "model", "quantizer", "attack")  # which name their arguments
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text("abc_-. 19", max_size=9)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc_", min_size=1), inner, max_size=3)
    ),
    max_leaves=4,
)


def changed(**changes: Any) -> DictConfig:
    config = default().copy()
    for key, value in changes.items():
        OmegaConf.update(config, key, value, merge=False)
    return config


def faults_of(**changes: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check(changed(**changes))
    return caught.value.faults


def key_of(fault: str) -> str:
    """What stands before the value or the colon."""
    return fault.partition(":")[0].partition("=")[0]


def known(schema: type = ExperimentConfig, prefix: str = "") -> Iterator[str]:
    hints = get_type_hints(schema)
    for field in fields(schema):
        yield prefix + field.name
        if is_dataclass(hints[field.name]):
            yield from known(hints[field.name], f"{prefix}{field.name}.")


KNOWN = set(known())


@pytest.mark.slow
@settings(max_examples=40)
@given(st.sampled_from([key for key in KEYS if not key.startswith("quantization")]), VALUES)
def test_any_value_of_any_key_is_right_or_a_fault_of_a_known_key(key, value):
    try:
        assert isinstance(check(changed(**{key: value})), ExperimentConfig)
        found = []
    except ConfigError as error:
        found = error.faults
    for fault in found:
        named = key_of(fault)
        of_an_entry = named.split(".")[0] in ENTRIES
        assert named in KNOWN or of_an_entry or named.startswith(f"{key}."), fault
        assert "\n" not in fault


@pytest.mark.parametrize("key", ["dataset", "quantization", "quantizer", "split", "calibration"])
def test_a_list_in_place_of_a_section_is_a_fault_of_that_section(key):
    found = faults_of(**{key: []})
    assert found
    assert {key_of(fault) for fault in found} == {key}


@pytest.mark.parametrize("key", [key for key in LEAVES if not key.startswith("quantization.")])
def test_what_no_key_can_be_is_a_fault_of_that_very_key(key):
    found = {key_of(fault) for fault in faults_of(**{key: [["x"]]})}
    its = {key, key.removesuffix("._target_")}  # no target at all is said of the entry
    assert found & its
    assert found <= its | ({"name"} if key == "dataset.name" else set())  # which is taken from it


WRONG = {
    "name": [None, 3, True, "", "a/b", ".a"],
    "seed": [None, True, 1.0, "1", -1],
    "runs": [None, True, 1.5, 0, "many"],
    "runs_max": [None, True, "auto", 0],
    "shards": [None, False, "2", 0],
    "release.checkpoints": [None, 3, "first", [], ["first"], [0], [True], [1.5], {"best": 1}],
    "release.utility_loss": [None, True, "0.1", -0.1, 1.0, float("nan")],
    "release.mis": [False, "0.9", 0, 1.0],
    "shard": [None, False, "0", -1, 0.0],
    "device": [None, 0, "gpu", "cuda:", "cuda:x", "cpu "],
    "resume": [None, 0, 1, "true"],
    "split.validation": [None, True, "0.5", 0, 1, 0.0, 1.0, float("nan")],
    "split.membership": [None, True, "coins"],
    "split.standardise": [None, 1, "yes"],
    "split.label_noise": [None, True, "0.1", -0.1, 1, 1.0, float("nan")],
    "training.optimizer": [None, 3, "Adam"],
    "training.lr": [None, True, "1e-2", 0, -1.0, float("inf"), float("nan")],
    "training.weight_decay": [None, True, "0", -0.1, float("inf"), float("nan")],
    "training.warm_restarts": [True, 2.5, "5", 0, -1],
    "training.sam": [True, "0.05", 0, -0.05, float("inf"), float("nan")],
    "training.ema": [True, "0.9", 0, 1, 1.0, -0.1, float("nan")],
    "training.swa": [True, 2.5, "5", 0],
    "training.stack": [None, True, 2.0, 0, "all"],
    "trajectory.keep": [None, 1, "no"],
    "indicator.variant": [None, 1, "Paper"],
    "indicator.low_loss_models": [None, True, 1, "2"],
    "indicator.grids": [None, 1, "1", [], [0], [True], ["1"], [1.0], [[1]]],
    "ranking.confidence": [None, True, 0, 1, "0.9"],
    "ranking.epsilon": [0, 1, "null"],
    "report.page": [None, 1, "yes"],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, each in WRONG.items() for v in each])
def test_a_value_of_another_type_is_one_fault(key, value):
    (fault,) = faults_of(**{key: value})
    assert key_of(fault) == key
    assert ": has to be " in fault


@pytest.mark.parametrize("key", ["split", "training", "release", "indicator", "ranking", "report"])
@pytest.mark.parametrize("value", [None, 3, "x", [1]])
def test_a_section_holds_keys(key, value):
    (fault,) = faults_of(**{key: value})
    assert fault.startswith(f"{key}=")
    assert ": has to hold the keys " in fault


@settings(max_examples=15)
@given(st.sets(st.sampled_from(sorted(WRONG)), min_size=2))
def test_several_faults_are_all_listed(keys):
    found = faults_of(**{key: WRONG[key][0] for key in keys})
    assert sorted(map(key_of, found)) == sorted(keys)


def test_unknown_and_missing_keys_are_listed_with_the_others():
    config = changed(runs=0)
    del config.seed
    del config.training.lr
    OmegaConf.update(config, "split.seeed", 3, force_add=True)
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert sorted(caught.value.faults) == [
        "runs=0: has to be an integer of 1 or more, or auto",
        "seed: has to be given, seed=...",
        "split.seeed: unknown key; did you mean seed?",
        "training.lr: has to be given, training.lr=...",
    ]


def test_an_unknown_key_like_none_lists_those_there_are():
    config = changed()
    OmegaConf.update(config, "split.zzz", 3, force_add=True)
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert caught.value.faults == [
        "split.zzz: unknown key; known here: validation, seed, calibration, membership, "
        "standardise, label_noise"
    ]


def test_what_has_to_be_given_is_asked_for():
    with pytest.raises(ConfigError) as caught:
        check(composed("dataset=csv"))
    assert caught.value.faults == [
        "dataset.path: has to be given, dataset.path=...",
        "dataset.target: has to be given, dataset.target=...",
    ]


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("runs=auto", "training.stack=auto"),
        ("resume=true", "report=true", "attack=[]"),
        ("+experiment=lipophilicity", "ranking.epsilon=true", "split.membership=coin"),
    ],
)
def test_what_a_manifest_keeps_is_read_back(overrides):
    config = configured(*overrides)
    again = read_recorded(recorded(config), "manifest.json")
    assert recorded(again) == recorded(config)
    assert again.resume is False


def test_a_manifest_of_another_version_is_refused():
    kept = recorded(configured())
    del kept["indicator"]
    with pytest.raises(FolderError) as caught:
        read_recorded(kept | {"colour": 3}, "x/manifest.json")
    said = str(caught.value)
    assert said.startswith("x/manifest.json was made by another version of quantmia (")
    assert "indicator: has to be given" in said
    assert "colour: unknown key" in said
    assert said.endswith("; run it again")
