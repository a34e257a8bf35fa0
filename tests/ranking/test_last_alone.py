import pandas as pd
import pytest

from quantmia.report.load import load
from quantmia.report.write import write_page
from tests.tiny import run

SETTINGS = (
    "attack=[lira_eb,loss_threshold]",
    "release.checkpoints=[best,2,last]",
    "quantizer=[full_precision,sign,uniform_2,ternary_50]",
)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same experiment with and without one that is tried on the last checkpoint alone."""
    path = tmp_path_factory.mktemp("last")
    made = [
        run(path / name, *SETTINGS, *more)
        for name, more in (("all", ()), ("last", ("+quantizer.sign.trajectory=last",)))
    ]
    return [*made, path / "last"]


def test_it_has_no_r_q_and_says_so_and_all_else_stays_as_it_was(both):
    whole, found = (results.ranking.set_index("quantizer").sort_index() for results in both[:2])
    assert found["flags"].str.contains("last_checkpoint").to_dict() == {
        "full_precision": False, "sign": True, "ternary_50": False, "uniform_2": False
    }  # fmt: skip
    assert not whole["flags"].str.contains("last_checkpoint").any()
    of_r_q = ["r_q", "r_q_median", "n_r_q", "rank", "distinct_models"]
    assert found.loc["sign", of_r_q].isna().all()
    others = ["full_precision", "ternary_50", "uniform_2"]
    pd.testing.assert_series_equal(found.loc[others, "r_q"], whole.loc[others, "r_q"])
    assert sorted(found.loc[others, "rank"]) == [1, 2, 3]
    columns = [each for each in whole if each.startswith(("auc_", "mis_", "utility"))]
    pd.testing.assert_frame_equal(found[columns], whole[columns])
    (said,) = [each for each in both[1].cautions if "trajectory: last" in each.text]
    assert said.on_r_q
    assert "of sign the last checkpoint alone" in said.text


def test_its_last_release_alone_is_on_the_front(both):
    whole, found = (results.tables["front"] for results in both[:2])
    assert list(found.loc[found["quantizer"] == "sign", "checkpoint"]) == ["last"]
    same = ["quantizer", "checkpoint", "epoch", "utility", "auc_lira_eb"]
    kept = whole[(whole["quantizer"] != "sign") | (whole["checkpoint"] == "last")]
    pd.testing.assert_frame_equal(
        found[same].reset_index(drop=True), kept[same].reset_index(drop=True)
    )


def test_agreement_is_of_those_that_have_r_q(both):
    whole, found = (results.tables["correlation"] for results in both[:2])
    assert set(whole["quantizers"]) == {4}
    assert set(found["quantizers"]) == {3}
    assert found.loc[found["attack"] == "lira_eb", "value"].notna().all()
    for name in ("diagnostics", "trajectory", "indicator"):
        assert set(both[1].tables[name]["quantizer"]) == {
            "full_precision", "ternary_50", "uniform_2"
        }  # fmt: skip


def test_the_page_is_made_of_it(both, tmp_path):
    page = write_page(load(both[2]), tmp_path).read_text()
    assert "last_checkpoint" in page
    assert "the last checkpoint alone was quantized" in page
