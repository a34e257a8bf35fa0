import numpy as np
import pytest

from quantmia.recording.plan import Plan
from quantmia.recording.pool import Pool
from quantmia.recording.remarks import ERROR, least_random, on_members
from tests.recording.made import target

SAMPLES, RUNS = 300, 8


def said(members: np.ndarray, task: str = "regression") -> list[str]:
    goal = target(task, members.shape[1])
    return [each.text for each in on_members(Pool.of(goal, members))]


def members(seed: int = 0, runs: int = RUNS) -> np.ndarray:
    return Plan.drawn(SAMPLES, runs, seed).members.copy()


@pytest.mark.parametrize("runs", [4, 8, 20])
@pytest.mark.parametrize("coin", [False, True])
def test_there_is_nothing_to_say_of_members_that_were_drawn(runs, coin):
    assert said(Plan.drawn(SAMPLES, runs, coin=coin).members) == []


def test_members_that_we_drew_by_groups_are_not_tested_by_their_rows():
    drawn = Plan.drawn(SAMPLES, RUNS, groups=np.arange(SAMPLES) // 10)
    goal = target("regression", SAMPLES)
    assert on_members(Pool.of(goal, drawn.members, drawn=True)) == []
    assert len(on_members(Pool.of(goal, drawn.members))) == 1


def test_large_shares_of_members_are_not_too_many():
    mask = np.random.default_rng(1).random((RUNS, SAMPLES)) < 0.8
    assert said(mask) == []


def test_the_first_half_of_the_rows_is_not_drawn_at_random():
    mask = members()
    mask[3] = np.arange(SAMPLES) < SAMPLES // 2
    (sentence,) = said(mask)
    assert sentence.startswith("members are not drawn at random: place and target of a sample tell")
    assert "run 3 with an AUC of 1.00" in sentence


def test_members_with_large_targets_are_not_drawn_at_random():
    mask, goal = members(), target("regression", SAMPLES)
    mask[2] = goal + np.random.default_rng(0).normal(size=SAMPLES) > np.median(goal)
    (sentence,) = said(mask)
    assert "those of run 2" in sentence


def test_samples_that_never_change_sides_are_counted():
    mask = members()
    mask[:, :40], mask[:, 40:60] = True, False
    sentences = said(mask)
    assert "40 samples were in every run and" in sentences[0]


def test_runs_with_the_same_members_are_counted():
    mask = members()
    mask[5] = mask[1]
    assert said(mask) == ["1 run of 8 trained on the very samples of another"]


@pytest.mark.slow
def test_members_at_random_are_called_otherwise_as_often_as_the_error_allows():
    known = np.stack([np.arange(SAMPLES), target("regression", SAMPLES)], 1).astype(float)
    p = np.array([least_random(members(seed, 4), known)[2] for seed in range(100)])
    assert (p < 0.05).mean() <= 0.09
    assert (p < ERROR).sum() <= 1
