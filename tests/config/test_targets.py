from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge

from quantmia.config.targets import target_faults
from quantmia.errors import QuantmiaError

HERE = __name__
SYNTHETIC = {"_target_": "quantmia.data.synthetic.gaussian_mixture"}
LINEAR = {"_target_": "quantmia.models.linear"}
SIGN = {"_target_": "quantmia.quantizers.Sign"}
MOLECULES = {
    "_target_": "quantmia.data.molecules.packaged_molecules",
    "name": "x",
    "package": "x",
    "file": "x",
    "sha256": "x",
    "smiles": "x",
    "target": "x",
    "identifier": "x",
    "task": "regression",
}


@dataclass
class Settings:
    """A quantizer that takes a value of each kind."""

    count: int = 1
    width: float = 1.0
    word: str = "a"
    flag: bool = False
    kind: Literal["a", "b"] | None = None
    sizes: Sequence[int] = ()
    pair: tuple[float, float] = (0.0, 1.0)
    table: dict[str, int] | None = None
    limited: Annotated[int, Ge(2)] = 2
    anything: Any = None
    other: "Settings | None" = None

    def quantize_rows(self, weights):
        return weights


class Picky:
    def __init__(self, error: str = "", needed: Any = None):
        if error:
            raise {"type": TypeError, "value": ValueError, "own": QuantmiaError}[error](
                f"{error}: no\nsecond line"
            )

    def quantize_rows(self, weights):
        return weights

    def score(self, seen):
        return seen


class Methodless:
    quantize_rows = score = 3


class Needy:
    def __init__(self, needed, spare=0):
        raise KeyError("never made: not all of it is told beforehand")

    def quantize_rows(self, weights):
        return weights


class Patient:
    """An attack."""

    min_runs = 6

    def score(self, seen):
        return seen


def by_function(rows, levels: int, spread: float = 1.0):
    return rows


def any_settings(rows, **settings):
    return rows


def nothing():
    return None


def faults(known: tuple[str, ...] = (), **changes: Any) -> list[str]:
    plain = {
        "runs": 8,
        "runs_max": 500,
        "dataset": SYNTHETIC,
        "embedder": None,
        "model": LINEAR,
        "quantizer": {"sign": SIGN},
        "attack": {},
        "quantization": {},
    }
    return target_faults(plain | changes, known)


def of_quantizer(entry: Any, **changes: Any) -> list[str]:
    return faults(quantizer={"mine": entry}, **changes)


