"""The example of `docs/how-to/your-own-training.md`, as a newcomer runs it."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from quantmia.config.recorded import ATTACKS
from tests.docs.blocks import blocks, words
from tests.docs.printed import difference
from tests.end_to_end.command import quantmia

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "your-own-training.md"
EXAMPLE = ROOT / "examples" / "scikit_learn.py"
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
RELEASES = 2 * 3


def run(where: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], cwd=where, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.slow
def test_models_of_scikit_learn_are_audited(tmp_path):
    run(tmp_path)
    run(tmp_path)  # all is there, so that nothing is trained
    done = quantmia(tmp_path, "rank", "outputs/scikit_learn")
    assert done.returncode == 0, done.stderr
    assert "Ship " in done.stdout
    assert "r_Q" not in done.stdout
    assert "nan" not in done.stdout
    folder = tmp_path / "outputs" / "scikit_learn"
    front = pd.read_csv(folder / "front.csv")
    assert len(front) == RELEASES
    full = front[front["quantizer"] == "full_precision"].set_index("epoch")
    assert full["mis_lira_eb"][3] > full["mis_lira_eb"][40]  # longer training gives away more
    assert full["utility"][40] > 0.95
    assert set(pd.read_csv(folder / "attacks.csv")["attack"]) == set(ATTACKS)
    assert quantmia(tmp_path, "report", "outputs/scikit_learn").returncode == 0
    shown = blocks(PAGE.read_text(encoding="utf-8"))
    decision = next(block.text for block in shown if block.text.startswith("Ship "))
    assert difference(f"...\n{decision}\n...", done.stdout, "numbers near") == ""
    gate, verdicts = next(next(each.commands()) for each in shown if "$ quantmia gate" in each.text)
    judged = quantmia(tmp_path, *(words(gate) or []))
    assert judged.returncode == 0, judged.stderr
    assert difference(verdicts, judged.stdout, "numbers near") == ""


def test_the_document_shows_the_lines_of_the_example():
    text = PAGE.read_text()
    shown = text.split("This is all of")[1].split("```python\n")[1].split("```")[0]
    example = EXAMPLE.read_text()
    for line in shown.splitlines():
        assert line.strip() == "..." or line in example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_what_is_the_users_own_is_short(example):
    code = example.read_text().split('"""', 2)[2]
    own = [line for line in code.splitlines() if re.search(r"\b(plan|recorder|quantmia)\b", line)]
    assert 5 <= len(own) <= 15


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_says_how_it_is_run_and_the_document_lists_it(example):
    name, text = example.stem, example.read_text()
    assert f"\n\npython examples/{name}.py\nquantmia rank outputs/{name}\n" in text
    assert f'"outputs/{name}"' in text
    assert f"examples/{name}.py" in PAGE.read_text()
