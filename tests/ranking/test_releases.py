import numpy as np
import pandas as pd
import pytest

from quantmia.attacks.metrics import mean_advantage, mean_auc
from quantmia.data.split import halves
from quantmia.pipeline import finished
from quantmia.report.load import load
from quantmia.runs.folder import RunFolder
from tests.tiny import progress, run, tiny, trained

SETTINGS = ("attack=[lira,lira_eb,loss_threshold,whitebox]", "release.checkpoints=[best,2,last]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("releases") / "out"
    results = run(path, *SETTINGS)
    assert results
    return path, results


def test_the_last_release_is_what_the_ranking_is_of(folder):
    _, results = folder
    front, ranking = results.tables["front"], results.ranking.set_index("quantizer")
    last = front[front["checkpoint"] == "last"].set_index("quantizer")
    for attack in ("lira", "lira_eb", "loss_threshold"):
        for column in (f"auc_{attack}", f"mis_{attack}", f"mis_{attack}_low"):
            pd.testing.assert_series_equal(last[column], ranking.loc[last.index, column])
    assert "auc_whitebox" not in front  # which reads the models of one checkpoint


def test_every_release_is_a_row_in_the_order_of_the_training(folder):
    _, results = folder
    front = results.tables["front"]
    assert len(front) == 3 * 3
    for _, rows in front.groupby("quantizer"):
        assert set(rows["checkpoint"]) == {"best", "2", "last"}
        assert rows["epoch"].is_monotonic_increasing
        assert rows.set_index("checkpoint")["epoch"]["last"] == 4


def test_an_early_release_is_attacked_as_a_training_that_ended_there(folder, tmp_path):
    _, results = folder
    short = run(tmp_path / "short", *SETTINGS[:1], "training.epochs=2", "release.checkpoints=last")
    assert short
    front, ranking = results.tables["front"], short.ranking.set_index("quantizer")
    early = front[front["checkpoint"] == "2"].set_index("quantizer")
    for column in ("auc_lira_eb", "mis_lira_eb", "mis_lira_eb_low", "auc_loss_threshold_high"):
        pd.testing.assert_series_equal(early[column], ranking.loc[early.index, column])
    assert "front" not in short.tables
    assert short.decision is None
    assert short.advice == []


def test_figures_of_the_best_checkpoint_from_the_files(folder):
    path, results = folder
    front = results.tables["front"].set_index(["quantizer", "checkpoint"])
    runs = [RunFolder(path).read_run(number) for number in range(8)]
    members = np.stack([each.scores["members"] > 0 for each in runs])
    target = np.stack([each.scores["target"] for each in runs])
    for name in ("full_precision", "sign", "uniform_2"):
        logit = np.stack([each.releases[f"pool/{name}/best"] for each in runs])
        score = -np.logaddexp(0, -logit * np.where(target > 0.5, 1, -1))
        row = front.loc[name, "best"]
        assert row["auc_loss_threshold"] == pytest.approx(mean_auc(score, members), abs=1e-6)
        advantage = mean_advantage(score, members)
        assert row["mis_loss_threshold"] == pytest.approx(1 - max(advantage, 0), abs=0.02)
        right = [
            ((each.releases[f"measured/{name}/best"] > 0) == (each.releases["target"] > 0.5)).mean()
            for each in runs
        ]
        assert row["utility"] == pytest.approx(np.mean(right))
        epochs = [each.meta["quantizers"][name]["releases"]["best"] for each in runs]
        assert row["epoch"] == np.mean(epochs)
        for each, epoch in zip(runs, epochs, strict=True):
            choosing, _ = halves(each.losses[name].shape[1])
            assert each.losses[name][:, choosing].mean(1).argmin() + 1 == epoch


def test_who_is_on_the_front_is_beaten_by_nobody(folder):
    front = folder[1].tables["front"]
    for _, row in front.iterrows():
        beaten = (
            (front["auc_lira_eb"] <= row["auc_lira_eb"]) & (front["utility"] >= row["utility"])
            & ((front["auc_lira_eb"] < row["auc_lira_eb"]) | (front["utility"] > row["utility"]))
        ).any()  # fmt: skip
        assert row["on_front"] == (not beaten)


def test_what_is_saved_is_against_full_precision_at_its_best_loss(folder):
    front = folder[1].tables["front"].set_index(["quantizer", "checkpoint"])
    usual = front.loc["full_precision", "best"]
    assert usual["saved"] == usual["saved_low"] == usual["saved_high"] == 0
    assert front["gain"].isna().groupby("quantizer").any().to_dict() == {
        "full_precision": True, "sign": False, "uniform_2": False
    }  # fmt: skip


def test_without_full_precision_or_its_best_loss_nothing_is_compared(tmp_path):
    for name, overrides in (
        ("quantized", ("quantizer=[sign,uniform_2]", *SETTINGS)),
        ("late", (SETTINGS[0], "release.checkpoints=[2,last]")),
    ):
        results = run(tmp_path / name, *overrides)
        assert results
        front = results.tables["front"]
        assert front["saved"].isna().all()
        assert front["gain"].isna().all() == (name == "quantized")
        assert results.decision
        assert results.decision.usual is None
        assert results.advice[0].startswith("Ship ")


def test_another_rule_ranks_again_without_training(tmp_path):
    path = trained(tmp_path / "out", *SETTINGS).path
    before = {each: each.stat().st_mtime_ns for each in path.glob("*/run-*")}
    results = run(path, *SETTINGS, "release.mis=0.9999", "release.utility_loss=0.3", "resume=true")
    assert results
    assert results.rule
    assert (results.rule.mis, results.rule.utility_loss) == (0.9999, 0.3)
    assert {each: each.stat().st_mtime_ns for each in path.glob("*/run-*")} == before


def test_what_was_released_is_read_back_with_its_decision(folder):
    path, results = folder
    found = load(path)
    assert found.advice == results.advice
    assert found.decision
    assert found.decision.facts() == results.decision.facts()
    text = (path / "ranking.md").read_text()
    assert all(said in text for said in results.advice)


def test_attacks_by_models_alone_leave_no_front(tmp_path):
    results = run(tmp_path / "out", "attack=whitebox", "release.checkpoints=[best,last]")
    assert results
    assert "front" not in results.tables
    assert results.decision is None


def test_folders_of_an_older_version_released_the_last_checkpoint(tmp_path):
    folder = trained(tmp_path / "out", "release.checkpoints=last")
    manifest = folder.manifest()
    del manifest["config"]["release"]
    folder.write_manifest(manifest)
    results, _ = finished.rank([folder.path], None, tmp_path / "cache", progress())
    assert "front" not in results.tables
    config = tiny("release.checkpoints=last", "resume=true")
    folder.refuse_other(config)
