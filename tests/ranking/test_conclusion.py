import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantmia.ranking.conclusion import Conclusion, Key, OpenPair, Place, told_apart
from quantmia.statistics import Interval

NAMES = ("a", "b", "c")
BY_AUC = Key("auc", "lira")
BY_MIS = Key("mis", "lira")
BY_R_Q = Key("r_q")


def ranking(names=NAMES, key="auc_lira", metric="accuracy", runs=8, **columns) -> pd.DataFrame:
    """The most private first: of an AUC the smallest, of anything else the largest."""
    value = np.linspace(0.6, 0.8, len(names))
    value = value if key.startswith("auc") else value[::-1]
    made = {"quantizer": list(names), key: value, f"{key}_low": value - 0.1}
    made |= {f"{key}_high": value + 0.05, "utility": 0.5 + np.arange(len(names)) / 10}
    return pd.DataFrame(made | {"utility_metric": metric, "runs": runs} | columns)


def pairs(*rows, key="auc_lira") -> pd.DataFrame:
    """Rows of two quantizers, how likely the first is more private, and runs to tell them apart."""
    columns = ["quantizer", "other", f"p_{key}", "runs_to_separate"]
    return pd.DataFrame([(*pair, p, needed) for pair, p, needed in rows], columns=columns)


APART = pairs(("ab", 1.0, 4), ("ac", 1.0, 4), ("bc", 1.0, 4))


def of(table=None, compared=APART, trusted: str | None = "lira", confidence=0.95) -> Conclusion:
    return Conclusion.of(ranking() if table is None else table, compared, trusted, confidence)


@pytest.mark.parametrize(
    ("table", "trusted", "expected"),
    [
        (ranking(), "lira", BY_AUC),
        (ranking(mis_lira=0.9), "lira", BY_AUC),
        (ranking(key="mis_lira"), "lira", BY_MIS),  # of an older version
        (ranking(key="auc_rmia", mis_lira=0.9), "lira", BY_MIS),  # the AUC of another attack
        (ranking(key="r_q"), None, BY_R_Q),
        (ranking(), None, BY_R_Q),
    ],
)
def test_what_orders_the_ranking_is_a_column_of_it(table, trusted, expected):
    assert Key.of(table, trusted) == expected


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (BY_AUC, ("auc_lira", "AUC of lira", "AUC lira", False)),
        (BY_MIS, ("mis_lira", "MIS by lira", "MIS lira", True)),
        (BY_R_Q, ("r_q", "r_Q", "r_Q", True)),
    ],
)
def test_a_key_has_a_column_and_words(key, said):
    assert (key.column, key.label, key.heading, key.more_is_private) == said


def test_every_fact_of_a_clear_ranking():
    assert of() == Conclusion(
        trusted="lira",
        key=BY_AUC,
        metric="accuracy",
        runs=8,
        quantizers=3,
        best=Place("a", Interval(0.6, 0.6 - 0.1, 0.6 + 0.05), None, 0.5),
        reference=None,
        sure=True,
        ties=(),
        open_pairs=(),
    )


def test_r2_is_written_as_people_write_it():
    assert of(ranking(metric="r2")).metric == "R²"
    assert of(ranking(metric="macro_roc_auc")).metric == "macro_roc_auc"


@pytest.mark.parametrize(
    ("names", "place"),
    [
        (("full_precision", "b", "c"), None),
        (("a", "full_precision", "c"), 1),
        (("a", "b", "full_precision"), 2),
        (("a", "b", "c"), None),
    ],
)
def test_full_precision_is_the_reference_unless_it_is_the_best(names, place):
    table = ranking(names)
    found = of(table)
    if place is None:
        assert found.reference is None
    else:
        row = table.iloc[place]
        spread = Interval(row["auc_lira"], row["auc_lira_low"], row["auc_lira_high"])
        assert found.reference == Place("full_precision", spread, None, row["utility"])


