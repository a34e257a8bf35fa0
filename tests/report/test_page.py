import json
import re

import pandas as pd
import pytest

from quantmia.files import write_json
from quantmia.ranking.words import headline
from quantmia.report import page
from quantmia.report.exposed import Exposed, Exposures, draw
from quantmia.report.load import load
from tests.report.example import write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("page") / "done")


@pytest.fixture(scope="module")
def text(folder) -> str:
    return page.render(load(folder), folder)


def shown(text: str) -> str:
    """The page without its scripts."""
    return re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


def ranking_of(text: str) -> tuple[list[str], list[list[tuple[str, str]]]]:
    """The heads of the ranking, and the number behind every cell with what is drawn in it."""
    table = text[text.index('id="ranking"') :]
    table = re.sub(r'<tr class="behind".*?\n</td></tr>\n', "", table, flags=re.DOTALL)
    head, _, body = table[: table.index("</table>")].partition("</thead>")
    cell = r'<t[hd][^>]*data-value="([^"]*)"[^>]*>(.*?)</t[hd]>'
    rows = [re.findall(cell, row, re.DOTALL) for row in body.split('<tr class="row">')[1:]]
    return re.findall(r'<button type="button">([^<]+)</button>', head), rows


def test_it_asks_nothing_of_anybody(text):
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", shown(text))
    assert "url(" not in shown(text)
    assert "@import" not in shown(text)


def test_it_says_the_answer_what_to_know_and_where_it_comes_from(text):
    for part in (
        "sign leaks least (AUC of lira_eb", ", MIS at most ",
        "Measured by the attack lira_eb on 8 runs; every two neighbours in",
        "A limit.", "what to do", "90%", "quantmia run runs=8", "3 missing target", "0" * 64,
    ):  # fmt: skip
        assert part in text


def test_the_auc_that_orders_stands_before_every_mis_and_has_its_bar(folder, text):
    heads, rows = ranking_of(text)
    assert heads[:6] == [
        "quantizer", "bits", "AUC lira_eb", "MIS lira_eb", "MIS loss_threshold", "MIS at most"
    ]  # fmt: skip
    table = pd.read_csv(folder / "ranking.csv")
    assert len(rows) == len(table)
    columns = ("auc_lira_eb", "mis_lira_eb", "mis_loss_threshold")
    for cells, row in zip(rows, table.to_dict("records"), strict=True):
        for (number, drawn), column in zip(cells[2:5], columns, strict=True):
            value, low, high = (row[f"{column}{end}"] for end in ("", "_low", "_high"))
            assert float(number) == value
            begins, wide = round(100 * low, 2), round(100 * (high - low), 2)
            assert f'class="range" x="{begins}" width="{wide}"' in drawn
            assert f'class="mark" x="{round(100 * value - 0.5, 2)}"' in drawn
        assert float(cells[5][0]) == row["mis_upper"]
        assert "<svg" not in cells[5][1]


def test_it_says_what_the_order_is_and_when_two_are_told_apart(text):
    assert "The order is that of the AUC of lira_eb: 0.5 = the attack does no better" in text
    assert "by AUC of lira_eb: from 0.95 on, and from 0.05 down, the two are told apart" in text


def test_a_page_of_an_older_version_goes_by_mis(tmp_path):
    old = write(tmp_path / "old", old=True)
    text = page.render(load(old), old)
    assert "sign leaks least (MIS by lira_eb" in text
    assert "The order is that of the AUC" not in text
    heads, rows = ranking_of(text)
    assert heads[2:5] == ["MIS lira_eb", "MIS loss_threshold", "MIS at most"]
    shown = [float(cells[2][0]) for cells in rows]
    assert shown == pd.read_csv(old / "ranking.csv")["mis_lira_eb"].tolist()


