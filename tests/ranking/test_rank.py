from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantmia.experiment import of_finished
from quantmia.ranking import rank
from quantmia.ranking.audit import Audit, audit
from quantmia.ranking.rank import rank_runs
from quantmia.ranking.results import Results
from quantmia.ranking.stored import COLUMNS
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from quantmia.statistics import Interval
from tests.tiny import progress, tiny, trained

NAMES = ["full_precision", "sign", "uniform_2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("ranked"))


@pytest.fixture(scope="module")
def results(folder) -> Results:
    return ranked(folder)


def ranked(*folders: RunFolder, **settings) -> Results:
    """Ranked anew, with other settings in the manifest of each."""
    for folder in folders:
        manifest = folder.manifest()
        manifest["config"] |= settings
        folder.write_manifest(manifest)
    merged = merge(folders)
    return rank_runs(merged, of_finished(merged, folders[0].path, progress()))


def copied(folder: RunFolder, path: Path) -> RunFolder:
    """The same runs, with a manifest of its own."""
    path.mkdir()
    for each in ("losses", "scores", "models", "releases"):
        (path / each).symlink_to(folder.path / each)
    made = RunFolder(path)
    made.write_manifest(folder.manifest())
    return made


def test_every_table_has_its_columns(results):
    assert set(results.tables) == COLUMNS.keys() - {"epsilon", "calibration"}
    for name, table in results.tables.items():
        assert set(COLUMNS[name]) <= set(table), name
        assert len(table)
    assert list(results.indicator) == [
        "run", "quantizer", "variant", "r", "delta", "sigma2", "dominating_position", "distinct"
    ]  # fmt: skip


def test_the_most_private_is_the_first(results):
    table = results.ranking
    assert results.trusted == "lira_eb"
    assert results.key.column == "auc_lira_eb"
    assert sorted(table["quantizer"]) == NAMES
    assert table["auc_lira_eb"].is_monotonic_increasing
    assert list(table.index) == [0, 1, 2]
    assert results.conclusion.best.quantizer == table["quantizer"][0]
    pairs = results.tables["pairs"]
    order = list(table["quantizer"])
    assert list(zip(pairs["quantizer"], pairs["other"], strict=True)) == [
        (order[0], order[1]), (order[0], order[2]), (order[1], order[2])
    ]  # fmt: skip
    assert list(results.tables["trajectory"]["quantizer"].unique()) == order


def contradicted(*given) -> Audit:
    """An audit in which of two quantizers the one with the larger MIS has the larger AUC, too."""
    done = audit(*given)
    for results in done.results.values():
        for name, each in results.items():
            auc = Interval(*(0.5 + end / 2 for end in vars(each.mis).values()))
            results[name] = replace(each, auc=auc, resampled_auc=-each.resampled)
    return done


def test_where_they_disagree_the_order_is_that_of_the_auc(folder, results, tmp_path, monkeypatch):
    monkeypatch.setattr(rank, "audit", contradicted)
    found = ranked(copied(folder, tmp_path / "contradicted"))
    table, pairs = found.ranking, found.tables["pairs"]
    mis = results.ranking.set_index("quantizer")["mis_lira_eb"]
    assert mis.nunique() > 1
    assert table["quantizer"].tolist() == mis[NAMES].sort_values(kind="stable").index.tolist()
    least = Interval.of_cells(table.iloc[0].to_dict(), "auc_lira_eb")
    assert found.conclusion.best.privacy == least
    np.testing.assert_allclose(pairs["p_auc_lira_eb"], 1 - pairs["p_mis_lira_eb"])


def test_tables_agree_with_each_other(results):
    ranking = results.ranking.set_index("quantizer")
    paper = results.indicator[results.indicator["variant"] == "paper"]
    r_q = paper.groupby("quantizer")["r"].mean()
    np.testing.assert_allclose(ranking["r_q"], r_q[ranking.index])
    accuracy = results.utility[results.utility["metric"] == "accuracy"]
    mean = accuracy.groupby("quantizer")["value"].mean()
    np.testing.assert_allclose(ranking["utility"], mean[ranking.index])
    attacks = results.attacks.set_index(["attack", "quantizer"])
    for attack in results.attack_names:
        mine = attacks.loc[attack].loc[ranking.index]
        for key in ("auc", "mis"):
            for end in ("", "_low", "_high"):
                np.testing.assert_array_equal(ranking[f"{key}_{attack}{end}"], mine[key + end])
    assert list(results.tables["trajectory"]["epoch"].unique()) == [1, 2, 3, 4]
    statistics = list(results.tables["correlation"]["statistic"])
    assert statistics == ["spearman"] * 3 + [
        "spearman_r_q_grid_2_with_grid_1", "spearman_r_q_between_halves"
    ]  # fmt: skip


def test_a_second_time_the_bits_are_the_same(folder, results):
    again = ranked(folder)
    for name, table in results.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table, check_exact=True)
    assert again.conclusion == results.conclusion
    assert again.warnings == results.warnings


