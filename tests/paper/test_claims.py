"""Verdicts, by rule, of made-up numbers whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from quantmia.statistics import Interval
from scripts.paper import effects
from scripts.paper.cases import Case, above, all_of, below, by_trait, counted, means_of, verdict
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


def test_a_verdict_needs_half_of_the_cases_and_nine_in_ten_of_these():
    assert verdict([case("open")]) == "open"
    assert verdict([case("holds"), case("open")]) == "holds"
    assert verdict([case("holds"), case("open"), case("open")]) == "open"
    mean = replace(case("fails"), on_average=True)
    assert verdict([case("holds"), case("open"), case("open"), mean]) == "fails on average"
    assert verdict([case("holds"), mean]) == "holds"
    assert verdict([case("fails")]) == "fails"
    assert verdict([case("holds", f"b={n}") for n in range(20)] + [case("fails")]) == "holds"


def test_a_verdict_names_what_it_depends_on():
    mixed = [
        case(state, f"colour={colour} size={size}")
        for colour, state in (("red", "holds"), ("blue", "fails"))
        for size in (1, 2)
    ]
    assert verdict(mixed) == "depends on: colour"
    assert verdict([case("holds", "size=1"), case("fails", "size=2")]) == "depends on: size"
    assert verdict([case("holds"), case("fails")]) == "mixed"
    assert verdict([case("holds", f"a={n} b={n}") for n in range(3)] + [case("fails")]) == "mixed"
    counts = {(row["trait"], row["value"]): row for row in by_trait(mixed).to_dict("records")}
    assert counts["colour", "red"]["share"] == 1
    assert [counts["size", "2"][state] for state in ("holds", "fails")] == [1, 1]


def test_means_are_of_one_effect_and_one_scale_within_a_repetition_first():
    rows = [("unit", (1.0, 3.0)), ("unit", (3.0, 1.0)), ("data", (0.0, 0.0)), ("data", (1.0, 1.0))]
    cases = [
        replace(case("open", f"quantization.scale={scale} a={n}"), values=values)
        for n, (scale, values) in enumerate(rows)
    ]
    fixed, fitted = means_of(cases, above, 1)
    assert (fixed.found, fixed.state) == (Interval(2, 2, 2), "holds")
    assert (fitted.found, fitted.state) == (Interval(0.5, 0.5, 0.5), "fails")
    assert means_of(cases[:1], above, 1) == []
    assert verdict([*cases, fixed]) == "holds on average"
    assert verdict([*cases, fixed, fitted]) == "open"


def test_steps_that_must_hold_together_are_one_case():
    steps = [replace(case(state), detail=state) for state in ("holds", "open", "fails")]
    assert all_of(steps[:1]).state == "holds"
    assert all_of(steps[:2]).state == "open"
    assert all_of(steps).state == "fails"
    assert all_of(steps).detail == "weakest of 3: fails"


def test_made_up_truth_is_found():
    verdicts = {key: verdict(cases) for key, cases in judged(numbers()).items()}
    assert verdicts["order"] == "mixed"  # by r_Q it depends on the scale, by MIS it does not
    assert verdicts["first_order"] == "depends on: quantization.scale"
    assert verdicts["agreement"] == "depends on: quantization.scale"
    assert verdicts["low_loss"] == "fails"
    assert verdicts["discriminator"] == verdicts["sparse_useless"] == "holds"
    assert verdicts["validation"] == verdicts["next_validation"] == "holds"
    assert verdicts["regression"] == "holds"
    assert verdicts["first_regression"] == "mixed"
    assert "next_quantizers" not in verdicts  # no such study among these


def test_the_sparsest_is_compared_with_each_of_the_others():
    cases = counted(effects.sparse_is_private(numbers(), ("lipophilicity",)))
    found = {case.setting: case for case in cases if "r_Q" in case.effect}
    fitted, fixed = found["quantization.scale=data"], found["quantization.scale=unit"]
    assert (fitted.state, fitted.detail) == ("holds", "against ternary_50")
    assert fitted.found.value == pytest.approx(1, abs=0.1)
    assert (fixed.state, fixed.detail) == ("fails", "against full_precision")


@pytest.mark.slow
def test_equal_quantizers_are_not_told_apart():
    """Of eight rivals one looks better by chance; it may not decide more often than it should."""
    rng = np.random.default_rng(0)
    made = numbers()
    table = made.repetitions[made.repetitions["study"] == "lipophilicity"]
    failed = 0
    for _ in range(100):
        mis = 0.5 + 0.01 * rng.standard_normal(len(table))
        equal = replace(made, repetitions=table.assign(mis_lira_eb=mis, r_q=10.0**mis))
        cases = counted(effects.sparse_is_private(equal))
        failed += sum(case.state == "fails" for case in cases)
    assert failed / 400 < 0.06


def test_a_noisy_plateau_is_open_even_if_stability_ends_at_one():
    rng = np.random.default_rng(3)
    made = numbers()
    table = made.repetitions.copy()
    table["r_q"] *= np.exp(3 * rng.standard_normal(len(table)))
    (case,) = effects.plateau(replace(made, repetitions=table))
    assert case.state == "open"
    assert case.found.high - case.found.low > 0.2


def test_where_attacks_disagree_r_q_cannot_be_wrong():
    made = numbers()
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(len(made.repetitions))
    cases = effects.agrees(replace(made, repetitions=made.repetitions.assign(mis_lira_eb=noise)))
    assert {case.state for case in cases} == {"open"}  # and of these there is no mean
    assert all(case.detail.startswith("MIS of two repetitions") for case in cases)


def test_an_undefined_repetition_leaves_a_case_open():
    made = numbers()
    first = made.repetitions["repetition"] == 0
    table = made.repetitions.assign(r_q=made.repetitions["r_q"].mask(first))
    cases = effects.agrees(replace(made, repetitions=table))
    assert {case.state for case in cases} == {"open"}


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
