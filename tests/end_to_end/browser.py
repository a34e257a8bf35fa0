"""A real browser, without a network of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser, BrowserContext, Page

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# Rows of a table are alike, and axe-core takes a minute for thousands of them.
SHORTENED = """rows => document.querySelectorAll("tbody").forEach(
  body => [...body.rows].slice(rows).forEach(row => row.remove()))"""
# Style sheets are not read once more, which no page from disk may.
OPTIONS = {"resultTypes": ["violations"], "preload": False}


def chromium() -> str:
    """Path of a Chromium; as root on Debian or Ubuntu it is installed if it is missing."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found:
        return found
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip("there is no Chromium, and it cannot be installed without root and apt-get")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            ["apt-get", "-q", *command], env=environment, capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"Chromium cannot be installed here: {done.stderr[-200:]}")
    return chromium()


@dataclass
class Seen:
    """A page in the browser, and what it did unasked.

    Args:
        page: playwright's.
        said: console messages and errors.
        asked: addresses other than its own file that it requested.
    """

    page: "Page"
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@contextmanager
def started() -> "Iterator[Browser]":
    """A Chromium, for many pages."""
    # Late, because workers that run no test of a page collect these modules, too.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        yield browser
        browser.close()


@cache
def tabs(browser: "Browser", scheme: str) -> "BrowserContext":
    """Of one scheme, which share the scripts that they have compiled."""
    return browser.new_context(color_scheme="dark" if scheme == "dark" else "light")


@contextmanager
def opened(
    browser: "Browser",
    path: Path,
    width: int = 1400,
    scheme: str = "light",
    ready: str = "document.body.dataset.ready === 'true'",
) -> Iterator[Seen]:
    """A file in a tab of its own, once it is ready: of a report, once its charts are drawn."""
    address = path.absolute().as_uri()
    with tabs(browser, scheme).new_page() as page:
        seen = Seen(page)
        page.set_viewport_size({"width": width, "height": 900})
        seen.page.on("console", lambda message: seen.said.append(message.text))
        seen.page.on("pageerror", lambda error: seen.said.append(str(error)))
        seen.page.on("request", lambda request: seen.asked.append(request.url))
        seen.page.goto(address)
        seen.page.wait_for_function(ready)
        seen.asked = [
            each for each in seen.asked if each != address and not each.startswith("data:")
        ]
        yield seen


def faults(axe: "Axe", page: "Page", rows: int) -> list[tuple[str, str]]:
    """What axe-core finds serious or critical, with where it is.

    Args:
        axe: axe-core.
        page: is left with so many rows of each table.
        rows: that is.
    """
    page.evaluate(SHORTENED, rows)
    found = axe.run(page, options=OPTIONS).response["violations"]
    return [
        (each["id"], each["nodes"][0]["html"][:200])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
