import math
from collections.abc import Sequence
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, Optional, get_type_hints

import pytest
from annotated_types import Ge, Gt, Le, Lt, MinLen

from quantmia.config.schema import (
    ExperimentConfig,
    IndicatorConfig,
    QuantizationConfig,
    RankingConfig,
    SplitConfig,
)
from quantmia.config.training import TrainingConfig
from quantmia.config.values import (
    Count,
    CountOrAuto,
    Counts,
    Device,
    Entry,
    Flag,
    FolderName,
    Natural,
    NotNegative,
    Positive,
    Share,
)
from quantmia.config.wording import Says, allowed, choices, has_to_be, locate, show
from quantmia.quantizers import Sign


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Flag, "true or false"),
        (Natural, "an integer of 0 or more"),
        (Count, "an integer of 1 or more"),
        (Counts, "a list of integers of 1 or more"),
        (Share, "a number between 0 and 1, both excluded"),
        (Positive, "a number above 0, and finite"),
        (NotNegative, "a number of 0 or more, and finite"),
        (CountOrAuto, "an integer of 1 or more, or auto"),
        (FolderName, "a folder's name: not empty, without '/', not starting with '.'"),
        (Device, "auto, cpu, cuda or, of several GPUs, one such as cuda:1"),
        (Entry, "a mapping of keys to values"),
        (Entry | None, "a mapping of keys to values, or null"),
        (dict[str, Entry], "a mapping of keys to values"),
        (Flag | None, "true or false, or null"),
        (Annotated[int, Ge(2)], "an integer of 2 or more"),
    ],
)
def test_what_the_schema_allows_in_words(annotation, words):
    assert allowed(annotation) == words


@pytest.mark.parametrize(
    ("schema", "key", "words"),
    [
        (SplitConfig, "membership", "one of half, coin"),
        (TrainingConfig, "optimizer", "one of adam, sgd"),
        (QuantizationConfig, "scale", "one of data, unit, fixed"),
        (QuantizationConfig, "per", "one of tensor, channel, group"),
        (IndicatorConfig, "variant", "one of paper, rate, low_loss, pooled"),
        (IndicatorConfig, "low_loss_models", "an integer of 2 or more"),
        (RankingConfig, "epsilon", "true or false, or null"),
        (ExperimentConfig, "runs", "an integer of 1 or more, or auto"),
        (ExperimentConfig, "embedder", "a mapping of keys to values, or null"),
    ],
)
def test_keys_of_the_schema_in_words(schema, key, words):
    hint = get_type_hints(schema, include_extras=True)[key]
    assert allowed(hint) == words or allowed(get_type_hints(schema)[key]) == words


class Thing:
    pass


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "an integer"),
        (float, "a number"),
        (str, "a text"),
        (bool, "true or false"),
        (None, "null"),
        (NoneType, "null"),
        (Literal["a"], "a"),
        (Literal["a", "b"], "one of a, b"),
        (Literal["a", "b", None], "one of a, b, null"),
        (Literal[1, True], "one of 1, true"),
        (Literal["a", "b"] | None, "one of a, b, or null"),
        (Optional[int], "an integer, or null"),  # noqa: UP045
        (int | str, "an integer, or a text"),
        (int | Literal["auto"] | None, "an integer, or auto, or null"),
        (Sequence[int], "a list of integers"),
        (list[float], "a list of numbers"),
        (list[str], "a list of texts"),
        (list[bool], "a list of flags"),
        (tuple[int, ...], "a list of integers"),
        (tuple[float, float], "a list of numbers"),
        (list[Any], "a list of values"),
        (list[Thing], "a list of values"),
        (Sequence[Annotated[int, Ge(1)]], "a list of integers of 1 or more"),
        (Annotated[list[Annotated[float, Gt(0)]], MinLen(1)], "a list of numbers above 0"),
        (dict, "a mapping of keys to values"),
        (dict[str, int], "a mapping of keys to values"),
        (Thing, "Thing"),
        (Path | None, "Path, or null"),
        (Annotated[int, Ge(1), Le(16)], "an integer of 1 or more, at most 16"),
        (Annotated[int, Gt(0), Le(16)], "an integer above 0, at most 16"),
        (Annotated[float, Ge(0), Lt(1)], "a number from 0 to below 1"),
        (Annotated[float, Gt(0), Lt(1)], "a number between 0 and 1, both excluded"),
        (Annotated[float, Gt(0), Lt(math.inf)], "a number above 0, and finite"),
        (Annotated[int, Says("a prime"), Ge(2)], "a prime"),
        (Annotated[Thing, Ge(2)], "Thing of 2 or more"),
    ],
)
def test_what_a_signature_allows_in_words(annotation, words):
    assert allowed(annotation) == words


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Literal["a", "b"], ["a", "b"]),
        (Literal["a", None, True, 3], ["a", "null", "true", "3"]),
        (Count | Literal["auto"], ["auto"]),
        (Literal["a"] | Literal["b"] | None, ["a", "b"]),
        (Annotated[Literal["a", "b"], "x"], ["a", "b"]),
        (Annotated[Literal["a"] | int, "x"] | Literal["c"], ["a", "c"]),
        (int, []),
        (list[Literal["a"]], []),
        (None, []),
    ],
)
def test_the_words_that_a_value_may_be(annotation, words):
    assert choices(annotation) == words