def mine(name: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": f"{HERE}.{name}", **arguments}


def test_what_is_right_has_no_fault():
    assert faults() == []


@pytest.mark.parametrize("entry", [{}, {"bits": 3}, {"_target_": None}, {"_target_": 3}])
def test_an_entry_has_a_target(entry):
    words = "has no _target_, the dotted path of the class or function to use"
    assert faults(dataset=entry) == [f"dataset: {words}"]
    assert faults(model=entry) == [f"model: {words}"]
    assert faults(embedder=entry) == [f"embedder: {words}"]
    assert of_quantizer(entry) == [f"quantizer.mine: {words}"]
    assert faults(attack={"mine": entry}) == [f"attack.mine: {words}"]


def test_an_entry_is_a_mapping():
    words = "has no _target_, the dotted path of the class or function to use"
    assert of_quantizer(3) == [f"quantizer.mine: {words}"]
    assert faults(attack={"mine": None}) == [f"attack.mine: {words}"]


def test_an_embedder_can_be_left_out_and_a_model_cannot():
    assert faults(embedder=None) == []
    for key in ("model", "dataset"):  # of which the schema says that they are missing
        changes: dict[str, Any] = {key: None}
        assert faults(**changes) == []


def test_what_the_schema_refuses_is_not_looked_into():
    """Of wrong types, it has said so."""
    for key in ("dataset", "embedder", "model", "quantizer", "attack"):
        changes: dict[str, Any] = {key: 3}
        assert faults(**changes) == []


def test_a_target_is_there():
    assert of_quantizer(SIGN | {"_target_": "quantmia.quantizers.Sgn"}) == [
        "quantizer.mine._target_=quantmia.quantizers.Sgn: quantmia.quantizers has no Sgn; "
        "did you mean Sign?"
    ]
    assert faults(dataset={"_target_": "gaussian"}) == [
        "dataset._target_=gaussian: has to be a dotted path, package.module.name"
    ]


def test_an_unknown_argument_names_the_closest_or_all():
    assert of_quantizer(mine("Settings", cont=3)) == [
        f"quantizer.mine.cont: not an argument of {HERE}.Settings; did you mean count?"
    ]
    assert of_quantizer(mine("Picky", zzz=3)) == [
        f"quantizer.mine.zzz: not an argument of {HERE}.Picky; it takes error, needed"
    ]
    assert faults(model=mine("nothing", zzz=3)) == [
        f"model.zzz: not an argument of {HERE}.nothing; it takes no arguments"
    ]


def test_any_argument_goes_where_any_is_taken():
    assert of_quantizer(mine("any_settings", zzz=3, rate=[1])) == []


def test_an_argument_without_a_default_is_needed():
    assert of_quantizer(mine("Needy")) == [f"quantizer.mine.needed: {HERE}.Needy needs it"]
    assert faults(model=mine("Needy", spare=1)) == [f"model.needed: {HERE}.Needy needs it"]


def test_positional_arguments_are_not_told_apart():
    assert of_quantizer(mine("Needy", _args_=[1])) == []


def test_words_of_hydras_are_no_arguments():
    entry = mine("Settings", _convert_="all", _recursive_=False, _partial_=False)
    assert of_quantizer(entry) == []


def test_a_function_gets_its_rows_later_and_a_class_does_not():
    assert of_quantizer(mine("by_function", levels=3)) == []
    assert of_quantizer(mine("by_function")) == [
        f"quantizer.mine.levels: {HERE}.by_function needs it"
    ]
    assert faults(embedder=mine("by_function", levels=3)) == []
    assert faults(embedder=mine("Needy")) == [f"embedder.needed: {HERE}.Needy needs it"]


def test_a_model_gets_its_sizes_and_a_dataset_its_embedder_later():
    assert faults(model={"_target_": "quantmia.models.mlp", "hidden": [3]}) == []
    assert faults(dataset=MOLECULES, embedder=mine("any_settings")) == []


@pytest.mark.parametrize(
    ("argument", "value", "allowed"),
    [
        ("count", "3", "an integer"),
        ("count", True, "an integer"),
        ("count", 2.5, "an integer"),
        ("count", 2.0, "an integer"),
        ("count", None, "an integer"),
        ("count", [1], "an integer"),
        ("width", "1.0", "a number"),
        ("width", True, "a number"),
        ("word", 3, "a text"),
        ("flag", 1, "true or false"),
        ("flag", "true", "true or false"),
        ("kind", "c", "one of a, b, or null"),
        ("kind", 3, "one of a, b, or null"),
        ("sizes", 3, "a list of integers"),
        ("sizes", [1, "2"], "a list of integers"),
        ("sizes", [True], "a list of integers"),
        ("pair", [1.0], "a list of numbers"),
        ("pair", [1.0, 2.0, 3.0], "a list of numbers"),
        ("pair", ["a", "b"], "a list of numbers"),
        ("table", [1], "a mapping of keys to values, or null"),
        ("table", {"a": "b"}, "a mapping of keys to values, or null"),
        ("limited", 1, "an integer of 2 or more"),
    ],
)
def test_a_value_of_another_type(argument, value, allowed):
    (fault,) = of_quantizer(mine("Settings", **{argument: value}))
    assert fault.startswith(f"quantizer.mine.{argument}=")
    assert fault.partition(": has to be ")[2] == allowed


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("width", 3),
        ("width", float("inf")),
        ("kind", None),
        ("kind", "b"),
        ("sizes", []),
        ("sizes", [1, 2]),
        ("pair", [1, 2.5]),
        ("table", {"a": 1}),
        ("table", None),
        ("limited", 2),
        ("anything", {"a": [None]}),
        ("other", 3),  # of a class of theirs, which nobody can tell here
    ],
)
def test_a_value_that_is_allowed(argument, value):
    assert of_quantizer(mine("Settings", **{argument: value})) == []


def test_a_word_that_is_nearly_right():
    (fault,) = of_quantizer(SIGN | {"per": "chanel"})
    assert fault.endswith("has to be one of tensor, channel, group; did you mean channel?")


def test_a_setting_that_all_share_is_not_reported_once_more():
    shared = {"kind": "c"}
    assert of_quantizer(mine("Settings", kind="c"), quantization=shared) == []
    assert len(of_quantizer(mine("Settings", kind="d"), quantization=shared)) == 1


