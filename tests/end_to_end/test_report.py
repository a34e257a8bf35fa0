"""The report as people meet it: by the command line, in a browser, in a notebook."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import quantmia as package
from tests.end_to_end.browser import Seen, faults, opened, started
from tests.end_to_end.command import SMALL, quantmia

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MOLECULES = [
    "dataset=csv",
    f"dataset.path={ROOT / 'examples' / 'molecules.csv'}",
    "dataset.smiles=SMILES",
    "dataset.target=pIC50",
    "embedder=ecfp",
    "training.epochs=12",
    "runs=8",
    "ranking.bootstrap=100",
    "ranking.halves=20",
    "release.checkpoints=[best,2,last]",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with the page of a run, the page that names samples, and one that compares."""
    where = tmp_path_factory.mktemp("report")
    for command in (
        ["run", *SMALL, "hydra.run.dir=mixture", "report=true"],
        ["run", *MOLECULES, "hydra.run.dir=molecules", "report.expose_samples=true"],
        ["report", "mixture", "molecules", "--output", "both"],
    ):
        done = quantmia(where, *command)
        assert done.returncode == 0, done.stderr
        assert re.search(r"report(-with-samples)?\.html", done.stderr)
    return where


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with started() as one:
        yield one


@pytest.fixture(scope="module")
def axe():
    from axe_playwright_python.sync_playwright import Axe

    return Axe()


ROWS = 20  # of a table, that axe looks into: all of a ranking, with what is behind each
PAGES = ["mixture/report", "molecules/report-with-samples", "both/report"]


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (390, "light")])
@pytest.mark.parametrize("folder", PAGES)
def test_a_page_opens_from_disk_by_itself_and_is_accessible(
    home, browser, axe, folder, width, scheme
):
    with opened(browser, home / f"{folder}.html", width, scheme) as seen:
        assert seen.said == []
        assert seen.asked == []
        charts = seen.page.locator(".chart svg.marks")
        assert charts.count() >= 2
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        if width == 1400:
            for details in seen.page.locator("details").all():
                details.evaluate("each => each.open = true")
            assert faults(axe, seen.page, ROWS) == []
    assert (home / f"{folder}.html").stat().st_size < 3_000_000


@pytest.fixture(scope="module")
def mixture(home, browser) -> Iterator[Seen]:
    """The page of a run, for those who only look."""
    with opened(browser, home / "mixture" / "report.html") as seen:
        yield seen


@pytest.fixture(scope="module")
def molecules(home, browser) -> Iterator[Seen]:
    with opened(browser, home / "molecules" / "report.html") as seen:
        yield seen


def test_hovering_tells_the_numbers(home, mixture):
    front = pd.read_csv(home / "mixture" / "front.csv")
    mixture.page.locator("#front .mark-symbol path").nth(2).hover(force=True)
    tip = mixture.page.locator("#vg-tooltip-element")
    tip.wait_for(state="visible")
    text = tip.inner_text()
    found = front[[row["quantizer"] in text for _, row in front.iterrows()]]
    for measure, column in (("AUC", "auc_lira_eb"), ("MIS", "mis_lira_eb")):
        shown = re.findall(rf"{measure}\s+([\d.]+) \[([\d.]+), ([\d.]+)\]", text)[0]
        rows = found[[f"{column}{end}" for end in ("", "_low", "_high")]].to_numpy()
        close = np.isclose(rows, [float(each) for each in shown], atol=0.051)
        found = found[np.asarray(close).all(axis=1).tolist()]
    assert len(found)
    for word in ("accuracy", "MIS at most", "gain over stopping earlier"):
        assert word in text


def test_a_row_opens_what_lies_behind_it_and_takes_it_along(home, browser):
    front = pd.read_csv(home / "mixture" / "front.csv")
    attacks = pd.read_csv(home / "mixture" / "attacks.csv")
    with opened(browser, home / "mixture" / "report.html") as seen:
        page = seen.page
        button = page.locator("#ranking tr.row .opens").first
        name = button.inner_text()
        behind = page.locator("#ranking tr.behind").first
        assert not behind.is_visible()
        button.focus()
        page.keyboard.press("Enter")
        assert behind.is_visible()
        assert button.get_attribute("aria-expanded") == "true"
        tables = behind.locator("table")
        mine = front[front["quantizer"] == name]
        assert tables.nth(1).locator("tbody tr").count() == len(mine)
        checkpoints = tables.nth(1).locator("tbody td:nth-child(2)").all_inner_texts()
        assert checkpoints == list(mine["checkpoint"].astype(str))
        names = tables.nth(0).locator("tbody th").all_inner_texts()
        assert names == list(attacks[attacks["quantizer"] == name]["attack"])
        for _ in range(2):
            page.locator("#ranking > thead button").nth(1).click()
            order = page.locator("#ranking > tbody > tr").evaluate_all(
                "rows => rows.map(row => row.id || row.querySelector('.opens')"
                ".getAttribute('aria-controls'))"
            )
            assert order[::2] == order[1::2]
        assert behind.is_visible()
        assert seen.said == []


