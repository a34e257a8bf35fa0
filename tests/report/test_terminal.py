from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from quantmia.ranking.verdict import Caution
from quantmia.report import terminal
from tests.report import example
from tests.report.test_tables import NAMES, results


@pytest.fixture
def printed(monkeypatch):
    """What a call prints in a terminal so wide."""

    def of(width: int, call: Callable[..., None], *given: object) -> str:
        console = Console(force_terminal=True, color_system=None, width=width)
        monkeypatch.setattr(terminal, "Console", lambda: console)
        with console.capture() as captured:
            call(*given)
        return captured.get()

    return of


@pytest.mark.parametrize("width", [80, 100, 130, 200])
def test_no_cell_is_cut_in_a_narrow_terminal(width, printed, tmp_path):
    out = printed(width, terminal.show, results(), tmp_path)
    assert max(map(len, out.splitlines()[:7])) <= width
    for word in ("ternary_90", "AUC lira_eb", "accuracy", "before_minimum"):
        assert word in out
    assert out.count("│ 0.750 [0.700, 0.800] │") == len(NAMES)  # on one line each
    assert ("MIS lira_eb" in out) == (width >= 100)
    assert ("MIS lira " in out) == (width == 200)
    assert "a limit" in out


@pytest.mark.parametrize("width", [80, 100, 130, 200])
def test_the_mis_that_orders_an_older_table_is_never_left_out(width, printed, tmp_path):
    out = printed(width, terminal.show, results(old=True), tmp_path)
    assert max(map(len, out.splitlines()[:7])) <= width
    for word in ("ternary_90", "MIS lira_eb", "accuracy", "before_minimum"):
        assert word in out
    assert "│ 0.500 [0.400, 0.600] │" in out
    assert "AUC" not in out


@pytest.mark.parametrize("old", [False, True])
def test_a_summary_has_what_orders_and_the_bound_of_all_attacks(old, printed):
    found = results(old)
    found.ranking["mis_upper"] = [0.55, np.nan]
    out = printed(120, terminal.summary, found, "Of a group")
    assert out.startswith("Of a group")
    assert ("AUC lira_eb" in out) == (not old)
    assert ("MIS lira_eb" in out) == old
    assert out.count("0.500 [0.400, 0.600]" if old else "0.750 [0.700, 0.800]") == 2
    assert "MIS at most" in out
    assert out.count("0.550") == 1
    assert "nan" not in out
    del found.ranking["mis_upper"]
    assert "MIS at most" not in printed(120, terminal.summary, found, "Of a group")


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_decision_the_bound_and_the_utility_are_there_at_every_width(width, printed, tmp_path):
    found = example.results(front=True)
    out = printed(width, terminal.show, found, tmp_path)
    assert max(map(len, out.splitlines())) <= max(width, len(f"Files: {tmp_path}"))
    said = " ".join(out.split())
    for sentence in found.advice:
        assert sentence in said
    assert found.answer in said
    assert out.count("MIS at most") >= 2
    assert out.count("R²") >= 4
    assert "The best release of each quantizer with R² at most 5 % below the best" in said
    assert "No release has R² at most 5 % below the best: sign" in said


def test_r_q_and_what_is_to_be_known_of_it_take_one_line_unless_asked_for(printed, tmp_path):
    found = example.results(front=True)
    noise = Caution("it is noise", "look elsewhere", on_r_q=True)
    found = replace(found, cautions=[*found.cautions, noise])
    short = printed(200, terminal.show, found, tmp_path)
    assert [line for line in short.splitlines() if "r_Q" in line] == [
        "Spearman(r_Q, MIS by lira_eb) 0.50 [0.10, 0.90]; 1 note on r_Q: --verbose, ranking.md "
        "or the page"
    ]
    assert "it is noise" not in short
    long = printed(200, terminal.show, found, tmp_path, True)
    assert "note: it is noise" in long
    assert "Spearman(r_Q, MIS by loss_threshold)" in long
    assert "rank by r_Q" in long
    assert "note: a limit" in short
    assert "note: a limit" in long


def test_a_rule_that_no_release_keeps_leaves_no_empty_table(printed, tmp_path):
    found = example.results(front=True, floor=0.999)
    out = printed(100, terminal.show, found, tmp_path)
    assert "No release has a MIS of 0.999 or more: sign, uniform_4, full_precision" in out
    assert "The best release" not in out
    assert "No release has a MIS of 0.999 or more (release.mis)" in out


def test_where_r_q_is_the_answer_it_is_shown(printed, tmp_path):
    found = example.results(attacked=False)
    noise = Caution("it is noise", "look elsewhere", on_r_q=True)
    out = printed(160, terminal.show, replace(found, cautions=[noise]), tmp_path)
    assert "rank by r_Q" in out
    assert "note: it is noise" in out


def test_names_are_no_markup(printed, tmp_path):
    names = ("a[/b]", "[red]c", "full_precision")
    out = printed(160, terminal.show, example.results(names=names, front=True), tmp_path)
    assert "a[/b]" in out
    assert "[red]c" in out
