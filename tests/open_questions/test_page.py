from pathlib import Path

import pandas as pd
import pytest

from quantmia.cli.choices import choices
from quantmia.files import write_text
from scripts.open_questions.__main__ import main
from scripts.open_questions.answers import DATA
from scripts.open_questions.page import PAGE, QUESTIONS
from scripts.ship.page import PAGE as SHIP

RESULTS = Path(__file__).parents[2] / "results"
COLUMNS = "question data what against quantity value low high verdict".split()


def table(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


ROWS = table(
    ("qat", "esol", "sign in training", "sign afterwards", "gain", 0.1, 0.05, 0.15, "dominates"),
    ("qat", "esol", "sign in training", "sign afterwards", "loss", -0.1, -0.2, 0.1, ""),
    ("qat", "bbb", "sign in training", "sign afterwards", "gain", 0.0, -0.1, 0.1, "not told apart"),
    ("kept", "esol", "sign", "full_precision", "share", 0.84, 0.8, 0.88, ""),
)


def test_a_comparison_is_a_row_with_all_its_figures():
    said = PAGE.page(ROWS)
    assert (
        "| esol | sign in training | sign afterwards | 0.10 [0.05, 0.15] | -0.10 [-0.20, 0.10] | "
        "dominates |"
    ) in said.replace("-0.1 [-0.2, 0.1]", "-0.10 [-0.20, 0.10]")
    assert "dominates 1, not told apart 1" in said
    assert "1 of 2 are not decided by so many runs (bbb)" in said


def test_questions_that_nothing_answers_are_left_out():
    said = PAGE.page(ROWS)
    asked = [each for each in QUESTIONS if f"## {each.title}" in said]
    assert [each.key for each in asked] == ["qat", "kept"]


def test_the_page_that_is_committed_is_of_its_numbers(capsys):
    assert main(["check", str(RESULTS)]) == 0
    assert "is what its numbers and the code make" in capsys.readouterr().out


def test_the_page_answers_every_question_on_every_data_set():
    found = PAGE.read(RESULTS)
    assert set(found["question"]) == {each.key for each in QUESTIONS}
    for key in ("qat", "stopping", "kept", "structure", "calibration", "certificate"):
        assert set(found.loc[found["question"] == key, "data"]) - {"all"} == set(DATA)


def test_a_page_that_was_edited_is_found_out(tmp_path, capsys):
    write_text(tmp_path / "open_questions.csv", ROWS.to_csv(index=False))
    whole = PAGE.page(PAGE.read(tmp_path))
    write_text(tmp_path / "open_questions.md", whole)
    assert main(["check", str(tmp_path)]) == 0
    write_text(tmp_path / "open_questions.md", whole.replace("dominates", "wins"))
    assert main(["check", str(tmp_path)]) == 1
    assert "the code makes another one" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["write"], ["check", "a", "b"], ["tell", "a"]])
def test_what_is_asked_otherwise_is_told_how(arguments, capsys):
    assert main(arguments) == 2
    assert "python -m scripts.open_questions" in capsys.readouterr().err


def test_studies_that_are_not_there_are_one_sentence(tmp_path, capsys):
    assert main(["write", *(str(tmp_path / each) for each in ("results", "studies", "more"))]) == 2
    assert "finish its study first" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_every_study_that_a_question_names_is_there():
    studies = {name for name, _ in choices("study")}
    named = {
        each.study.rpartition("study=")[2].split()[0]
        for each in (*QUESTIONS, *SHIP.questions)
        if "study=" in each.study
    }
    assert named == studies
