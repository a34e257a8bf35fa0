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


def test_it_asks_nothing_of_anybody(text):
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", shown(text))
    assert "url(" not in shown(text)
    assert "@import" not in shown(text)


def test_it_says_the_answer_what_to_know_and_where_it_comes_from(text):
    for part in (
        "sign leaks least (MIS by lira_shrunk",
        "Measured by the attack lira_shrunk on 8 runs; every two neighbours in",
        "A limit.", "what to do", "90%", "quantmia run runs=8", "3 missing target", "0" * 64,
    ):  # fmt: skip
        assert part in text


def test_the_second_sentence_says_what_cannot_be_told_apart(tmp_path):
    folder = write(tmp_path / "unsure", names=tuple("abcdefg"))
    table = pd.read_csv(folder / "pairs.csv")
    key = "p_mis_lira_shrunk"

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
