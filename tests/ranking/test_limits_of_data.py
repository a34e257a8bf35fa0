import pytest

from quantmia.ranking.limits_of_data import changed_labels, dropped_rows, extreme_values, guessing
from tests.ranking.test_verdict import ranking


def test_rows_that_were_dropped_are_counted_by_reason():
    dropped = {"missing target": 3, "same features": 1}
    (caution,) = dropped_rows({"samples": 16, "dropped": dropped})
    assert caution.text == (
        "4 of 20 rows were dropped (3 missing target, 1 same features): dropped.csv"
    )
    assert list(dropped_rows({"samples": 16, "dropped": {}})) == []


@pytest.mark.parametrize(
    ("winsorised", "end"),
    [(True, " and were brought in to them: extreme.csv"),
     (False, " and were left there: extreme.csv")],
)  # fmt: skip
def test_values_that_lie_far_out_are_counted(winsorised, end):
    facts = {"values": 3, "samples": 2, "features": 1, "farthest": 816.7, "targets": 0}
    facts |= {"winsorised": winsorised, "farthest_target": 0.0}
    (caution,) = extreme_values({"extreme": facts})
    assert caution.text == (
        "3 values of 2 samples in 1 feature lie beyond 10 standard deviations (up to 817)" + end
    )
    assert ("true" if winsorised else "winsorise") in caution.advice
    assert list(extreme_values({"extreme": facts | {"values": 0}})) == []
    assert list(extreme_values({})) == []


def test_targets_that_lie_far_out_are_told_apart_from_features():
    facts = {"values": 1, "samples": 1, "features": 1, "farthest": 12.0, "winsorised": True}
    first, second = extreme_values({"extreme": facts | {"targets": 1, "farthest_target": 422.4}})
    assert first.text.startswith("1 value of 1 sample in 1 feature lies beyond 10")
    assert second.text == "1 target lies beyond 10 standard deviations (up to 422): extreme.csv"
    (alone,) = extreme_values({"extreme": facts | {"values": 0, "targets": 2,
                                                   "farthest_target": 30.0}})  # fmt: skip
    assert alone.text.startswith("2 targets lie beyond")


@pytest.mark.parametrize(
    ("utility", "said"),
    [([0.985, 0.99, 0.9981], "b, a are"), ([0.998, 0.999, 1.0], "a is"), ([0.999] * 3, None)],
)
def test_who_is_no_better_than_guessing_is_named(utility, said):
    table = ranking(("a", "b", "c"), utility=utility).iloc[::-1].reset_index(drop=True)
    found = list(guessing(table, {"largest_class": 0.998}))
    assert len(found) == (said is not None)
    if said:
        assert found[0].text == (
            "always guessing the most frequent class is right in 0.998 of the cases: "
            f"{said} no better"
        )


def test_regression_and_old_manifests_have_no_largest_class():
    assert list(guessing(ranking(utility=0.1), {"largest_class": None})) == []
    assert list(guessing(ranking(utility=0.1), {})) == []
    assert list(guessing(ranking(metric="r2", utility=0.1), {"largest_class": 0.5})) == []


def test_labels_that_were_changed_are_counted():
    (caution,) = changed_labels({"pool": 36, "changed_labels": 9})
    assert caution.text == (
        "9 of the 36 targets in the pool are not those of the data: split.label_noise changed them"
    )
    assert list(changed_labels({"pool": 36, "changed_labels": 0})) == []
    assert list(changed_labels({"pool": 36})) == []  # of an older version, or of others
