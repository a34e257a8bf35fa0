import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quantmia.attacks.metrics import mean_auc
from quantmia.data.split import members
from quantmia.errors import OutputsError
from quantmia.recording.plan import Plan


def test_members_are_those_that_our_own_trainings_have():
    made = Plan.drawn(50, 4, seed=3)
    np.testing.assert_array_equal(made.members, members(3, range(4), 50))
    assert (made.membership, made.seed, made.groups) == ("half", 3, None)
    coins = Plan.drawn(50, 4, seed=3, coin=True)
    np.testing.assert_array_equal(coins.members, members(3, range(4), 50, "coin"))
    assert coins.membership == "coin"


def test_more_runs_leave_those_that_were_drawn_as_they_are():
    few, many = Plan.drawn(40, 3), Plan.drawn(40, 9)
    np.testing.assert_array_equal(few.members, many.members[:3])


@given(st.lists(st.integers(0, 7), min_size=20, max_size=60), st.booleans())
def test_a_group_is_a_member_as_a_whole_or_not_at_all(groups, coin):
    try:
        made = Plan.drawn(len(groups), 5, coin=coin, groups=groups)
    except OutputsError:
        assume(False)  # too few groups, or coins that leave nobody on a side
        return
    for group in set(groups):
        its = made.members[:, np.array(groups) == group]
        assert (its == its[:, :1]).all()
    assert made.membership is None  # samples of a group are not drawn by themselves
    assert made.groups == len(set(groups))


@pytest.mark.parametrize("plan", [Plan.drawn(300, 4, 7), Plan.drawn(30, 4, coin=True)])
def test_it_is_read_as_it_was_written(plan, tmp_path):
    plan.write(tmp_path / "plan")
    again = Plan.read(tmp_path / "plan")
    np.testing.assert_array_equal(again.members, plan.members)
    assert (again.membership, again.seed, again.groups) == (plan.membership, plan.seed, plan.groups)
    for run in range(4):
        places = np.loadtxt(tmp_path / "plan" / f"run_{run:04d}.txt", dtype=int)
        np.testing.assert_array_equal(places, np.flatnonzero(plan.members[run]))
        np.testing.assert_array_equal(places, plan.of_run(run))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"samples": 3, "runs": 4}, "3 samples: 4 or more are needed"),
        ({"samples": 9, "runs": 4, "groups": [1] * 9}, "1 groups: 4 or more are needed"),
        ({"samples": 9, "runs": 4, "groups": [1] * 8}, "groups: 8 values for 9 samples"),
        ({"samples": 9, "runs": 0}, "runs=0"),
        ({"samples": 0, "runs": 4}, "samples=0"),
        ({"samples": 3, "runs": 4, "groups": ["a", None, "b"]}, "groups: row 1 belongs to none"),
        ({"samples": 9, "runs": 4, "seed": -1}, "seed=-1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, said):
    with pytest.raises(OutputsError, match=said):
        Plan.drawn(**arguments)


def test_a_folder_that_holds_no_plan_is_refused(tmp_path):
    with pytest.raises(OutputsError, match="not a plan"):
        Plan.read(tmp_path)
    Plan.drawn(30, 4).write(tmp_path)
    cut = (tmp_path / "members.csv").read_text().splitlines()[:-1]
    (tmp_path / "members.csv").write_text("\n".join(cut))
    with pytest.raises(OutputsError, match="not a plan"):
        Plan.read(tmp_path)


@pytest.mark.parametrize(
    ("runs", "said"), [(2, "lira_eb needs 4"), (5, "lira needs 8"), (8, "16 to 20 runs")]
)
def test_few_runs_are_advised_against(runs, said):
    assert said in " ".join(Plan.drawn(100, runs).advice)
    assert len(Plan.drawn(100, 16).advice) == 1


def test_the_advice_is_what_models_that_leak_nothing_show():
    rng, runs, samples = np.random.default_rng(0), 8, 100
    found = []
    for seed in range(200):
        mask = Plan.drawn(samples, runs, seed).members
        found.append(mean_auc(rng.normal(size=mask.shape), mask))
    (said,) = [each for each in Plan.drawn(samples, runs).advice if "0.5 +/-" in each]
    reach = float(said.split("+/- ")[1].split()[0])
    assert 1.96 * np.std(found) == pytest.approx(reach, rel=0.15)
