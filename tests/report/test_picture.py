import numpy as np
import pytest

from quantmia.report.picture import FULL, SHIP, picture
from tests.report import example


def drawn(width: int = 80, **changes) -> list[str]:
    results = example.results(front=True)
    front = results.tables["front"].assign(**changes)
    assert results.decision
    return picture(front, results.decision, width).plain.splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 160, 400])
def test_it_fits_the_terminal_and_names_every_mark(width):
    lines = drawn(width)
    assert max(map(len, lines)) <= min(width, 110)
    marks = "".join(lines[1:16])
    assert marks.count(SHIP) == 1
    assert marks.count(FULL) == 3
    assert [marks.count(letter) for letter in "ab"] == [3, 2]  # and what is shipped
    said = " ".join(lines[-3:])
    for name in (f"{SHIP} ship", f"{FULL} full_precision", "a sign", "b uniform_4"):
        assert name in said


def test_private_is_above_and_useful_is_right():
    lines = drawn(100)
    assert lines[0] == "MIS by lira_eb (1 = no leak) against R², a mark a release"
    rows = [line.partition("│")[2] for line in lines[1:16]]
    at = {
        (row, column): mark
        for row, line in enumerate(rows)
        for column, mark in enumerate(line)
        if mark in (FULL, SHIP)
    }
    ordered = sorted(at)
    assert [column for _, column in ordered] == sorted(column for _, column in ordered)
    assert "0.300" in lines[17]
    assert lines[17].endswith("R² 0.800")


def test_what_is_worse_than_useless_stands_at_the_edge_and_the_unknown_nowhere():
    front = example.releases()
    far = front["utility"].where(front["quantizer"] != "sign", -1000.0)
    lines = drawn(80, utility=far)
    assert "-0.100" in lines[17]
    far.iloc[0] = np.nan
    assert "".join(drawn(80, utility=far)[1:16]).count("a") == 2
