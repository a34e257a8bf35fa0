"""Answers out of small studies, which are trained here."""

import pandas as pd
import pytest

from scripts.open_questions.answers import _together, calibration, certified, in_training
from tests.tiny import run

SMALL = (
    "model=mlp",
    "model.hidden=[3]",
    "ranking.bootstrap=50",
    "release.checkpoints=[best,2,last]",
)
LOOKING = [f"{name}_{way}" for name in ("sign", "ternary_50") for way in ("scaled", "calibrated")]
SCHEMES = ["sign", "ternary_50", "uniform_2_channel"]
CHOSEN = ["full_precision", *SCHEMES, *LOOKING, "uniform_2_channel_calibrated", "pruned_50"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    path = tmp_path_factory.mktemp("in_training")
    quantizers = f"quantizer=[{','.join([*CHOSEN, 'two_four', 'inputs_50'])}]"
    for name in ("null", *SCHEMES):
        run(path / f"training.qat={name}", *SMALL, quantizers, f"training.qat={name}")
    return path


def test_every_question_of_the_study_is_answered(sweep):
    rows = pd.DataFrame(list(in_training("esol", sweep)))
    assert set(rows["question"]) == {"qat", "stopping", "kept", "viable", "structure"}
    qat = rows[rows["question"] == "qat"]
    assert len(qat) == 3 * 2 * 3  # schemes, without and with a look at data, three figures
    assert set(qat["against"]) >= {"sign afterwards", "sign_calibrated afterwards"}
    kept = rows[rows["question"] == "kept"].set_index("what")
    assert list(kept.index) == sorted([*SCHEMES, *LOOKING, "uniform_2_channel_calibrated"])
    assert (kept["verdict"] == "").sum() == len(SCHEMES)
    assert len(rows[rows["question"] == "viable"]) == 6 * 2
    assert rows[["low", "high"]].notna().all(axis=None)
    assert (rows["low"] <= rows["value"] + 1e-9).all()
    assert not any(row.question == "viable" for row in in_training("bbb", sweep))


def test_who_calibrates_is_compared_in_pairs(tmp_path):
    for source in ("members", "apart"):
        run(
            tmp_path / f"calibration.source={source}", *SMALL, "split.calibration=12",
            f"calibration.source={source}", "quantizer=[full_precision,sign_calibrated]",
        )  # fmt: skip
    rows = list(calibration("esol", tmp_path))
    assert [(row.what, row.quantity) for row in rows] == [
        ("sign_calibrated on members", "MIS, last epoch"),
        ("sign_calibrated on members", "utility, last epoch"),
    ]
    assert [bool(row.verdict) for row in rows] == [True, False]


def test_single_models_are_certified(tmp_path):
    run(tmp_path, *SMALL, "split.membership=coin")
    rows = list(certified("esol", tmp_path))
    assert len(rows) == 4
    assert all(row.against.endswith(" of 7") for row in rows)
    assert {row.verdict for row in rows} <= {"open", "models differ", ""}
    together = list(_together(rows * 3))
    assert [(row.what, row.against) for row in together] == [
        (row.what, f"{3 * int(row.against.split()[0])} of 21") for row in rows if row.verdict
    ]
