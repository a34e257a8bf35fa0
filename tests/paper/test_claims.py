"""Verdicts, by rule, of made-up numbers whose truth is known."""

from collections import Counter

import pytest

from quantmia.statistics import Interval
from scripts.paper.cases import Case, above, below, by_trait, verdict
from scripts.paper.claims import CLAIMS, judged
from scripts.paper.page import page, table_of
from tests.paper.made import numbers

NO = float("nan")


@pytest.mark.parametrize(
    ("low", "high", "state"),
    [(0.1, 0.3, "holds"), (-0.2, -0.1, "fails"), (-0.1, 0.1, "open"), (NO, NO, "open")],
)
def test_an_interval_decides(low, high, state):
    found = Interval(0.1, low, high)
    assert above(found, 0) == state
    opposite = {"holds": "fails", "fails": "holds", "open": "open"}
    assert below(found, 0) == opposite[state]


def case(state, setting="a=1"):
    return Case("study", setting, "effect", Interval(0, 0, 0), state)


def test_a_verdict_names_what_it_depends_on():
    assert verdict([case("open")]) == "open"
    assert verdict([case("holds"), case("open")]) == "holds"
    assert verdict([case("fails")]) == "fails"
    mixed = [
        case(state, f"colour={colour} size={size}")
        for colour, state in (("red", "holds"), ("blue", "fails"))
        for size in (1, 2)
    ]
    assert verdict(mixed) == "depends on: colour"
    assert verdict([case("holds"), case("fails")]) == "depends on: the setting"
    counts = {(row["trait"], row["value"]): row for row in by_trait(mixed).to_dict("records")}
    assert counts["colour", "red"]["share"] == 1
    assert [counts["size", "2"][state] for state in ("holds", "fails")] == [1, 1]


def test_made_up_truth_is_found():
    verdicts = {key: verdict(cases) for key, cases in judged(numbers()).items()}
    assert verdicts["agreement"] == "depends on: quantization.scale"
    assert verdicts["low_loss"] == "fails"
    assert verdicts["discriminator"] == "holds"
    assert verdicts["sparse_useless"] == "holds"
    assert verdicts["validation"] == "holds"
    assert verdicts["regression"] == "holds"
    assert "next_quantizers" not in verdicts  # no such study among these
    states = Counter((c.effect[:3], c.setting[-4:], c.state) for c in judged(numbers())["order"])
    assert states["MIS", "data", "holds"] + states["dif", "data", "holds"] == 3
    assert states["log", "data", "holds"] == states["log", "unit", "fails"] == 3


def test_every_claim_of_a_whole_study_is_on_the_page():
    cases = judged(numbers())
    studies = {
        each.study: {"command": f"run {each.study}", "seeds": [0], "commit": "abc"}
        for found in cases.values()
        for each in found
    }
    text = page(cases, {"studies": studies})
    for claim in CLAIMS:
        assert (f"## {claim.title}: " in text) == (claim.key in cases)
    assert "`run lipophilicity`, seeds 0, commit abc" in text
    assert len(table_of(cases)) == sum(len(each) for each in cases.values())
    assert "nan" not in text
