from pathlib import Path

import pytest

from scripts.ship.__main__ import main
from scripts.ship.answers import DATA
from scripts.ship.page import PAGE, QUESTIONS

RESULTS = Path(__file__).parents[2] / "results"


def test_the_page_that_is_committed_is_of_its_numbers(capsys):
    assert main(["check", str(RESULTS)]) == 0
    assert "is what its numbers and the code make" in capsys.readouterr().out


def test_every_question_is_answered_on_every_data_set():
    found = PAGE.read(RESULTS)
    for question in QUESTIONS:
        assert set(found.loc[found["question"] == question.key, "data"]) == set(DATA)


@pytest.mark.parametrize("arguments", [[], ["write"], ["check", "a", "b"], ["tell", "a"]])
def test_what_is_asked_otherwise_is_told_how(arguments, capsys):
    assert main(arguments) == 2
    assert "python -m scripts.ship" in capsys.readouterr().err


def test_studies_that_are_not_there_are_one_sentence(tmp_path, capsys):
    assert main(["write", str(tmp_path / "results"), str(tmp_path / "studies")]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