def test_targets_below_targets_are_looked_at():
    assert of_quantizer(mine("Settings", anything=mine("Settings", count="x"))) == [
        "quantizer.mine.anything.count=x: has to be an integer"
    ]
    assert of_quantizer(mine("Settings", anything={"_target_": "nowhere.f"})) == [
        "quantizer.mine.anything._target_=nowhere.f: there is no module nowhere"
    ]
    assert of_quantizer(mine("Settings", other=mine("Needy"))) == [
        f"quantizer.mine.other.needed: {HERE}.Needy needs it"
    ]


def test_what_is_made_of_further_targets_is_not_made_here():
    assert of_quantizer(mine("Needy", needed=mine("Settings"))) == []


@pytest.mark.parametrize("error", ["type", "value", "own"])
def test_a_constructor_that_refuses_its_values_is_told_in_a_line(error):
    entry = mine("Picky", error=error)
    assert of_quantizer(entry) == [f"quantizer.mine: {error}: no"]
    assert faults(attack={"mine": entry}) == [f"attack.mine: {error}: no"]


def test_a_quantizer_and_an_attack_have_their_methods():
    assert of_quantizer(mine("Methodless")) == [
        "quantizer.mine: Methodless has no method quantize_rows"
    ]
    assert faults(attack={"mine": mine("Methodless")}) == [
        "attack.mine: Methodless has no method score"
    ]
    assert faults(attack={"mine": mine("Settings")}) == [
        "attack.mine: Settings has no method score"
    ]
    assert faults(attack={"mine": mine("Picky")}) == []


def test_there_is_a_quantizer():
    assert faults(quantizer={}) == [
        "quantizer=[]: choose at least one, e.g. quantizer=[sign,uniform_4]"
    ]


ATTACKS = {
    "lira": {"_target_": "quantmia.attacks.Lira"},
    "patient": mine("Patient"),
}


def test_some_attack_has_enough_runs():
    assert faults(runs=5, attack=ATTACKS) == [
        "runs=5: too few for every attack chosen (lira needs 8, patient needs 6); "
        "use 6 or more, or attack=[]"
    ]
    assert faults(runs=6, attack=ATTACKS) == []
    assert faults(runs=1, attack={}) == []
    assert faults(runs=1, attack={"mine": mine("Picky")}) == []


def test_the_most_runs_of_auto_are_enough_for_some_attack():
    assert faults(runs="auto", runs_max=6, attack=ATTACKS) == []
    (fault,) = faults(runs="auto", runs_max=5, attack=ATTACKS)
    assert "too few for every attack chosen" in fault


def test_auto_needs_an_attack():
    assert faults(runs="auto") == ["attack=[]: runs=auto needs an attack, which tells when to stop"]
    assert faults(runs="auto", attack=ATTACKS) == []


def test_numbers_of_runs_that_are_faults_of_their_own_are_not_compared():
    for runs, runs_max in ((None, 500), (0, 500), ("auto", None)):
        assert faults(runs=runs, runs_max=runs_max, attack=ATTACKS) == []


def test_an_attack_with_a_fault_is_not_counted():
    wrong = {"lira": ATTACKS["lira"] | {"mode": 3}, "patient": ATTACKS["patient"]}
    (fault,) = faults(runs=7, attack=wrong)
    assert fault.startswith("attack.lira.mode=3")
    assert len(faults(runs=5, attack=wrong)) == 2


def test_molecules_need_an_embedder():
    assert faults(dataset=MOLECULES) == [
        "embedder=none: this dataset holds molecules; use embedder=minimol or ecfp"
    ]
    assert faults(dataset=MOLECULES, embedder=mine("any_settings")) == []
    assert len(faults(dataset=MOLECULES | {"sha256": 3})) == 1, "one thing after another"


def test_everything_is_said_at_once():
    found = faults(
        dataset={},
        model=mine("Needy", zzz=1),
        quantizer={"a": mine("Settings", count="x", zzz=1), "b": mine("Methodless")},
        attack=ATTACKS | {"c": {}},
        runs=1,
    )
    assert [text.partition(":")[0] for text in found] == [
        "dataset",
        "model.zzz",
        "model.needed",
        "quantizer.a.count=x",
        "quantizer.a.zzz",
        "quantizer.b",
        "attack.c",
        "runs=1",
    ]
