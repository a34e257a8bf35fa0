from dataclasses import replace

import numpy as np
import pytest

from quantmia.ranking.conclusion import Conclusion, Key, OpenPair, Place
from quantmia.ranking.words import answer, best, counted, headline
from quantmia.statistics import Interval

CLEAR = Conclusion(
    trusted="lira",
    key=Key("auc", "lira"),
    metric="accuracy",
    runs=8,
    quantizers=3,
    best=Place("sign", Interval(0.544, 0.53, 0.56), 0.964, 0.5),
    reference=None,
    sure=True,
    ties=(),
    open_pairs=(),
)
FULL = Place("full_precision", Interval(0.939, 0.9, 0.95), 0.29, 0.75)
BEST = "sign leaks least (AUC of lira 0.544 [0.530, 0.560], MIS at most 0.964) at accuracy 0.500"
MEASURED = "Measured by the attack lira on 8 runs; "
APART = "every two neighbours in the ranking are told apart."


def changed(**changes) -> Conclusion:
    return replace(CLEAR, **changes)


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (20, "20 runs")]
)
def test_things_are_counted_in_the_singular_and_the_plural(number, expected):
    assert counted(number, "run") == expected


def test_a_clear_ranking_is_one_short_sentence():
    assert best(CLEAR) == BEST
    assert answer(CLEAR) == f"{BEST}."
    assert headline(CLEAR) == (f"{BEST}.", MEASURED + APART)


def test_what_it_costs_is_told_against_full_precision():
    said = f"{BEST}, against 0.939, MIS at most 0.290 at accuracy 0.750 in full precision."
    assert answer(changed(reference=FULL)) == said
    assert headline(changed(reference=FULL))[0] == said


def test_the_metric_is_the_one_of_the_task():
    said = answer(changed(metric="R²", reference=FULL))
    assert "at R² 0.500, against 0.939, MIS at most 0.290 at R² 0.750 in full precision" in said


def test_an_undefined_interval_is_left_out():
    alone = Place("sign", Interval(0.544, np.nan, np.nan), 0.964, 0.5)
    assert best(changed(best=alone)) == (
        "sign leaks least (AUC of lira 0.544, MIS at most 0.964) at accuracy 0.500"
    )


@pytest.mark.parametrize("of_best", [0.964, None])
@pytest.mark.parametrize("of_full", [0.29, None])
def test_a_bound_that_is_not_known_is_left_out(of_best, of_full):
    found = changed(
        best=replace(CLEAR.best, mis_upper=of_best), reference=replace(FULL, mis_upper=of_full)
    )
    here, there = ", MIS at most 0.964" * bool(of_best), ", MIS at most 0.290" * bool(of_full)
    assert best(found) == (
        f"sign leaks least (AUC of lira 0.544 [0.530, 0.560]{here}) at accuracy 0.500, "
        f"against 0.939{there} at accuracy 0.750 in full precision"
    )


def test_a_bound_of_nothing_is_a_bound():
    assert ", MIS at most 0.000)" in best(changed(best=replace(CLEAR.best, mis_upper=0.0)))


def test_a_ranking_of_an_older_version_tells_its_mis():
    found = changed(
        key=Key("mis", "lira"),
        best=Place("sign", Interval(0.9, 0.85, 0.95), None, 0.5),
    )
    first, second = headline(found)
    assert first == "sign leaks least (MIS by lira 0.900 [0.850, 0.950]) at accuracy 0.500."
    assert second == MEASURED + APART


def test_without_an_attack_it_is_r_q_that_says_so():
    found = changed(
        trusted=None,
        key=Key("r_q"),
        best=Place("sign", Interval(0.02, 0.01, 0.03), None, 0.5),
    )
    first, second = headline(found)
    assert first == "sign leaks least (r_Q 0.020 [0.010, 0.030]) at accuracy 0.500."
    assert second == f"Measured by r_Q on 8 runs; {APART}"


def test_ties_of_the_best_are_named():
    found = changed(ties=("uniform_2", "ternary_90"), open_pairs=(OpenPair("a", "b", 12),))
    assert answer(found) == (
        f"{BEST}; at 8 runs it cannot be told apart from uniform_2, ternary_90; "
        "neighbours that cannot be told apart: a / b (about 12 more runs would)."
    )
    assert headline(found)[1] == (
        f"{MEASURED}it cannot be told apart from uniform_2, ternary_90; neighbours that cannot be "
        "told apart: a / b."
    )


def test_pairs_that_take_many_runs_are_as_good_as_equal():
    pairs = (OpenPair("a", "b", None), OpenPair("b", "c", 1))
    assert answer(changed(open_pairs=pairs)).endswith(
        "; neighbours that cannot be told apart: a / b (over 10000 runs would), "
        "b / c (about 1 more run would)."
    )


def test_how_sure_that_is_is_told():
    pairs = (
        OpenPair("a", "b", 12, (4, 90)),
        OpenPair("b", "c", 30, (9, None)),
        OpenPair("c", "d", None, (350, None)),
    )
    assert answer(changed(open_pairs=pairs)).endswith(
        ": a / b (about 12 more runs would, likely 4 to 90), "
        "b / c (about 30 more runs would, likely 9 to over 10000), c / d (over 10000 runs would)."
    )


def test_nobody_estimates_how_many_runs_r_q_would_take():
    found = changed(trusted=None, open_pairs=(OpenPair("a", "b", None),))
    assert answer(found).endswith("; neighbours that cannot be told apart: a / b.")


def test_the_pair_of_the_best_is_told_once_in_a_headline():
    found = changed(ties=("a",), open_pairs=(OpenPair("sign", "a", 3),))
    assert headline(found)[1] == f"{MEASURED}it cannot be told apart from a."
    assert answer(found).count("sign / a") == 1


@pytest.mark.parametrize("count", [4, 5])
def test_a_headline_counts_what_are_too_many_to_name(count):
    names = tuple(f"q{n}" for n in range(count))
    pairs = tuple(OpenPair(name, "x", 3) for name in names)
    found = changed(ties=names, open_pairs=pairs)
    said = headline(found)[1]
    if count == 4:
        assert "apart from q0, q1, q2, q3; neighbours" in said
        assert "apart: q0 / x, q1 / x, q2 / x, q3 / x." in said
    else:
        assert "apart from 5 others; neighbours that cannot be told apart: 5 pairs." in said
    assert answer(found).count(" / x") == count  # which names them all


def test_one_run_does_not_tell_how_sure_it_is():
    pairs = (OpenPair("sign", "a", None), OpenPair("a", "b", None))
    found = changed(runs=1, sure=False, ties=("a", "b"), open_pairs=pairs)
    assert headline(found)[1] == (
        "Measured by the attack lira on 1 run; one run does not tell how sure that is."
    )
    assert answer(found) == f"{BEST}; at 1 run it cannot be told apart from a, b."


def test_one_quantizer_has_no_other_to_be_compared_with():
    found = changed(quantizers=1, sure=False)
    assert headline(found)[1] == f"{MEASURED}there is no other to compare it with."
    assert answer(found) == f"{BEST}."
