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
    mis = {
        name: report.ranking.set_index("quantizer")["mis_lira_shrunk"]
        for name, report in reports.items()
    }
    expected = spearmanr(mis["one"][list(NAMES)], mis["two"][list(NAMES)]).statistic
    assert found.loc[("one", "two"), "spearman"] == pytest.approx(expected)
    assert found.loc[("two", "one"), "spearman"] == pytest.approx(expected)
    assert found.loc[("one", "three"), "quantizers"] == 2  # too few to say
    assert found["spearman"].isna().sum() == 4


def test_the_most_private_on_average_comes_first(reports):
    found = compare(reports)
    order = list(dict.fromkeys(found.mis["quantizer"]))
    means = found.mis.groupby("quantizer")["mis"].mean()
    assert order == list(means.sort_values(ascending=False).index)


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
    with pytest.raises(QuantmiaError, match=r"no attack in common .* resume=true"):
        compare(reports | {"bare": bare})


def test_a_quantizer_that_a_folder_lacks_has_an_empty_cell(reports, tmp_path):
    text = render(compare(reports), tmp_path)
    row = text[text.index('data-value="x"') :]
    row = row[: row.index("</tr>")]
    assert row.count('data-value="nan"') == 2