def test_error_bars_and_a_single_quantizer_are_shown_on_demand(home, browser):
    with opened(browser, home / "mixture" / "report.html") as seen:
        page = seen.page
        bars = page.locator("#front .mark-rule.role-mark line")
        front = pd.read_csv(home / "mixture" / "front.csv")
        assert bars.count() == 2 * len(front)
        assert bars.first.get_attribute("opacity") == "0"
        page.get_by_role("checkbox", name="error bars").check()
        page.wait_for_function(
            "() => document.querySelector('#front .mark-rule.role-mark line')"
            ".getAttribute('opacity') === '0.5'"
        )
        page.locator("#front .role-legend-symbol path").first.click(force=True)
        page.wait_for_function(
            "() => [...document.querySelectorAll('#front .mark-line path')]"
            ".some(each => each.getAttribute('opacity') === '0.12')"
        )
        assert seen.said == []


def test_columns_sort_up_and_down_by_mouse_and_keyboard(home, browser):
    with opened(browser, home / "mixture" / "report.html") as seen:
        head = seen.page.locator("#ranking thead th").nth(1)
        assert "bits" in head.inner_text()

        def bits() -> list[float]:
            cells = seen.page.locator("#ranking tbody tr.row > td:nth-child(2)").all()
            return [float(cell.get_attribute("data-value") or "nan") for cell in cells]

        shown = bits()
        head.locator("button").click()
        assert bits() == sorted(shown, reverse=True)
        assert head.get_attribute("aria-sort") == "descending"
        head.locator("button").focus()
        seen.page.keyboard.press("Enter")
        assert bits() == sorted(shown)
        assert head.get_attribute("aria-sort") == "ascending"


def test_an_attack_can_be_chosen_and_taken_away(home, browser):
    with opened(browser, home / "mixture" / "report.html") as seen:
        page = seen.page
        before = page.locator("#front .mark-symbol path").first.get_attribute("transform")
        page.locator("#front select").select_option("loss_threshold")
        page.wait_for_function(
            "before => document.querySelector('#front .mark-symbol path')"
            ".getAttribute('transform') !== before",
            arg=before,
        )
        lines = page.locator("#roc .mark-line path")
        count = lines.count()
        page.get_by_role("checkbox", name="loss_threshold").uncheck()
        page.wait_for_function(
            "count => document.querySelectorAll('#roc .mark-line path').length < count", arg=count
        )
        assert seen.said == []


def numbers_of(page, table: str) -> pd.DataFrame:
    """A table of the page with the numbers behind its cells."""
    heads = page.locator(f"#{table} > thead th").all_inner_texts()
    values = page.locator(f"#{table} > tbody > tr.row").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(each => each.dataset.value))"
    )
    return pd.DataFrame(values, columns=heads)


@pytest.mark.parametrize(("folder", "metric"), [("mixture", "accuracy"), ("molecules", "R²")])
def test_every_number_of_the_ranking_is_that_of_the_table(home, request, folder, metric):
    ranking = pd.read_csv(home / folder / "ranking.csv")
    page = request.getfixturevalue(folder).page
    shown = numbers_of(page, "ranking")
    texts = page.locator("#ranking tbody tr.row").all_inner_texts()
    bars = page.locator("#ranking .bar").count()
    assert list(shown["quantizer"]) == list(ranking["quantizer"])
    of = {"bits": "bits", "r_Q": "r_q", "rank by r_Q": "rank", metric: "utility"}
    of["median of r"] = "r_q_median"
    of["AUC lira_eb"] = "auc_lira_eb"
    of |= {
        "MIS at most" if column == "mis_upper" else f"MIS {column.removeprefix('mis_')}": column
        for column in map(str, ranking)
        if column.startswith("mis_") and not column.endswith(("_low", "_high"))
    }
    assert set(of) | {"quantizer"} == set(shown) - {"flags"}
    for head, column in of.items():
        assert np.array_equal(shown[head].astype(float), ranking[column], equal_nan=True), head
    attacks = [each for each in map(str, ranking) if re.fullmatch("mis_.*_low", each)]
    assert bars == (1 + len(attacks)) * len(ranking)  # of the AUC that orders, and of every MIS
    # What is shown is the number, rounded to what its interval allows.
    for text, row in zip(texts, ranking.to_dict("records"), strict=True):
        value, low, high = re.findall(r"(-?[\d.]+)\s*\[(-?[\d.]+), (-?[\d.]+)\]", text)[0]
        places = len(value.partition(".")[2])
        mine = [row[f"auc_lira_eb{end}"] for end in ("", "_low", "_high")]
        assert [value, low, high] == [f"{each:.{places}f}" for each in mine]