@pytest.mark.parametrize(
    ("value", "annotation", "sentence"),
    [
        (0, Count, "k.x=0: has to be an integer of 1 or more"),
        (None, Count, "k.x=null: has to be an integer of 1 or more"),
        (True, Count, "k.x=true: has to be an integer of 1 or more"),
        ("adm", Literal["adam", "sgd"], "k.x=adm: has to be one of adam, sgd; did you mean adam?"),
        ("?", Literal["adam", "sgd"], "k.x=?: has to be one of adam, sgd"),
        ("aut", CountOrAuto, "k.x=aut: has to be an integer of 1 or more, or auto; did you mean "
         "auto?"),
        ([1, 0], Counts, "k.x=[1, 0]: has to be a list of integers of 1 or more"),
        ("", str, "k.x=: has to be a text"),
    ],
)  # fmt: skip
def test_a_fault_names_key_value_and_what_is_allowed(value, annotation, sentence):
    assert has_to_be("k.x", value, annotation) == sentence


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (True, "true"), (False, "false"), (1, "1"), (0.5, "0.5"), ("a b", "a b")],
)
def test_values_are_shown_as_they_are_given(value, text):
    assert show(value) == text


def test_a_path_leads_to_a_class_or_a_function():
    assert locate("quantmia.quantizers.Sign") == (Sign, "")
    assert locate("quantmia.quantizers.sign.Sign") == (Sign, "")
    assert locate("pathlib.Path.cwd") == (Path.cwd, "")
    assert locate("os.path.join")[1] == ""


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Modules of a user's."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "raising_module.py").write_text("raise RuntimeError('no luck')\n")
    (tmp_path / "needing_module.py").write_text("import package_that_nobody_has.inner\n")
    (tmp_path / "wrong_module.py").write_text("def f(:\n")
    (tmp_path / "fine_module.py").write_text("_hidden = number = 3\ndef encode(): ...\n")
    (tmp_path / "needing_package").mkdir()
    (tmp_path / "needing_package" / "__init__.py").write_text("")
    (tmp_path / "needing_package" / "inner.py").write_text("import package_that_nobody_has\n")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", "has to be a dotted path, package.module.name"),
        ("Sign", "has to be a dotted path, package.module.name"),
        (".Sign", "has to be a dotted path, package.module.name"),
        ("quantmia..Sign", "has to be a dotted path, package.module.name"),
        ("quantmia.Sign.", "has to be a dotted path, package.module.name"),
        ("no_such_module.f", "there is no module no_such_module"),
        ("quantmia.quantizers.Sgn", "quantmia.quantizers has no Sgn; did you mean Sign?"),
        ("quantmia.quantisers.Sign", "quantmia has no quantisers; did you mean quantizers?"),
        ("quantmia.quantizers.Qx9", "quantmia.quantizers has no Qx9"),
        ("quantmia.quantizers.Sign.nothing", "quantmia.quantizers.Sign has no nothing"),
        ("fine_module.encod", "fine_module has no encod; did you mean encode?"),
        ("fine_module.hidden", "fine_module has no hidden"),
        ("fine_module.number", "cannot be called"),
        ("os.path", "cannot be called"),
        ("raising_module.f", "importing raising_module failed: RuntimeError: no luck"),
        ("needing_module.f", "importing needing_module needs package_that_nobody_has, which is not "
         "installed"),
        ("needing_package.inner.f", "importing needing_package.inner needs "
         "package_that_nobody_has, which is not installed"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_path(path, fault, modules):
    assert locate(path) == (None, fault)


def test_a_module_that_python_cannot_read_says_why(modules):
    found, fault = locate("wrong_module.f")
    assert found is None
    assert fault.startswith("importing wrong_module failed: SyntaxError: ")
    assert "\n" not in fault
