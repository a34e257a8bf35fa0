from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args

import pytest

from quantmia.config.roles import Decides, Role, keys, roles
from quantmia.config.schema import (
    ADDED_UP,
    MERGED,
    OF_A_TRAJECTORY,
    OF_THE_MACHINE,
    TABLES_ONLY,
    ExperimentConfig,
)


def test_every_key_has_a_role():
    found = roles(ExperimentConfig)
    tops = [key for key in found if "." not in key]
    assert tops == [field.name for field in fields(ExperimentConfig)]
    assert all(isinstance(role, Role) for role in found.values())
    assert {role.decides for role in found.values()} == set(get_args(Decides))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            TABLES_ONLY,
            "name resume trajectory attack ranking report release.utility_loss "
            "release.mis calibration.audit indicator.variant indicator.low_loss_models "
            "indicator.grids",
        ),
        (
            MERGED,
            "name resume trajectory attack ranking report seed runs shard shards "
            "quantizer release.utility_loss release.mis calibration.audit indicator.variant "
            "indicator.low_loss_models indicator.grids",
        ),
        (ADDED_UP, "name resume trajectory report seed shard quantizer"),
        (OF_THE_MACHINE, "device"),
        (OF_A_TRAJECTORY, "seed device model split training"),
    ],
)
def test_the_keys_of_each_kind(found, expected):
    assert sorted(found) == sorted(expected.split())


def test_keys_come_in_the_order_of_the_schema():
    assert keys(ExperimentConfig, lambda role: True) == tuple(roles(ExperimentConfig))
    assert keys(ExperimentConfig, lambda role: role.decides == "data") == ("dataset", "embedder")
    assert keys(ExperimentConfig, lambda role: role.decides == "measuring") == (
        "release",
        "quantization",
        "calibration",
        "quantizer",
        "indicator",
    )


def test_a_key_of_a_section_may_have_a_role_of_its_own():
    section = schema(a=Annotated[int, Role("tables")], b=int)
    found = roles(schema(whole=Annotated[section, Role("measuring")]))
    assert {key: role.decides for key, role in found.items()} == {
        "whole": "measuring",
        "whole.a": "tables",
    }


def test_what_decides_only_tables_trains_nothing_again():
    decided = {each: Role(each).tables_only for each in get_args(Decides)}
    assert {each for each, tables_only in decided.items() if tables_only} == {"tables", "nothing"}


def test_what_adds_up_within_a_sweep_can_be_merged_too():
    assert set(ADDED_UP) <= set(MERGED)


def schema(**annotations: Any) -> type:
    return dataclass(type("Schema", (), {"__annotations__": annotations}))


def test_a_key_without_a_role_is_an_error():
    wrong = schema(seed=Annotated[int, Role("training")], runs=int)
    with pytest.raises(TypeError, match=r"Schema\.runs needs one Role, it has 0"):
        roles(wrong)
    with pytest.raises(TypeError, match=r"Schema\.runs needs one Role, it has 0"):
        roles(schema(runs=Annotated[int, "of another kind"]))


def test_a_key_with_two_roles_is_an_error():
    wrong = schema(runs=Annotated[int, Role("runs"), Role("tables")])
    with pytest.raises(TypeError, match=r"Schema\.runs needs one Role, it has 2"):
        roles(wrong)