def test_every_other_number_is_that_of_its_table(home, mixture):
    tables = {path.stem: pd.read_csv(path) for path in (home / "mixture").glob("*.csv")}
    for details in mixture.page.locator("details").all():
        details.evaluate("each => each.open = true")
    shown = {
        name: numbers_of(mixture.page, name)
        for name in (
            "utility",
            "t-front",
            "t-pairs",
            "t-roc",
            "t-trajectory",
            "t-grid",
            "t-agreement",
        )
    }
    specs = json.loads(mixture.page.locator("#specs").text_content() or "")
    means = tables["utility"].pivot_table(index="quantizer", columns="metric", values="value")
    utility = shown["utility"].set_index("quantizer").astype(float)
    assert np.allclose(utility, means.loc[utility.index, utility.columns], rtol=1e-12)
    assert np.array_equal(shown["t-pairs"]["P"].astype(float), tables["pairs"]["p_auc_lira_eb"])
    roc = tables["roc"][tables["roc"]["fpr"].round(6).isin([0.001, 0.01, 0.1])]
    assert np.array_equal(shown["t-roc"]["tpr"].astype(float), roc["tpr"])
    assert np.array_equal(
        shown["t-agreement"]["value"].astype(float), tables["correlation"]["value"], equal_nan=True
    )
    lowest = tables["trajectory"].groupby("quantizer")["loss"].min()
    trajectory = shown["t-trajectory"].set_index("quantizer").iloc[:, 1].astype(float)
    assert np.array_equal(trajectory, lowest[trajectory.index])
    last = tables["diagnostics"].set_index("quantizer")["best_is_last"]
    grid = shown["t-grid"].set_index("quantizer")["best_is_last"].astype(float)
    assert np.array_equal(grid, last[grid.index])
    # What is drawn, too.
    drawn = pd.DataFrame(next(iter(specs["front"]["datasets"].values())))
    front = tables["front"]
    assert len(shown["t-front"]) == len(front)
    assert np.allclose(shown["t-front"]["accuracy"].astype(float), front["utility"], rtol=1e-12)
    for attack, rows in drawn.groupby("attack"):
        assert len(rows) == len(front)
        for key in ("auc", "mis"):
            assert np.allclose(rows[key], front[f"{key}_{attack}"], rtol=1e-12)
    curve = pd.DataFrame(next(iter(specs["roc"]["datasets"].values())))
    assert set(curve["tpr"]) <= set(tables["roc"]["tpr"].round(6))


def test_downloads_are_the_tables(home, mixture):
    links = mixture.page.locator(".downloads a").all()
    assert {link.inner_text() for link in links} == {
        path.name for path in (home / "mixture").glob("*.csv")
    }
    with mixture.page.expect_download() as download:
        mixture.page.get_by_text("ranking.csv", exact=True).click()
    content = Path(download.value.path()).read_bytes()
    assert content == (home / "mixture" / "ranking.csv").read_bytes()


def test_samples_are_named_only_on_demand(home):
    table = pd.read_csv(ROOT / "examples" / "molecules.csv")
    page = (home / "molecules" / "report-with-samples.html").read_text(encoding="utf-8")
    named = re.findall(r'class="name">([^<]+)<', page)
    assert 0 < len(named) <= 20
    assert set(named) <= set(table["SMILES"])
    assert page.count("<svg") >= len(named)  # drawn
    assert f"This page names {len(named)} training samples" in page
    assert re.search(r"\d+ samples are found beyond chance under \w+ at a false discovery", page)
    silent = (home / "molecules" / "report.html").read_text(encoding="utf-8")
    assert not any(smiles in silent for smiles in named)


def test_the_same_folder_gives_the_same_bits(home):
    done = quantmia(home, "report", "mixture", "--output", "again", cold=True)
    assert done.returncode == 0, done.stderr
    for path in sorted((home / "again").rglob("*.*")):
        there = home / "mixture" / path.relative_to(home / "again")
        if path.suffix != ".html":  # which links to its tables
            assert path.read_bytes() == there.read_bytes(), path
    figures = {path.name for path in (home / "again" / "figures").iterdir()}
    assert {"front.svg", "front.pdf", "roc.svg", "pairs.pdf", "trajectory.svg"} <= figures