def test_the_bound_of_all_attacks_stands_beside_the_best_and_the_reference():
    table = ranking(("a", "full_precision", "c"), mis_upper=[0.96, 0.29, 0.5])
    found = of(table)
    assert found.reference
    assert (found.best.mis_upper, found.reference.mis_upper) == (0.96, 0.29)
    facts = found.facts()
    assert (facts["best"]["mis_upper"], facts["reference"]["mis_upper"]) == (0.96, 0.29)


@pytest.mark.parametrize("columns", [{}, {"mis_upper": np.nan}])
def test_a_bound_that_is_not_there_or_undefined_is_none(columns):
    found = of(ranking(("a", "full_precision", "c"), **columns))
    assert found.reference
    assert found.best.mis_upper is found.reference.mis_upper is None
    facts = found.facts()
    assert facts["best"]["mis_upper"] is facts["reference"]["mis_upper"] is None


def test_where_they_disagree_auc_decides_and_not_mis():
    table = ranking(mis_lira=[0.1, 0.5, 0.9], mis_lira_low=0.0, mis_lira_high=1.0)
    compared = pairs(("ab", 0.99, 4), ("ac", 0.5, 30), ("bc", 0.99, 4))
    found = of(table, compared.assign(p_mis_lira=[0.01, 0.99, 0.01]))
    assert found.key == BY_AUC
    assert found.best.privacy == Interval(0.6, 0.6 - 0.1, 0.6 + 0.05)
    assert found.ties == ("c",)
    assert found.open_pairs == ()


def test_tables_of_older_versions_are_concluded_by_mis():
    table = ranking(key="mis_lira")
    compared = pairs(("ab", 0.5, 20), ("ac", 1.0, 4), ("bc", 1.0, 4), key="mis_lira")
    found = of(table, compared)
    assert found.key == BY_MIS
    assert found.trusted == "lira"
    assert found.sure
    assert found.best == Place("a", Interval(0.8, 0.8 - 0.1, 0.8 + 0.05), None, 0.5)
    assert found.ties == ("b",)
    assert found.open_pairs == (OpenPair("a", "b", 12),)


@pytest.mark.parametrize(
    ("p", "confidence", "open_"),
    [(0.975, 0.95, False), (np.nextafter(0.975, 0), 0.95, True), (0.975, 0.96, True)],
)
def test_the_bar_of_a_tie_is_that_of_a_two_sided_interval(p, confidence, open_):
    found = of(compared=pairs(("ab", p, 20), ("ac", p, 20), ("bc", 1.0, 4)), confidence=confidence)
    assert found.ties == (("b", "c") if open_ else ())
    assert found.open_pairs == ((OpenPair("a", "b", 12),) if open_ else ())


def test_ties_are_those_of_the_best_and_open_pairs_neighbours():
    found = of(compared=pairs(("ab", 0.99, 4), ("ac", 0.7, 90), ("bc", 0.6, 30)))
    assert found.ties == ("c",)
    assert found.open_pairs == (OpenPair("b", "c", 22),)


def test_neighbours_that_resamples_turn_round_are_not_told_apart():
    found = of(compared=pairs(("ab", 0.001, 20), ("ac", 1.0, 4), ("bc", 1.0, 4)))
    assert found.ties == ("b",)
    assert found.open_pairs == (OpenPair("a", "b", 12),)


def test_between_how_many_runs_a_pair_likely_takes():
    compared = pairs(("ab", 0.5, 80), ("ac", 1.0, 4), ("bc", 0.5, 40))
    compared["runs_to_separate_low"] = [20.0, 2.0, 6.0]
    compared["runs_to_separate_high"] = [np.inf, 9.0, 400.0]
    assert of(compared=compared).open_pairs == (
        OpenPair("a", "b", 72, (12, None)),
        OpenPair("b", "c", 32, (1, 392)),
    )


