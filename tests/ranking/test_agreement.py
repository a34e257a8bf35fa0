import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from quantmia.attacks.metrics import AttackResult
from quantmia.ranking.agreement import Agreement, agree
from quantmia.ranking.evidence import Evidence
from quantmia.ranking.indicated import Indicated
from quantmia.statistics import Bootstrap, Interval

RUNS, RESAMPLES = 6, 30
NAMES = ["a", "b", "c", "d"]


def evidence(*grids: int, seed=0, runs=RUNS) -> Evidence:
    """Of which the agreement reads the grids alone."""
    rng = np.random.default_rng(seed)
    r = {every: rng.normal(size=(len(NAMES), runs)) for every in grids}
    last = np.zeros((len(NAMES), runs), bool)
    nothing = np.full((2, len(NAMES), runs), np.nan)
    members = np.zeros(runs, int)
    return Evidence([], [], [], pd.DataFrame(), last, r, nothing[0], nothing, members, {}, [])


def result(advantage: float, resampled: np.ndarray) -> AttackResult:
    spread, other = Interval(1 - advantage, np.nan, np.nan), Interval(np.nan, np.nan, np.nan)
    nothing = np.full(len(resampled), np.nan)  # of the AUC nothing is read
    return AttackResult(other, spread, spread, spread, {}, resampled, nothing)


def indicated(names, r_q: np.ndarray, resampled: np.ndarray) -> Indicated:
    """Of which the agreement reads the values alone."""
    return Indicated(names, resampled, [], r_q, resampled)


def bootstrap(runs=RUNS) -> Bootstrap:
    return Bootstrap(runs, RESAMPLES, 0.9, np.random.default_rng(1))


def agreed(*grids: int, advantages=(), r_q=None, names=NAMES, runs=RUNS) -> Agreement:
    rng = np.random.default_rng(2)
    r_q = rng.normal(size=len(names)) if r_q is None else r_q
    resampled = r_q[:, None] + rng.normal(size=(len(names), RESAMPLES))
    attacks = {
        f"attack_{number}": {
            name: result(value, value + 0.1 * rng.normal(size=RESAMPLES))
            for name, value in zip(names, each, strict=True)
        }
        for number, each in enumerate(advantages)
    }
    found = evidence(*(grids or (1,)), runs=runs)
    return agree(found, indicated(names, r_q, resampled), attacks, bootstrap(runs), 0.5)


def test_it_is_spearmans_correlation_with_the_mis_of_every_attack():
    r_q = np.array([0.3, 0.1, 0.4, 0.2])
    advantages = [(0.1, 0.4, 0.2, 0.3), (0.5, 0.4, 0.3, 0.3)]
    found = agreed(advantages=advantages, r_q=r_q).attacks
    assert list(found) == ["attack_0", "attack_1"]
    for spread, each in zip(found.values(), advantages, strict=True):
        expected = spearmanr(r_q, 1 - np.array(each)).statistic  # pyright: ignore[reportAttributeAccessIssue]
        assert spread.value == pytest.approx(expected)
        assert -1 <= spread.low <= spread.high <= 1


def test_the_interval_is_over_the_same_resamples_of_both():
    r_q = np.arange(4.0)
    resampled = np.tile(r_q[:, None], RESAMPLES)
    backwards = resampled.copy()
    backwards[:, ::2] *= -1
    results = {
        name: result(-value, -own / 10 + 0.5) for name, value, own in zip(NAMES, r_q, backwards,
                                                                         strict=True)
    }  # fmt: skip
    found = agree(evidence(1), indicated(NAMES, r_q, resampled), {"x": results}, bootstrap(), 1.0)
    assert vars(found.attacks["x"]) == pytest.approx({"value": 1.0, "low": -1.0, "high": 1.0})


def test_grids_are_compared_with_the_finest_on_the_mean_over_the_runs():
    found = evidence(5, 1, 2)
    grids = agree(
        found, indicated(NAMES, np.arange(4.0), np.zeros((4, RESAMPLES))), {}, bootstrap(), 1.0
    ).grids
    assert [(each.every, each.reference) for each in grids] == [(5, 1), (2, 1)]
    for each in grids:
        ours, theirs = (found.grids[every].mean(1) for every in (each.every, 1))
        expected = spearmanr(ours, theirs).statistic  # pyright: ignore[reportAttributeAccessIssue]
        assert each.spearman.value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("grids", "names"),
    [
        ((1, 2, 5), ["spearman_r_q_grid_2_with_grid_1", "spearman_r_q_grid_5_with_grid_1"]),
        ((2, 4), ["spearman_r_q_grid_4_with_grid_2"]),
        ((3,), []),
    ],
)
def test_the_statistics_have_their_names(grids, names):
    found = agreed(*grids, advantages=[(0.1, 0.2, 0.3, 0.4)])
    table = found.table()
    assert list(table) == ["attack", "statistic", "value", "low", "high", "quantizers", "runs"]
    assert list(table["statistic"]) == ["spearman", *names, "spearman_r_q_between_halves"]
    assert list(table["attack"]) == ["attack_0", *[""] * (len(names) + 1)]
    assert set(table["quantizers"]) == {4}
    assert set(table["runs"]) == {RUNS}
    halves = table.iloc[-1]
    assert halves["value"] == 0.5
    assert np.isnan([halves["low"], halves["high"]]).all()
    whole = [vars(each) for each in (*found.attacks.values(), *(g.spearman for g in found.grids))]
    assert table[["value", "low", "high"]].iloc[:-1].to_dict("records") == whole


@pytest.mark.parametrize(
    ("r_q", "advantages"),
    [
        (np.ones(4), (0.1, 0.2, 0.3, 0.4)),
        (np.arange(4.0), (0.2, 0.2, 0.2, 0.2)),
        (np.array([0.1, np.nan, 0.2, 0.3]), (0.1, 0.2, 0.3, 0.4)),
    ],
)
def test_constant_ranks_and_undefined_ones_correlate_with_nothing(r_q, advantages):
    spread = agreed(advantages=[advantages], r_q=r_q).attacks["attack_0"]
    assert np.isnan(list(vars(spread).values())).all()


def test_two_quantizers_are_too_few_and_one_run_has_no_interval():
    few = agreed(advantages=[(0.1, 0.2)], names=["a", "b"])
    assert np.isnan(few.attacks["attack_0"].value)
    single = agreed(1, 2, advantages=[(0.1, 0.2, 0.3, 0.4)], runs=1)
    for spread in (single.attacks["attack_0"], single.grids[0].spearman):
        assert np.isfinite(spread.value)
        assert np.isnan([spread.low, spread.high]).all()


def test_a_grid_that_the_trajectory_is_too_short_for_is_undefined():
    found = evidence(1, 5)
    found.grids[5][:] = np.nan
    (grid,) = agree(
        found, indicated(NAMES, np.arange(4.0), np.zeros((4, RESAMPLES))), {}, bootstrap(), 1.0
    ).grids
    assert np.isnan(grid.spearman.value)
