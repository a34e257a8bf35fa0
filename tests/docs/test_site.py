"""The built site: every link holds, nothing is fetched from elsewhere, everybody can read it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from tests.end_to_end.browser import faults, opened, started

if TYPE_CHECKING:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LOADED = "document.readyState === 'complete'"
WIDTH = "document.documentElement.scrollWidth"
HERE = ("file:", "blob:", "data:")
ROWS = 8  # of a table, that axe looks into
SEARCHED = "document.querySelectorAll('.md-search-result__item').length > 0"
ABSOLUTE = "404.html"  # which is for servers, and no page that opens from disk
# Those that axe looks into, which takes seconds a page: one of every kind of content, from prose
# with commands to formulas, wide tables, generated lists, docstrings and results.
KINDS = (
    "index.html",
    "tutorial.html",
    "how-to/calibration.html",
    "explanation/method.html",
    "explanation/which-number.html",
    "reference/commands.html",
    "reference/configuration.html",
    "reference/python.html",
    "results/claims.html",
)
# Colours are those of the scheme wherever they are: pages with code, tables, signatures.
DARK = ("tutorial.html", "how-to/own-model.html", "how-to/cluster.html", "reference/python.html")


class Page(HTMLParser):
    """What a page links to and shows, and where it can be linked to."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            if name == "id" and value:
                self.places.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with started() as one:
        yield one


@pytest.fixture(scope="module")
def axe() -> "Axe":
    from axe_playwright_python.sync_playwright import Axe

    return Axe()


def pages(site: Path) -> list[Path]:
    found = [each for each in sorted(site.rglob("*.html")) if each.name != ABSOLUTE]
    assert len(found) > 20
    return found


def test_every_link_within_the_site_holds(site):
    parsed = {path: Page(path.read_text(encoding="utf-8")) for path in pages(site)}
    broken, followed = [], 0
    for path, page in parsed.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            followed += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            places = parsed[target].places if target in parsed else {""}
            place = unquote(parts.fragment)
            if not target.is_file() or (place and place not in places and place != "__skip"):
                broken.append((path.relative_to(site).as_posix(), link))
    assert broken == []
    assert followed > 1000


def test_the_search_works_from_disk(site, browser):
    with opened(browser, site / "index.html", ready=LOADED) as seen:
        asking = seen.page.locator("input.md-search__input")
        asking.click()  # it reads its index when it is wanted
        asking.press_sequentially("winsorise")
        seen.page.wait_for_function(SEARCHED)
        found = seen.page.locator(".md-search-result__link").first
        assert "reference/configuration.html" in str(found.get_attribute("href"))
        assert seen.said == []


def test_every_page_is_read_from_disk_at_any_width(site, browser):
    first, *others = pages(site)
    with opened(browser, first, ready=LOADED) as seen:
        for path in (first, *others):
            if path != first:  # in the same tab, which knows the scripts already
                seen.page.goto(path.as_uri())
                seen.page.wait_for_function(LOADED)
            seen.page.wait_for_timeout(50)  # what is wide is made reachable after loading
            for width in (390, 1400):
                seen.page.set_viewport_size({"width": width, "height": 900})
                assert seen.page.evaluate(WIDTH) <= width, path
            away = [each for each in seen.asked if not each.startswith(HERE)]
            assert (away, seen.said) == ([], []), path


@pytest.mark.parametrize("page", KINDS)
def test_everybody_can_read_a_page(site, browser, axe, page):
    with opened(browser, site / page, ready=LOADED) as seen:
        seen.page.wait_for_timeout(50)
        assert faults(axe, seen.page, ROWS) == []


@pytest.mark.parametrize("page", DARK)
def test_everybody_can_read_a_dark_page(site, browser, axe, page):
    with opened(browser, site / page, scheme="dark", ready=LOADED) as seen:
        assert seen.page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
        seen.page.wait_for_timeout(50)
        assert faults(axe, seen.page, ROWS) == []