@pytest.mark.parametrize(
    ("needed", "more"),
    [
        (20, 12),
        (9, 1),
        (8, 1),  # enough by that estimate, and yet open: more than none
        (3, 1),
        (9_999, 9_991),
        (10_000, None),
        (1e30, None),
        (np.inf, None),
        (np.nan, None),
    ],
)
def test_how_many_more_runs_would_tell_a_pair_apart(needed, more):
    found = of(compared=pairs(("ab", 0.5, needed), ("ac", 1.0, 4), ("bc", 1.0, 4)))
    assert found.open_pairs == (OpenPair("a", "b", more),)


def test_one_run_tells_nothing_apart():
    nothing = pairs(*((each, np.nan, np.nan) for each in ("ab", "ac", "bc")))
    found = of(ranking(runs=1, auc_lira_low=np.nan, auc_lira_high=np.nan), nothing)
    assert not found.sure
    assert found.runs == 1
    assert found.ties == ("b", "c")
    assert found.open_pairs == (OpenPair("a", "b", None), OpenPair("b", "c", None))
    assert np.isnan(found.best.privacy.low)


@pytest.mark.parametrize("nothing", [pd.DataFrame(), APART.iloc[:0]])
def test_one_quantizer_has_no_other(nothing):
    found = of(ranking(("a",)), nothing)
    assert found.quantizers == 1
    assert not found.sure
    assert found.ties == found.open_pairs == ()


def test_without_an_attack_r_q_orders_and_nobody_estimates_runs():
    table = ranking(key="r_q")
    compared = pairs(("ab", 0.5, 0), ("ac", 1.0, 0), ("bc", 1.0, 0), key="r_q")
    found = of(table, compared.drop(columns="runs_to_separate"), None)
    assert found.trusted is None
    assert found.key == BY_R_Q
    assert found.best.privacy.value == table["r_q"][0]
    assert found.ties == ("b",)
    assert found.open_pairs == (OpenPair("a", "b", None),)


def test_the_facts_are_json_without_nan():
    nothing = pairs(*((each, np.nan, np.inf) for each in ("ab", "ac", "bc")))
    bare = ranking(("a", "full_precision", "c"), auc_lira_low=np.nan, auc_lira_high=np.nan)
    facts = of(bare, nothing).facts()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["key"] == {"kind": "auc", "attack": "lira"}
    assert facts["best"]["privacy"] == {"value": 0.6, "low": None, "high": None}
    assert facts["reference"]["quantizer"] == "full_precision"
    assert facts["open_pairs"][0] == {"quantizer": "a", "other": "full_precision"} | {
        "more_runs": None,
        "likely": None,
    }
    assert facts["ties"] == ["full_precision", "c"]
    assert facts["sure"] is False
    assert of().facts()["reference"] is None


@settings(max_examples=40)
@given(
    st.lists(st.floats(0, 1) | st.just(np.nan), min_size=3, max_size=3),
    st.lists(st.floats(0) | st.just(np.nan), min_size=3, max_size=3),
    st.integers(1, 100),
)
def test_facts_of_any_pairs_are_json(p, needed, runs):
    compared = pairs(*zip(("ab", "ac", "bc"), p, needed, strict=True))
    found = of(ranking(runs=runs), compared)
    json.dumps(found.facts(), allow_nan=False)
    assert {each.quantizer for each in found.open_pairs} <= {"a", "b"}
    assert all(each.more_runs is None or each.more_runs >= 1 for each in found.open_pairs)


def test_the_chances_of_neighbours_stand_in_the_order_of_the_ranking():
    compared = pairs(("ab", 0.6, 4), ("ac", 1.0, 4), ("bc", 0.7, 4))
    assert list(told_apart(ranking(), compared, BY_AUC)) == [0.6, 0.7]
    assert list(told_apart(ranking(("a",)), pd.DataFrame(), BY_AUC)) == []
    for another in (BY_MIS, BY_R_Q):
        other = list(told_apart(ranking(), compared, another))
        assert np.isnan(other).all()
        assert len(other) == 2