def test_the_comparison_holds_the_numbers_of_both(home, browser):
    with opened(browser, home / "both" / "report.html") as seen:
        seen.page.locator("details").first.evaluate("each => each.open = true")
        shown = numbers_of(seen.page, "t-privacy").set_index("quantizer")
        links = [link.get_attribute("href") for link in seen.page.locator("h3 a").all()]
    for folder in ("mixture", "molecules"):
        ranking = pd.read_csv(home / folder / "ranking.csv").set_index("quantizer")
        mine = ranking.loc[shown.index, "auc_lira_eb"]
        assert np.array_equal(shown[folder].astype(float), mine)
    assert links == ["../mixture/report.html", "../molecules/report.html"]


def test_a_large_page_stays_small_and_opens_at_once(home, browser, tmp_path):
    """1,000 runs and 20 quantizers, with the tables of a small experiment repeated."""
    folder = tmp_path / "large"
    folder.mkdir()
    for path in [*(home / "mixture").glob("*.csv"), *(home / "mixture").glob("*.json")]:
        shutil.copy(path, folder)
    names = list(pd.read_csv(folder / "ranking.csv")["quantizer"])
    more = {name: [name, *(f"{name}_{n}" for n in range(2, 4))] for name in names}
    kept = [each for name in names for each in more[name]][:20]
    for path in folder.glob("*.csv"):
        table = pd.read_csv(path)
        if "quantizer" in table and "other" not in table:
            table["quantizer"] = table["quantizer"].map(more)
            table = table.explode("quantizer")
            table = table[table["quantizer"].isin(kept)]
        if path.stem == "pairs":
            first = table.to_dict("records")[0]
            pairs = [(a, b) for i, a in enumerate(kept) for b in kept[i + 1 :]]
            table = pd.DataFrame([first | {"quantizer": a, "other": b} for a, b in pairs])
        if "run" in table:
            parts = [table.assign(run=table["run"] + 8 * n) for n in range(125)]
            table = pd.concat(parts, ignore_index=True)
        table.to_csv(path, index=False)
    assert len(pd.read_csv(folder / "utility.csv")) >= 1000 * 20
    done = quantmia(tmp_path, "report", "large")
    assert done.returncode == 0, done.stderr
    assert (folder / "report.html").stat().st_size < 3_000_000
    with opened(browser, folder / "report.html") as seen:
        assert seen.said == []
        taken = seen.page.evaluate("performance.getEntriesByName('drawn')[0].startTime")
    print(f"\nopened and drawn in {taken / 1000:.2f} s")


def test_a_sweep_with_reports_ends_in_a_comparison(tmp_path):
    done = quantmia(
        tmp_path, "run", "-m", *SMALL, "dataset.sigma=1,4", "runs=4", "report=true",
        "attack=[loss_threshold]", "quantizer=[full_precision,sign]", "hydra.sweep.dir=sweep",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "sweep" / "report.html").read_text(encoding="utf-8")
    assert "dataset.sigma=1" in page
    assert "dataset.sigma=4" in page
    assert len(list((tmp_path / "sweep").glob("*/report.html"))) == 2
    before = (tmp_path / "sweep" / "report.html").read_bytes()
    done = quantmia(tmp_path, "report", "sweep")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sweep" / "report.html").read_bytes() == before


def test_a_half_finished_folder_says_how_to_finish_it(home, tmp_path):
    folder = tmp_path / "half"
    shutil.copytree(home / "mixture", folder)
    for path in folder.glob("*.csv"):
        path.unlink()
    for number in range(5, 8):
        (folder / "scores" / f"run-{number:04d}.safetensors").unlink()
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"state": "running"}))
    done = quantmia(tmp_path, "report", "half")
    assert done.returncode == 2
    assert "not finished: 5 of 8 runs" in done.stderr
    assert "resume=true" in done.stderr


def test_the_notebook_runs(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(ROOT / "examples" / "report.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    (trained,) = (cell for cell in notebook.cells if "training.epochs=40" in cell["source"])
    shorter = "training.epochs=10 ranking.bootstrap=50 ranking.halves=10"
    trained["source"] = trained["source"].replace("training.epochs=40", shorter)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = [
        output["data"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "data" in output
    ]
    assert any("text/html" in data for data in shown)  # frames
    assert sum("vegaEmbed" in data.get("text/html", "") for data in shown) == 2  # charts


def test_the_python_interface(home):
    found = package.load(home / "mixture")
    assert list(found.ranking["quantizer"]) == list(
        pd.read_csv(home / "mixture" / "ranking.csv")["quantizer"]
    )
    assert found.trusted == "lira_eb"
    assert found.key.column == "auc_lira_eb"
    assert found.name == "synthetic"
    assert set(found.figures) == {"front", "agreement", "pairs", "roc", "trajectory", "grid"}
    assert str(found.command).startswith("quantmia run +experiment=synthetic")
    assert found.figures["front"].to_dict()["$schema"]