def test_the_second_sentence_says_what_cannot_be_told_apart(tmp_path):
    folder = write(tmp_path / "unsure", names=tuple("abcdefg"))
    table = pd.read_csv(folder / "pairs.csv")
    key = "p_auc_lira_eb"

    def said(chosen: pd.Series) -> str:
        table.assign(**{key: table[key].where(~chosen, 0.6)}).to_csv(
            folder / "pairs.csv", index=False
        )
        return headline(load(folder).conclusion)[1]

    first, other = table["quantizer"], table["other"]
    assert said((first == "a") & (other == "b")).endswith("it cannot be told apart from b.")
    assert said((first == "c") & (other == "d")).endswith("cannot be told apart: c / d.")
    assert said((first == "c") & (other == "e")).endswith(
        "neighbours in the ranking are told apart."
    )
    everything = said(first == first)
    assert "cannot be told apart from 6 others" in everything
    assert everything.endswith("neighbours that cannot be told apart: 5 pairs.")


def test_what_comes_from_outside_is_escaped(tmp_path):
    folder = write(tmp_path / "hostile", names=("<script>alert(1)</script>", "a&b", "c"))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["dataset"]["name"] = "<img src=x onerror=alert(2)>"
    write_json(folder / "manifest.json", manifest)
    text = page.render(load(folder), folder)
    assert "<script>alert" not in text
    assert "<img" not in shown(text)


def test_a_large_table_stays_a_file(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "LARGEST_DOWNLOAD", 500)
    text = page.render(load(folder), tmp_path)
    links = re.findall(r'<a download="(\w+\.csv)" href="([^"]*)"', text)
    for name, href in links:
        small = (folder / name).stat().st_size <= 500
        assert href.startswith("data:text/csv") == small
        assert small or (tmp_path / href).resolve() == folder / name
    assert {name for name, _ in links} == {path.name for path in folder.glob("*.csv")}


def test_samples_are_named_when_they_may_be(folder):
    named = (
        Exposed("CHEMBL1", "c1ccccc1O", {"sign": 2.34}),
        Exposed("row <7>", None, {"sign": 1}),
    )
    text = page.render(load(folder), folder, Exposures(named, 31, 0.05, 20, "sign"))
    assert "This page names 2 training samples" in text
    assert "as sensitive as they are" in text
    assert (
        "31 samples are found beyond chance under sign at a false discovery rate of 5%, from 20 "
        "runs; the 2 most exposed are named." in text
    )
    assert "CHEMBL1" in text
    assert "row &lt;7&gt;" in text
    assert "<b>2.3</b>" in text
    assert "as sensitive" not in page.render(load(folder), folder)


def test_a_page_that_finds_nobody_says_so_and_names_nobody(folder):
    text = page.render(load(folder), folder, Exposures((), 0, 0.05, 8, "sign"))
    assert "No sample is found beyond chance under sign at a false discovery rate of 5%" in text
    assert "This page names" not in text
    assert "as sensitive" not in text


def test_a_structure_that_cannot_be_read_is_not_drawn():
    assert "<svg" in str(draw("CCO"))
    assert draw("not a molecule") is None


def test_a_page_without_attacks_and_of_one_quantizer(tmp_path):
    bare = write(tmp_path / "bare", attacked=False)
    text = page.render(load(bare), bare)
    assert "Measured by r_Q" in text
    assert "MIS" not in shown(text)
    assert "AUC" not in shown(text)
    single = write(tmp_path / "single", names=("sign",))
    for path in single.glob("*.csv"):  # as pandas writes a table without rows or columns
        if path.stem == "pairs":
            path.write_text("\n")
    assert "sign leaks least" in page.render(load(single), single)


def test_a_page_whose_runs_are_gone(folder, tmp_path):
    alone = write(tmp_path / "alone")
    (alone / "manifest.json").unlink()
    text = page.render(load(alone), alone)
    assert "alone" in text
    assert "SHA-256" not in text
    assert pd.read_csv(alone / "ranking.csv")["quantizer"][0] in text
