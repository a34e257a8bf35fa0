from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantmia.attacks.extreme import UNSEEN, Without
from quantmia.attacks.metrics import AttackResult
from quantmia.ranking import tables
from quantmia.ranking.audit import Audit
from quantmia.ranking.evidence import Evidence
from quantmia.ranking.indicated import Indicated
from quantmia.ranking.neighbours import runs_to_separate
from quantmia.statistics import Bootstrap, Interval, ranks

NAMES = ["a", "b", "c"]
RUNS, RESAMPLES = 4, 40
RNG = np.random.default_rng(0)
UTILITY = RNG.uniform(size=(len(NAMES), RUNS))


def bootstrap(runs: int = RUNS) -> Bootstrap:
    return Bootstrap(runs, RESAMPLES, 0.9, np.random.default_rng(1))


UNKNOWN = [Interval(np.nan, np.nan, np.nan)] * 3
# Of three quantizers and four runs: the gap is clear in two runs of b, undefined in one of c.
GAP_Z = np.array([[0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0, 1.5], [0.5, np.nan, 0.7, 5.0]])
HALVES = np.exp(
    [
        [[0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0]],
        [[0.0, 2.0, 4.0, 6.0], [3.0, 1.0, 2.0, 0.0], [0.0, 1.0, 2.0, 3.0]],
    ]
)


def evidence(r=None, positions=None, distinct=5) -> Evidence:
    """Of three quantizers and four runs."""
    r = RNG.uniform(size=(3, RUNS)) if r is None else r
    positions = np.full((3, RUNS), 2) if positions is None else positions
    rows = [
        {"run": run, "quantizer": name, "variant": variant, "r": r[q, run] * factor}
        | {"dominating_position": positions[q][run], "distinct": distinct + run}
        for run in range(RUNS)
        for q, name in enumerate(NAMES)
        for variant, factor in (("paper", 1.0), ("rate", 2.0))
    ]
    meta = [
        {"task": "binary", "quantizers": {
            name: {"bits": 1.0 + q, "sparsity": 0.1 * run,
                   "utility": {"accuracy": UTILITY[q, run], "roc_auc": 0.5}}
            for q, name in enumerate(NAMES)
        }}
        for run in range(RUNS)
    ]  # fmt: skip
    last = np.array([[True] * 4, [True, False, False, False], [False] * 4])
    means = {
        name: [np.arange(3.0) + q + run for run in range(RUNS)] for q, name in enumerate(NAMES)
    }
    grids = {1: r, 2: np.full((3, RUNS), np.nan)}
    rest = (GAP_Z, HALVES, np.array([8, 10, 9, 9]), means, [])
    return Evidence(list(NAMES), [], meta, pd.DataFrame(rows), last, grids, *rest)


def indicated(found: Evidence) -> Indicated:
    r = found.per_run(NAMES, "paper")
    medians = [Interval(float(np.median(each)), each.min(), each.max()) for each in r]
    return Indicated(NAMES, r, medians, r.mean(1), bootstrap().means(r))


def result(advantage: float, auc: float, seed=0, noise=0.05) -> AttackResult:
    rng = np.random.default_rng(seed)
    resampled, resampled_auc = noise * rng.normal(size=(2, RESAMPLES)) + [[advantage], [auc]]
    spread = Interval(advantage, advantage - 0.1, advantage + 0.1)
    mis = Interval(1 - advantage, 1 - spread.high, 1 - spread.low)
    half = Interval(0.5 + advantage / 2, 0.5, 0.6)
    area = Interval(auc, auc - 0.02, auc + 0.03)
    roc = {0.01: spread, 0.001: half, 0.5: half}
    return AttackResult(area, spread, mis, half, roc, resampled, resampled_auc)


# Of every two quantizers the one that leaks less by AUC leaks more by MIS.
RESULTS = {
    "lira": {name: result(0.1 * q, 0.9 - 0.05 * q, q) for q, name in enumerate(NAMES)},
    "rmia": {name: result(0.2 * q, 0.8 - 0.02 * q, 9 + q) for q, name in enumerate(NAMES)},
}


def audited(results=RESULTS, trusted: str | None = "lira") -> Audit:
    bare = pd.DataFrame(), pd.DataFrame()
    unseen = {attack: dict.fromkeys(NAMES, UNSEEN) for attack in results}
    return Audit(dict(results), *bare, trusted, [], unseen)


