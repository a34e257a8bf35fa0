"""Pages as a reader follows them: every command of a page in its order, in an empty folder."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import KINDS, blocks, words, write
from tests.docs.printed import difference
from tests.end_to_end.command import QUANTMIA, quantmia

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
ELSEWHERE = r"^tests/\S+\.py runs it"  # why a page does not
PAGES = [ROOT / "docs" / "tutorial.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
RUN = ("bash", "console")
WORDS = 4  # of a reason, at least


def known(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def environment(tmp_path_factory) -> dict[str, str]:
    """That of a reader who has installed quantmia: both commands are found."""
    programs = tmp_path_factory.mktemp("bin")
    for name, call in (("quantmia", " ".join(QUANTMIA)), ("python", sys.executable)):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {call} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=known)
def test_a_page_does_what_it_says(page, tmp_path, environment):
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.name:
            write(block, tmp_path)
        if block.how == "not run" or block.kind not in RUN:
            continue
        for command, shown in block.commands():
            arguments = words(command)
            if arguments is None:
                done = subprocess.run(
                    ["bash", "-c", command], cwd=tmp_path, env=environment,
                    capture_output=True, text=True, timeout=300, check=False,
                )  # fmt: skip
            else:
                done = quantmia(tmp_path, *arguments)
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            if shown:
                assert difference(shown, done.stdout, block.how) == "", command


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=known)
def test_blocks_say_what_they_are(page):
    for block in blocks(page.read_text(encoding="utf-8")):
        assert block.kind in KINDS, block.text
        if block.kind != "console":
            assert block.how in ("", "not run"), f"nothing is compared: {block.text}"


@pytest.mark.parametrize("page", [README, *PAGES], ids=known)
def test_what_is_not_run_has_a_reason(page):
    text = page.read_text(encoding="utf-8")
    for block in blocks(text):
        assert block.how == "" or len(block.why.split()) >= WORDS
        for word in block.why.split():
            if word.startswith("tests/"):
                assert (ROOT / word.rstrip(",.;")).is_file()
    fences = re.findall(r"^\s*```(?!`)", text, re.MULTILINE)  # a longer one is of a text to copy
    assert len(fences) == 2 * len(blocks(text)), "a block that is not found is not run"


def test_the_readme_shows_what_pages_run():
    run = [
        block.text
        for page in PAGES
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.kind in RUN and (block.how != "not run" or re.search(ELSEWHERE, block.why))
    ]
    install, *shown = blocks(README.read_text(encoding="utf-8"))
    assert install.text == "pip install .\n"
    assert len(shown) == 3
    for block in shown:
        assert any(block.text in each for each in run), block.text


def test_the_readme_is_a_doorstep():
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
