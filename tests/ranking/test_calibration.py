"""Whose rows calibrated a release, from the configuration to what a user reads."""

import numpy as np
import pandas as pd
import pytest

from quantmia.attacks.calibration import ATTACKS
from quantmia.errors import ConfigError, QuantmiaError
from quantmia.ranking.calibration import given_away
from quantmia.ranking.results import Results
from quantmia.report import terminal
from quantmia.report.load import Report
from quantmia.report.page import render
from tests.tiny import AUDITED, fitted, run, tiny

CHOSEN = (*AUDITED, "quantizer=[full_precision,uniform_4,uniform_4_gptq,sign_refit]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("audited") / "mine"


@pytest.fixture(scope="module")
def results(folder) -> Results:
    found = run(folder, *CHOSEN)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def table(results) -> pd.DataFrame:
    return results.tables["calibration"]


def test_what_changes_the_model_has_a_row_for_every_attack(table):
    assert list(table.groupby("quantizer", sort=False).groups) == [
        "sign_refit",
        "uniform_4",
        "uniform_4_gptq",
    ]
    for name, rows in table.groupby("quantizer"):
        assert tuple(rows["attack"]) == ATTACKS
        assert set(rows["shown"]) == {"none" if name == "uniform_4" else "apart"}
        assert set(rows["rows"]) == {15}
        assert set(rows["others"]) == {45}


def test_gptq_gives_its_rows_away_and_the_control_does_not(table):
    auc = table.set_index(["quantizer", "attack"])
    assert auc.loc[("uniform_4_gptq", "layer_difference"), "auc_low"] > 0.8
    low, high = auc.loc[("uniform_4", "layer_difference"), ["auc_low", "auc_high"]]
    assert low < 0.5 < high
    ends = [each for each in table if "auc" in each or "tpr" in each]
    assert table[ends].min(axis=None) >= 0
    assert table[ends].max(axis=None) <= 1


def test_noise_is_a_control(tmp_path):
    quantizers = "quantizer=[uniform_4_gptq]"
    found = run(tmp_path / "mine", *CHOSEN, "calibration.source=noise", quantizers)
    assert found is not None
    table = found.tables["calibration"]
    assert set(table["shown"]) == {"noise"}
    assert (table["auc_low"] < 0.5).all()
    assert (table["auc_high"] > 0.5).all()
    assert not [each for each in found.cautions if "calibrated" in each.text]


def test_one_sentence_says_who_gives_what_away(results):
    said = [each for each in results.cautions if "calibrated" in each.text]
    assert len(said) == 1
    assert "uniform_4_gptq" in said[0].text.split(" give")[0]
    assert "the 15 of 60 that uniform_4_gptq was shown are told from the others" in said[0].text
    assert "(AUC 0." in said[0].advice


def test_nothing_is_said_where_nothing_is_told(table):
    harmless = table.assign(auc_at_least=0.45)
    assert list(given_away(harmless)) == []
    alone = table[(table["shown"] == "apart") & (table["quantizer"] == "uniform_4_gptq")]
    (caution,) = given_away(alone)
    assert "uniform_4_gptq gives away which rows calibrated it" in caution.text
    assert "AUC" not in caution.advice  # there is no control


@pytest.mark.slow
def test_a_user_reads_it_in_the_terminal_and_on_the_page(folder, results, capsys):
    terminal.show(results, folder)
    printed = capsys.readouterr().out
    assert "Which rows calibrated it, best told first" in printed
    assert "15 of 60" in printed
    report = Report.read(folder)
    pd.testing.assert_frame_equal(
        report.tables["calibration"], results.tables["calibration"], check_dtype=False
    )
    page = render(report, folder)
    assert "Whose rows calibrated it" in page
    assert "nothing" in page
    assert "| uniform_4_gptq | 15 of 60 rows |" in (folder / "ranking.md").read_text()


def test_a_finished_folder_is_audited_without_training(tmp_path):
    before = tuple(each for each in CHOSEN if "audit" not in each)
    small = ("runs=4", "quantizer=[uniform_4,uniform_4_gptq]")
    first = run(tmp_path / "mine", *before, *small)
    assert first is not None
    assert "calibration" not in first.tables
    models = {path: path.stat().st_mtime_ns for path in (tmp_path / "mine").glob("models/*")}
    assert len(models) == 4
    again = run(tmp_path / "mine", *CHOSEN, *small, "resume=true")
    assert again is not None
    assert set(again.tables["calibration"]["quantizer"]) == {"uniform_4", "uniform_4_gptq"}
    assert models == {path: path.stat().st_mtime_ns for path in models}
    np.testing.assert_array_equal(again.ranking["utility"], first.ranking["utility"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["calibration.source=members"], "calibration.audit=true: asks which of the samples set"),
        (["split.calibration=16"], "split.calibration=16 leaves none beside calibration.rows=15"),
        (["split.calibration=16"], "use split.calibration=60, or fewer rows"),
        (["split.calibration=0"], "split.calibration=0 sets too few samples apart"),
        (["split.calibration=3", "calibration.source=noise"], "split.calibration=3 sets too few"),
        (["calibration.audit=maybe"], "calibration.audit=maybe: has to be true or false"),
    ],
)
def test_what_cannot_be_asked_is_refused(settings, words):
    with pytest.raises(ConfigError) as caught:
        tiny(*CHOSEN, *settings)
    assert any(words in each for each in caught.value.faults)


@pytest.mark.parametrize("own", ["source=members", "rows=59"])
def test_a_quantizer_whose_rows_cannot_be_asked_for_is_refused(tmp_path, own):
    config = tiny(*CHOSEN, f"quantizer.uniform_4_gptq.{own}")
    with pytest.raises(QuantmiaError, match=r"quantizer\.uniform_4_gptq: calibration\.audit=true"):
        fitted(config, tmp_path)