def test_a_row_of_the_ranking_is_made_of_the_facts_of_all_runs():
    found = evidence()
    own = indicated(found)
    table = tables.ranking(found, NAMES, own, RESULTS, bootstrap())
    assert list(table["quantizer"]) == NAMES
    assert list(table["bits"]) == [1.0, 2.0, 3.0]
    assert table["sparsity"].to_numpy() == pytest.approx([0.15] * 3)
    assert table["utility"].to_numpy() == pytest.approx(UTILITY.mean(1))
    assert set(table["utility_metric"]) == {"accuracy"}
    assert set(table["runs"]) == {RUNS}
    assert set(table["distinct_models"]) == {6.5}
    np.testing.assert_array_equal(table["r_q"], own.r_q)
    np.testing.assert_array_equal(table["rank"], ranks(own.r_q))
    assert table[["r_q_low", "r_q_high"]].isna().all(axis=None)
    for key in ("r_q_median", "rank"):
        assert (table[f"{key}_low"] <= table[key]).all()
        assert (table[key] <= table[f"{key}_high"]).all()
    cells = table[["r_q_median", "r_q_median_low", "r_q_median_high"]].to_numpy()
    assert cells.tolist() == [[*vars(each).values()] for each in own.medians]
    np.testing.assert_allclose(table["n_r_q"], 9 * own.r_q)
    for attack, results in RESULTS.items():
        for key in ("auc", "mis"):
            spreads = [getattr(results[name], key) for name in NAMES]
            cells = [f"{key}_{attack}{end}" for end in ("", "_low", "_high")]
            assert table[cells].to_numpy().tolist() == [[*vars(each).values()] for each in spreads]
    assert (table["mis_upper"] <= 1).all()


def test_without_attacks_the_ranking_has_neither_auc_nor_mis():
    found = evidence()
    table = tables.ranking(found, NAMES, indicated(found), {}, bootstrap())
    assert not [each for each in table if str(each).startswith(("auc", "mis"))]


def test_where_no_resample_is_defined_ranks_have_no_interval():
    found = evidence()
    r = found.per_run(NAMES, "paper")
    bare = Indicated(NAMES, r, UNKNOWN, r.mean(1), np.full((3, 1), np.nan))
    table = tables.ranking(found, NAMES, bare, {}, bootstrap())
    np.testing.assert_array_equal(table["rank"], ranks(r.mean(1)))
    assert table[["r_q_low", "r_q_high", "rank_low", "rank_high"]].isna().all(axis=None)


def test_every_figure_of_every_attack():
    table = tables.attacks(["b", "c"], audited())
    assert list(zip(table["attack"], table["quantizer"], strict=True)) == [
        ("lira", "b"), ("lira", "c"), ("rmia", "b"), ("rmia", "c")
    ]  # fmt: skip
    figures = ["auc", "advantage", "mis", "balanced_accuracy"]
    figures += ["tpr_at_fpr_0.01", "tpr_at_fpr_0.001"]
    cells = [f"{figure}{end}" for figure in figures for end in ("", "_low", "_high")]
    without = ["auc_without_extreme", "mis_without_extreme"]
    assert list(table) == ["quantizer", "attack", *cells, *without]
    assert table.loc[3, "auc"] == pytest.approx(0.76)
    assert table.loc[3, "advantage"] == 0.4
    assert table.loc[3, "tpr_at_fpr_0.01_low"] == pytest.approx(0.3)
    assert table[without].isna().all(axis=None)
    assert tables.attacks(NAMES, audited({}, None)).empty


def test_what_is_found_without_a_handful_stands_in_its_row():
    found = audited()
    found.without["rmia"]["c"] = Without(0.61, 0.82)
    table = tables.attacks(["b", "c"], found)
    assert table[["attack", "quantizer"]].to_numpy()[-1].tolist() == ["rmia", "c"]
    without = table[["auc_without_extreme", "mis_without_extreme"]]
    assert without.to_numpy()[-1].tolist() == [0.61, 0.82]
    assert np.isnan(without.to_numpy()[:-1]).all()


def test_utility_is_a_row_a_run_quantizer_and_metric():
    table = tables.utility(evidence(), ["c", "a"])
    assert list(table) == ["run", "quantizer", "metric", "value"]
    assert len(table) == RUNS * 2 * 2
    chosen = table[(table["quantizer"] == "c") & (table["metric"] == "accuracy")]
    np.testing.assert_array_equal(chosen["value"], UTILITY[2])


def test_diagnostics_of_every_quantizer():
    r = np.array([[0.1, 0.2, 0.3, 0.4], [np.nan, 0.2, 0.3, np.nan], [np.nan] * 4])
    # Of 5 to 8 distinct models the high-loss half begins above 3, 3.5, 4 and 4.5.
    positions = [[2, 4, 4, 5], [0, 3, 4, 0], [0, 0, 0, 0]]
    found = evidence(r, positions)
    table = tables.diagnostics(found, r).set_index("quantizer")
    assert list(table["best_is_last"]) == [1.0, 0.25, 0.0]
    assert list(table["undefined_runs"]) == [0, 2, 4]
    assert table["dominated_by_high_loss"]["a"] == 0.5
    assert table["dominated_by_high_loss"]["b"] == 0.0
    assert np.isnan(table["dominated_by_high_loss"]["c"])
    assert table["r_q_grid_1"]["a"] == 0.25
    assert table["r_q_grid_1"]["b"] == 0.25
    assert table[["r_q_grid_2"]].isna().all(axis=None)


def test_the_gap_and_the_halves_of_every_quantizer():
    table = tables.diagnostics(evidence(), np.ones((3, RUNS))).set_index("quantizer")
    np.testing.assert_allclose(table["gap_z"], [0.25, 1.75, 0.7])
    np.testing.assert_allclose(table["gap_significant"], [0.0, 0.5, 0.25])
    correlations = table["halves_correlation"].to_numpy()
    np.testing.assert_allclose(correlations[:2], [1, np.corrcoef([0, 1, 2, 3], [3, 1, 2, 0])[0, 1]])
    assert np.isnan(correlations[2])  # one half says the same of every run


