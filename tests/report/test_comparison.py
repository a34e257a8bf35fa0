import pandas as pd
import pytest
from scipy.stats import spearmanr

from quantmia.errors import QuantmiaError
from quantmia.report.comparison import compare, render
from quantmia.report.load import Report, load
from tests.report.example import write

pytestmark = pytest.mark.slow

NAMES = ("a", "b", "c", "d")


@pytest.fixture
def reports(tmp_path) -> dict[str, Report]:
    return {
        "one": load(write(tmp_path / "one", names=NAMES, seed=1)),
        "two": load(write(tmp_path / "two", names=NAMES[::-1], seed=2)),
        "three": load(write(tmp_path / "three", names=("a", "c", "x"), seed=3)),
    }


def test_agreement_is_spearman_of_the_shared_quantizers(reports):
    found = compare(reports).agreement.set_index(["folder", "other"])
    auc = {
        name: report.ranking.set_index("quantizer")["auc_lira_eb"]
        for name, report in reports.items()
    }
    expected = spearmanr(auc["one"][list(NAMES)], auc["two"][list(NAMES)]).statistic
    assert found.loc[("one", "two"), "spearman"] == pytest.approx(expected)
    assert found.loc[("two", "one"), "spearman"] == pytest.approx(expected)
    assert found.loc[("one", "three"), "quantizers"] == 2  # too few to say
    assert found["spearman"].isna().sum() == 4


def test_the_most_private_on_average_comes_first(reports):
    found = compare(reports)
    assert found.attack == "lira_eb"
    order = list(dict.fromkeys(found.auc["quantizer"]))
    means = found.auc.groupby("quantizer")["auc"].mean()
    assert order == list(means.sort_values().index)


def test_its_numbers_are_the_auc_of_every_ranking(reports):
    found = compare(reports).auc.set_index(["folder", "quantizer"])
    for name, report in reports.items():
        mine = report.ranking.set_index("quantizer")
        for end in ("", "_low", "_high"):
            assert found.loc[name][f"auc{end}"].to_dict() == mine[f"auc_lira_eb{end}"].to_dict()


def test_a_ranking_of_an_older_version_is_compared_by_its_auc_too(reports, tmp_path):
    old = load(write(tmp_path / "old", names=NAMES, seed=4, old=True))
    found = compare(reports | {"old": old}).auc
    mine = old.attacks[old.attacks["attack"] == "lira_eb"].set_index("quantizer")["auc"]
    assert found[found["folder"] == "old"].set_index("quantizer")["auc"].to_dict() == mine.to_dict()


def test_darker_is_less_private_from_guessing_to_knowing(reports):
    drawn = compare(reports).figures["privacy"].to_dict()
    colour = drawn["layer"][0]["encoding"]["color"]
    assert colour["title"] == "AUC"
    assert colour["scale"] == {"scheme": "viridis", "domain": [0.5, 1], "reverse": True}
    rows = pd.DataFrame(next(iter(drawn["datasets"].values())))
    assert rows["p"].tolist() == compare(reports).auc["auc"].tolist()


def test_the_page_holds_the_auc_of_the_most_private(reports, tmp_path):
    text = render(compare(reports), tmp_path)
    assert "AUC of lira_eb: 0.5 = the attack does no better than guessing" in text
    summary = text[text.index('id="summary"') :]
    summary = summary[: summary.index("</table>")]
    assert '<button type="button">AUC there</button>' in summary
    for name, least in (("one", "a"), ("two", "d"), ("three", "a")):
        row = summary[summary.index(f'data-value="{name}"') :]
        row = row[: row.index("</tr>")]
        auc = reports[name].ranking["auc_lira_eb"].min()
        assert f'data-value="{least}"' in row
        assert f'data-value="{auc}"' in row


def test_the_page_says_where_they_differ(reports: dict[str, Report], tmp_path):
    text = render(compare(reports), tmp_path)
    assert "depends on the ranking: " in text
    assert "a in 2" in text
    assert "d in 1" in text
    same: dict[str, Report] = {"left": reports["one"], "right": reports["one"]}
    text = render(compare(same), tmp_path)
    assert "a leaks least in both rankings." in text
    assert "Spearman of two rankings is 1.00." in text


def test_rankings_without_a_common_attack_are_refused(reports, tmp_path):
    bare = load(write(tmp_path / "bare", attacked=False))
    with pytest.raises(
        QuantmiaError, match=r"no attack in common .* resume=true 'attack=\[lira_eb\]'"
    ):
        compare(reports | {"bare": bare})


def test_a_quantizer_that_a_folder_lacks_has_an_empty_cell(reports, tmp_path):
    text = render(compare(reports), tmp_path)
    row = text[text.index('data-value="x"') :]
    row = row[: row.index("</tr>")]
    assert row.count('data-value="nan"') == 2
