"""Looking again and again must not tell apart what is equal."""

import math
from functools import cache

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from quantmia.attacks import LiraEB, LiraShrunk, Observed
from quantmia.ranking.neighbours import auc_of_groups, looks, neighbours, runs_to_separate
from tests.attacks.problems import problem

REPETITIONS = 200


def stops(groups, size, error, tolerance, planned):
    """Follows `runs=auto`: the verdicts of the look at which it stops."""
    names, verdicts, runs = list(groups), [], 0
    for runs in planned:
        sofar = {name: values[: runs // size] for name, values in groups.items()}
        order = sorted(names, key=lambda name: sofar[name].mean())
        verdicts = list(neighbours(order, sofar, error / len(planned), tolerance)["verdict"])
        if "open" not in verdicts:
            break
    return verdicts, runs


def scored(seed, runs, quantizers, leaks):
    """Models of one training each, quantized in ways that leak."""
    rng = np.random.default_rng(seed)
    pool = 60
    members = np.array([rng.permutation(pool) < pool // 2 for _ in range(runs)])
    sample, shared = rng.normal(size=(1, pool)), rng.normal(size=(runs, pool))

    found = {}
    for name, leak in zip(quantizers, leaks, strict=True):
        signal = sample + leak * members + 0.7 * shared + 0.7 * rng.normal(size=(runs, pool))
        seen = Observed(
            signal=signal,
            loss=np.logaddexp(0, -signal),
            members=members,
            population=shared,
            output=signal[..., None],
            target=np.ones(signal.shape),
            two_sided=False,
        )
        found[name] = auc_of_groups(LiraShrunk(), seen)
    return found


@cache
def equal_quantizers(seed):
    return scored(seed, 200, "abcd", [1.0] * 4)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.slow
@pytest.mark.parametrize("quantizers", ["ab", "abcd"])
def test_equal_quantizers_are_separated_no_more_often_than_the_error(quantizers):
    planned, wrong = looks(20, 200), 0
    for seed in range(REPETITIONS):
        groups = {name: equal_quantizers(seed)[name] for name in quantizers}
        verdicts, _ = stops(groups, 4, 0.05, 1e-9, planned)  # never equal: all looks are taken
        wrong += "separated" in verdicts
    print(f"separated although equal: {wrong} of {REPETITIONS}, over {len(planned)} looks")
    assert wrong / REPETITIONS <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / REPETITIONS)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.slow
def test_quantizers_that_differ_are_found_and_never_called_equal():
    found, equal = [], 0
    for seed in range(40):
        groups = scored(seed, 400, "ab", [0.6, 1.4])
        verdicts, runs = stops(groups, 4, 0.05, 0.02, looks(20, 400))
        found.append(verdicts == ["separated"])
        equal += verdicts == ["equal"]
        assert runs < 400 or verdicts != ["separated"]
    assert np.mean(found) > 0.9
    assert equal == 0


def test_the_interval_is_that_of_student():
    rng = np.random.default_rng(0)
    groups = {"a": rng.normal(0.6, 0.05, 12), "b": rng.normal(0.7, 0.05, 12)}
    row = neighbours(["a", "b"], groups, 0.05, 0.02).iloc[0]
    difference = groups["b"] - groups["a"]  # the other leaks more
    expected = t.interval(0.95, 11, difference.mean(), difference.std(ddof=1) / math.sqrt(12))
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["difference"] > 0
    assert (row["low"], row["high"]) == pytest.approx(expected)
    assert row["verdict"] == "separated"
    # Never against the order in which they are printed.
    assert neighbours(["b", "a"], groups, 0.05, 0.02)["verdict"].tolist() == ["open"]
    same = {"a": groups["a"], "b": groups["a"] + rng.normal(0, 1e-3, 12)}
    assert neighbours(["a", "b"], same, 0.05, 0.02)["verdict"].tolist() == ["equal"]
    assert neighbours(["a", "b"], same, 0.05, 1e-6)["verdict"].tolist() == ["open"]
    one = {name: values[:1] for name, values in groups.items()}
    assert neighbours(["a", "b"], one, 0.05, 0.02)["verdict"].tolist() == ["open"]


@pytest.mark.parametrize("attack", [LiraEB(), LiraShrunk()])
def test_every_group_is_an_audit_of_its_own_runs(attack):
    seen = problem(2 * attack.min_runs + 1, 60)
    groups = auc_of_groups(attack, seen)
    assert len(groups) == 2  # the last run fills none
    for place, auc in enumerate(groups):
        mine = seen.of(np.arange(place * attack.min_runs, (place + 1) * attack.min_runs))
        pairs = zip(mine.members, attack.score(mine), strict=True)
        assert auc == pytest.approx(np.mean([roc_auc_score(*pair) for pair in pairs]))
    assert len(auc_of_groups(attack, seen.of(np.arange(attack.min_runs - 1)))) == 0


def test_as_many_runs_as_make_the_interval_narrow_enough():
    rng = np.random.default_rng(0)
    runs, difference = 20, 0.01
    resampled = difference + rng.normal(0, 0.02, 100_000)
    needed = runs_to_separate(difference, resampled, runs, 0.95)
    reach = 1.96 * 0.02
    assert needed.value == pytest.approx(20 * (reach / 0.01) ** 2, rel=0.02)
    assert needed.low == pytest.approx(20 * (reach / 0.03) ** 2, rel=0.05)
    assert needed.high == math.inf  # there may be no difference
    clear = runs_to_separate(-0.1, resampled, runs, 0.95)
    assert clear.low <= clear.value <= clear.high < runs
    equal = runs_to_separate(0.0, resampled, runs, 0.95)
    assert equal.low == pytest.approx(1.96**2 * runs, rel=0.01)
    assert equal.value == equal.high == math.inf
    alone = runs_to_separate(0.1, resampled, 1, 0.95)
    assert all(math.isnan(each) for each in (alone.low, alone.value, alone.high))


@pytest.mark.parametrize("difference", [0.01, 0.02, 0.04])
def test_two_times_in_three_or_more_the_interval_holds_the_number_of_runs(difference):
    """Of runs that differ by 0.1 (standard deviation), 50 at a time, 400 times."""
    rng = np.random.default_rng(0)
    truly, held = math.ceil(50 * (1.96 * 0.1 / math.sqrt(50) / difference) ** 2), []
    for _ in range(400):
        values = rng.normal(difference, 0.1, 50)
        again = rng.normal(values.mean(), values.std() / math.sqrt(50), 2000)
        found = runs_to_separate(values.mean(), again, 50, 0.95)
        held.append(found.low <= truly <= found.high)
    assert 0.62 <= np.mean(held) <= 0.85


def test_looks_are_whole_stacks_and_end_at_the_largest_number():
    assert looks(20, 200) == [20, 40, 60, 80, 100, 140, 180, 200]
    assert looks(20, 30) == [20, 30]
    assert looks(50, 20) == [20]