def test_nothing_is_missing_of_a_whole_folder(results):
    assert list(results.missing) == list(results.diverged) == []
    assert results.confidence == 0.95


def test_without_attacks_r_q_orders(folder, results, tmp_path):
    found = ranked(copied(folder, tmp_path / "bare"), attack={})
    assert found.trusted is None
    assert found.ranking["r_q"].is_monotonic_decreasing
    assert found.attacks.empty
    assert "roc" not in found.tables
    assert found.conclusion.best.quantizer == found.ranking["quantizer"][0]
    assert "runs_to_separate" not in found.tables["pairs"]
    expected = results.ranking.set_index("quantizer")["r_q"]
    np.testing.assert_array_equal(found.ranking["r_q"], expected[found.ranking["quantizer"]])


def test_few_runs_leave_an_attack_out_and_say_so(folder, tmp_path):
    few = copied(folder, tmp_path / "few")
    manifest = few.manifest()
    few.write_manifest(manifest | {"runs": 4})
    found = ranked(few)
    assert "lira was left out: it needs 8 runs and there are 4" in found.warnings
    assert not {"auc_lira", "mis_lira"} & set(found.ranking)
    assert set(found.ranking["runs"]) == {4}


def test_runs_that_are_missing_are_the_first_thing_to_know(folder, tmp_path):
    part = copied(folder, tmp_path / "part")
    manifest = part.manifest()
    manifest["config"] |= {"shards": 2, "shard": 0}
    manifest["config"]["training"]["stack"] = 4
    part.write_manifest(manifest)
    found = ranked(part)
    (said,) = found.missing
    assert said.startswith("runs 4-7 of 8 (seed 0) are in none of the folders")
    assert found.warnings[0] == said


def test_bounds_on_epsilon_stand_in_the_ranking(tmp_path):
    coins = trained(tmp_path / "coins", "split.membership=coin")
    found = ranked(coins)
    epsilon = found.tables["epsilon"]
    whole = epsilon[(epsilon["attack"] == "any") & epsilon["run"].isna()].set_index("quantizer")
    order = found.ranking["quantizer"]
    np.testing.assert_array_equal(found.ranking["epsilon"], whole["epsilon"][order])


def test_one_quantizer_and_one_run_are_a_ranking(tmp_path):
    config = tiny().quantizer
    single = trained(tmp_path / "single")
    manifest = single.manifest()
    manifest["config"] |= {"quantizer": {"sign": config["sign"]}}
    single.write_manifest(manifest | {"runs": 1})
    found = ranked(single)
    assert list(found.ranking["quantizer"]) == ["sign"]
    assert found.tables["pairs"].empty
    assert found.trusted is None
    assert not found.conclusion.sure
    assert found.ranking[["r_q_low", "rank_low"]].isna().all(axis=None)


def test_the_variant_pooled_stands_in_the_table(folder, tmp_path):
    indicator = folder.manifest()["config"]["indicator"] | {"variant": "pooled"}
    found = ranked(copied(folder, tmp_path / "pooled"), indicator=indicator)
    pooled = found.indicator[found.indicator["variant"] == "pooled"].set_index("quantizer")["r"]
    table = found.ranking.set_index("quantizer")
    np.testing.assert_array_equal(table["r_q"], pooled[table.index].astype(float))
    assert table[["r_q_low", "r_q_high"]].isna().all(axis=None)
