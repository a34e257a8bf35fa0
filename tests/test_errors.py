import shlex
from collections.abc import Sequence

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from quantmia.errors import (
    DONE,
    FAILED,
    INTERRUPTED,
    PREEMPTED,
    USER_MISTAKE,
    ConfigError,
    DataError,
    FolderError,
    QuantmiaError,
    Refused,
    as_override,
    did_you_mean,
    first_line,
)


def test_one_fault_is_one_sentence():
    error = ConfigError(["runs=0: has to be an integer"])
    assert error.faults == ["runs=0: has to be an integer"]
    assert str(error) == "runs=0: has to be an integer"


def test_several_faults_are_counted_and_stand_below_each_other():
    lines = str(ConfigError(["a", "b", "c"])).splitlines()
    assert lines[0] == "the configuration has 3 faults; nothing was run."
    assert lines[1:] == [
        "  - a",
        "  - b",
        "  - c",
        "  'quantmia run --cfg job' (with your overrides) prints the whole configuration.",
    ]


@pytest.mark.parametrize("kind", [QuantmiaError, DataError, FolderError, ConfigError])
def test_a_mistake_of_the_users_ends_with_two(kind):
    assert kind.exit_code == USER_MISTAKE == 2
    assert issubclass(kind, QuantmiaError)


def test_exit_codes_are_those_of_a_shell():
    assert (DONE, FAILED, INTERRUPTED, PREEMPTED) == (0, 1, 128 + 2, 128 + 15)


def test_what_is_refused_passes_by_those_that_catch_exceptions():
    error = QuantmiaError("no")
    refused = Refused(error)
    assert not isinstance(refused, Exception)
    assert refused.error is error
    assert str(refused) == "no"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("sgn", "; did you mean sign?"),
        ("sign", "; did you mean sign?"),
        ("uniform4", "; did you mean uniform_4?"),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_a_hint_names_the_closest_word_or_nothing(word, hint):
    assert did_you_mean(word, ["uniform_4", "sign", "uniform_5"]) == hint


def test_a_hint_takes_any_collection():
    assert did_you_mean("b1", {"b": 1}) == "; did you mean b?"
    assert did_you_mean("b1", iter(["b"])) == "; did you mean b?"
    assert did_you_mean("b1", ()) == ""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one"), "one"),
        (ValueError("\n one \n two"), "one"),
        (ValueError(), "ValueError"),
        (ValueError("  \n"), "ValueError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_the_first_line_of_an_error_or_its_name(error, line):
    assert first_line(error).strip() == line


TEXT = st.text(st.characters(exclude_categories=["C"]), min_size=1).filter(lambda t: "${" not in t)


def pasted(advice: str) -> object:
    """What Hydra makes of an override that a shell hands over."""
    (text,) = shlex.split(advice)
    (override,) = OverridesParser.create().parse_overrides([text])
    value = override.value()
    return [getattr(each, "text", each) for each in value] if isinstance(value, list) else value


@given(TEXT)
def test_any_text_is_pasted_as_the_text_that_it_is(text: str):
    assert pasted(as_override("dataset.target", text)) == text


@given(st.lists(TEXT, min_size=1, max_size=3))
def test_any_list_of_texts_too(texts: Sequence[str]):
    assert pasted(as_override("dataset.features", texts)) == texts


@pytest.mark.parametrize("text", ["IC50 (nM)", "5 °C", "[/a]", "a'b", 'a"b', "1", "true", "~", ";"])
def test_what_columns_are_called_can_be_pasted(text):
    assert pasted(as_override("dataset.target", text)) == text


def test_interpolations_stay_as_they_are_written():
    assert as_override("k", "${x}") == r"""'k="\${x}"'"""
