"""Answers out of a small study, which is trained here."""

import pandas as pd
import pytest

from scripts.ship import answers as module
from scripts.ship.answers import answers
from scripts.ship.page import PAGE, QUESTIONS
from tests.tiny import run

SMALL = (
    "dataset.size=160",
    "dataset.dimension=16",
    "model=mlp",
    "model.hidden=[4]",
    "ranking.bootstrap=50",
    "release.checkpoints=last",
    "training.checkpoint_every=4",
    "split.calibration=60",
    "calibration.audit=true",
    "quantizer=[full_precision,uniform_4,uniform_4_gptq,sign_refit]",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> pd.DataFrame:
    studies = tmp_path_factory.mktemp("ship")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DATA", ("synthetic",))
        patch.setattr(module, "USUAL", 12)
        for rows in (12, 30):
            path = studies / "synthetic" / "rows" / f"calibration.rows={rows}"
            run(path, *SMALL, f"calibration.rows={rows}", "calibration.source=apart")
        noise = ("calibration.source=noise", "calibration.rows=200")
        run(studies / "synthetic" / "noise", *SMALL, *noise)
        patch.setattr(module, "SAME_BITS", {"int8": ("w8a8_static", "w8a8_dynamic")})
        shipped = "quantizer=[full_precision,int8,w8a8_static,w8a8_dynamic]"
        apart = (
            "calibration.rows=12",
            "calibration.source=apart",
            "release.checkpoints=[best,last]",
        )
        run(studies / "synthetic" / "runtimes", *SMALL, *apart, shipped)
        return pd.DataFrame([vars(row) for row in answers(studies)])


def test_every_question_is_answered(table):
    assert set(table["question"]) == {each.key for each in QUESTIONS}
    assert (table["low"] <= table["value"] + 1e-9).all()
    assert (table["value"] <= table["high"] + 1e-9).all()


def test_who_gives_rows_away_is_told_from_who_was_shown_none(table):
    who = table[(table["question"] == "who") & (table["quantity"] == "AUC by weights")]
    who = who.set_index(["what", "against"])
    assert who.loc[("uniform_4_gptq", "12 rows"), "verdict"] == "gives them away"
    assert who.loc[("uniform_4", "none"), "verdict"] == "gives nothing away"
    assert who.loc[("uniform_4_gptq", "noise"), "verdict"] == "gives nothing away"
    assert len(who) == 5  # the control once; what looks at data, at rows and at noise


def test_rows_stand_beside_each_other_and_noise_is_paired_with_them(table):
    fade = table[(table["question"] == "fade") & (table["what"] == "uniform_4_gptq")]
    assert set(fade["quantity"]) == {"12 rows", "30 rows"}
    noise = table[table["question"] == "noise"]
    assert set(noise["against"]) == {"12 rows", "30 rows", ""}
    assert set(noise.loc[noise["against"] != "", "verdict"]) <= {"costs", "gains", "not told apart"}
    runtimes = table[table["question"] == "runtimes"].set_index(["what", "quantity"])
    assert runtimes.loc[("w8a8_dynamic", "MIS, less that of int8"), "verdict"]
    assert ("w8a8_static", "AUC of rows by outputs") in runtimes.index
    assert ("w8a8_dynamic", "AUC of rows by outputs") not in runtimes.index
    page = PAGE.page(table)
    assert all(f"## {each.title}" in page for each in QUESTIONS)
    assert "| synthetic | uniform_4_gptq | 12 rows |" in page