def test_a_correlation_takes_four_runs_with_both_halves():
    found = evidence()
    halves = found.halves.copy()
    halves[0, 0, 0], halves[1, 1, 2] = 0.0, np.nan
    table = tables.diagnostics(replace(found, halves=halves), np.ones((3, RUNS)))
    assert table["halves_correlation"].isna().all()


def test_grids_are_found_in_the_diagnostics():
    table = pd.DataFrame({"quantizer": ["a"], "r_q_grid_2": [0.1], "r_q_grid_10": [0.2]})
    found = tables.r_q_on_grids(table)
    assert list(found) == [2, 10]
    assert found[10][0] == 0.2


def test_pairs_stand_in_the_order_of_the_ranking():
    found = evidence()
    own = indicated(found)
    table = tables.pairs(["c", "a", "b"], NAMES, own, audited(), bootstrap())
    assert list(zip(table["quantizer"], table["other"], strict=True)) == [
        ("c", "a"), ("c", "b"), ("a", "b")
    ]  # fmt: skip
    needed = [f"runs_to_separate{end}" for end in ("", "_low", "_high")]
    measures = ["p_r_q", "p_auc_lira", "p_mis_lira", "p_auc_rmia", "p_mis_rmia"]
    assert list(table) == ["quantizer", "other", *measures, *needed]
    last = table.iloc[-1]
    assert last["p_r_q"] == (own.resampled[0] > own.resampled[1]).mean()
    for attack, results in RESULTS.items():
        a, b = results["a"], results["b"]
        assert last[f"p_auc_{attack}"] == (a.resampled_auc < b.resampled_auc).mean()
        assert last[f"p_mis_{attack}"] == (a.resampled < b.resampled).mean()
    assert last["p_auc_lira"] < 0.5 < last["p_mis_lira"]  # which do not agree about these two


def test_the_runs_that_would_separate_go_by_the_auc_of_the_trusted_attack():
    found = evidence()
    own = indicated(found)
    for trusted in RESULTS:
        table = tables.pairs(["c", "a", "b"], NAMES, own, audited(trusted=trusted), bootstrap())
        a, b = RESULTS[trusted]["a"], RESULTS[trusted]["b"]
        by_auc = a.auc.value - b.auc.value, a.resampled_auc - b.resampled_auc
        by_mis = a.advantage.value - b.advantage.value, a.resampled - b.resampled
        expected, other = (runs_to_separate(*each, RUNS, 0.9) for each in (by_auc, by_mis))
        needed = Interval.of_cells(table.iloc[-1].to_dict(), "runs_to_separate")
        assert needed == expected != other


def test_equal_resamples_are_a_draw_and_undefined_ones_are_left_out():
    resampled = np.array([[1.0, 1.0, 2.0, np.nan], [1.0, 1.0, 1.0, 5.0], [np.nan] * 4])
    own = Indicated(NAMES, np.zeros((3, RUNS)), UNKNOWN, np.zeros(3), resampled)
    table = tables.pairs(NAMES, NAMES, own, audited({}, None), bootstrap())
    assert list(table) == ["quantizer", "other", "p_r_q"]
    assert table["p_r_q"][0] == pytest.approx(2 / 3)
    assert table["p_r_q"][1:].isna().all()


def test_one_run_compares_nothing():
    found = evidence()
    table = tables.pairs(NAMES, NAMES, indicated(found), audited(), bootstrap(1))
    assert table.drop(columns=["quantizer", "other"]).isna().all(axis=None)


def test_one_quantizer_has_no_pair():
    found = evidence()
    assert tables.pairs(["a"], NAMES, indicated(found), audited(), bootstrap()).empty


def test_the_trajectory_is_the_mean_over_the_runs():
    table = tables.trajectory(evidence(), ["c", "a"], [2, 4, 6], bootstrap())
    assert list(table) == ["quantizer", "epoch", "loss", "loss_low", "loss_high"]
    assert list(table["quantizer"]) == ["c"] * 3 + ["a"] * 3
    assert list(table["epoch"]) == [2, 4, 6] * 2
    assert list(table["loss"]) == [3.5, 4.5, 5.5, 1.5, 2.5, 3.5]
    assert (table["loss_low"] < table["loss"]).all()
    assert (table["loss"] < table["loss_high"]).all()


def test_the_bound_of_all_runs_stands_beside_its_quantizer():
    epsilon = pd.DataFrame(
        [
            ("a", "any", None, 0.1),
            ("a", "any", 0, 9.0),
            ("a", "lira", None, 9.0),
            ("b", "any", None, 0.2),
        ],
        columns=["quantizer", "attack", "run", "epsilon"],
    )
    found = tables.bound_of_all(pd.DataFrame({"quantizer": ["b", "a"]}), epsilon)
    assert list(found) == [0.2, 0.1]
