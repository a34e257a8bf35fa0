import pytest

from quantmia.cli.__main__ import main
from quantmia.cli.choices import GROUPS


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("word", ["quantizer", "quantizers"])
def test_a_group_is_listed_by_either_of_its_names(word, capsys):
    assert main(["list", word]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "quantizers: quantmia run 'quantizer=[NAME,NAME]'"
    assert any(line.split()[0] == "uniform_4" for line in rest)
    assert "datasets: " not in "".join(rest)


def test_all_groups_are_listed_with_how_they_are_chosen(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for group, several in GROUPS.items():
        (title,) = [line for line in lines if line.startswith(f"{several}: ")]
        option = title.partition("quantmia run ")[2]
        assert option in (f"{group}=NAME", f"'{group}=[NAME,NAME]'", f"+{group}=NAME")
        assert ("[" in option) == (group in ("quantizer", "attack"))
        assert option.startswith("+") == (group in ("experiment", "recipe", "study"))


def test_choices_of_the_users_own_are_listed_too(tmp_path, capsys):
    for folder, name in (("one", "mine"), ("two", "yours")):
        (tmp_path / folder / "model").mkdir(parents=True)
        (tmp_path / folder / "model" / f"{name}.yaml").write_text(f"# Is {name}.\na: 1\n")
    assert main(["list", "model", "--config-dir", "one", "--config-dir", "two"]) == 0
    listed = capsys.readouterr().out
    for words in ("Is mine.", "Is yours.", "linear"):
        assert words in listed


def test_a_group_that_is_none_names_those_there_are(capsys):
    assert main(["list", "quantisers"]) == 2
    error = capsys.readouterr().err
    assert "quantisers: there are experiments, datasets, " in error
    assert "did you mean quantizers?" in error
    assert main(["list", "xyz"]) == 2
    assert "did you mean" not in capsys.readouterr().err


@pytest.mark.parametrize("command", [["list"], ["check", "quantizer=sign"]])
def test_a_folder_that_is_not_there(command, capsys):
    assert main([*command, "--config-dir", "nowhere"]) == 2
    assert capsys.readouterr().err == "error: --config-dir=nowhere: there is no such folder.\n"


def test_quantizers_that_hold(capsys):
    assert main(["check", "quantizer=[sign,uniform_2]"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("  ")] == ["sign", "uniform_2"]
    assert any(line.startswith("  ok    ") for line in lines)
    assert not any("FAIL" in line for line in lines)


@pytest.fixture
def broken(tmp_path):
    (tmp_path / "broken_quantizer.py").write_text(
        "def total(weights):\n    return weights.sum(0)\n"
        "def same(weights):\n    return weights.sign()\n"
    )
    (tmp_path / "my" / "quantizer").mkdir(parents=True)
    for name in ("total", "same"):
        (tmp_path / "my" / "quantizer" / f"{name}.yaml").write_text(
            f"# @package quantizer\n{name}:\n  _target_: broken_quantizer.{name}\n"
        )


def test_a_quantizer_that_does_not_hold_is_named(broken, capsys):
    assert main(["check", "--config-dir", "my", "quantizer=[total,same]"]) == 2
    said = capsys.readouterr()
    assert said.err == "error: total: cannot be relied on; mend what FAIL names.\n"
    same, total = said.out.split("\ntotal\n")
    assert "  FAIL  keeps the shape and the type: " in total
    assert "FAIL" not in same


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["quantizer=sgn"], "there is no quantizer sgn; did you mean sign?"),
        (["quantizer=[sign,sign]"], "sign is chosen twice"),
        (["sign"], "sign: has to be key=value"),
        (["quantizer=[sign]", "runs=0"], "runs=0: has to be an integer"),
    ],
)
def test_what_is_checked_has_to_compose(overrides, said, capsys):
    assert main(["check", *overrides]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1


def test_check_wants_a_quantizer(capsys):
    assert main(["check"]) == 2
    assert "OVERRIDE" in capsys.readouterr().err
