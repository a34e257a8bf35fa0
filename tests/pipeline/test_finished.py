import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from quantmia.attacks.metrics import mean_advantage
from quantmia.data.split import halves
from quantmia.errors import FolderError, QuantmiaError
from quantmia.experiment import Experiment, of_finished
from quantmia.pipeline import finished
from quantmia.pipeline import run as pipeline
from quantmia.preemption import Stop
from quantmia.ranking.decision import Rule
from quantmia.ranking.efficiency import Budget
from quantmia.ranking.evidence import collect
from quantmia.ranking.exposure import most_exposed
from quantmia.ranking.observer import Observer
from quantmia.ranking.results import Results
from quantmia.report.load import Report
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from quantmia.seeding import Purpose, stream
from tests.configurations import configured
from tests.tiny import fitted, progress, run, tiny, trained

QUICK = ("attack=[loss_threshold,lira_shrunk]",)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> list[Path]:
    """Two seeds of one experiment."""
    where = tmp_path_factory.mktemp("seeds")
    return [trained(where / f"seed={seed}", *QUICK, f"seed={seed}").path for seed in (0, 1)]


@pytest.fixture(scope="module")
def ranked(folders) -> Path:
    finished.rank(folders[:1], None, folders[0], progress())
    return folders[0]


def test_one_folder_is_ranked_in_its_place(folders):
    results, target = finished.rank(folders[:1], None, folders[0], progress())
    assert target == folders[0]
    found = Results.read(target)
    assert found.conclusion == results.conclusion
    assert found.folders == [target / "."]
    assert (target / "ranking.md").read_text().startswith("Ship ")
    assert (target / "ranking.tex").exists()


def test_several_folders_are_ranked_beside_the_first(folders):
    results, target = finished.rank(folders, None, folders[0], progress())
    assert target.parent == folders[0].parent
    assert re.fullmatch(r"merged-[0-9a-f]{8}", target.name)
    assert results.conclusion.runs == 16
    assert [path.resolve() for path in Results.read(target).folders] == folders
    backwards, same = finished.rank(folders[::-1], None, folders[0], progress())
    assert same.name == target.name
    pd.testing.assert_frame_equal(backwards.ranking, results.ranking, check_exact=True)


def test_a_ranking_goes_where_it_is_told(folders, tmp_path):
    _, target = finished.rank(folders, tmp_path / "deep" / "down", folders[0], progress())
    assert target == tmp_path / "deep" / "down"
    content = json.loads((target / "conclusion.json").read_text())
    assert [(target / each).resolve() for each in content["folders"]] == folders


def test_a_folder_without_runs_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(FolderError, match=r"has no manifest\.json"):
        finished.rank([tmp_path], tmp_path / "target", tmp_path, progress())
    assert not (tmp_path / "target").exists()


@pytest.mark.slow
def test_the_page_of_one_folder_stands_in_it(ranked):
    shown = progress()
    page = finished.report({"mine": ranked}, None, ranked, shown, expose_samples=False)
    assert page == ranked / "report.html"
    assert shown.console.export_text() == f"Report: {page}\n"
    text = page.read_text()
    assert Results.read(ranked).conclusion.best.quantizer in text
    assert "sample-" not in text


def test_the_samples_that_are_found_most_easily_are_named(ranked):
    report = Report.read(ranked)
    exposed = finished._exposed(report, ranked, progress())
    merged = merge([RunFolder(ranked)])
    least, most = report.ranking["quantizer"].iloc[[-1, 0]]
    found = most_exposed(merged, [least, most], 20)
    table = found.table
    assert len(exposed.samples) == len(table) == min(found.found, 20)
    assert (exposed.found, exposed.rate, exposed.quantizer) == (found.found, 0.05, least)
    assert exposed.runs == len(merged.runs)
    pool = fitted(tiny(*QUICK), ranked).parts.pool
    for each, (position, row) in zip(exposed.samples, table.to_dict("index").items(), strict=True):
        assert each.identifier == f"sample-{pool[int(str(position))]}"
        assert each.scores == {least: row[least], most: row[most]}
        assert each.structure is None
        assert each.drawing is None


def test_samples_of_other_data_are_not_named(ranked, tmp_path):
    changed = RunFolder(tmp_path)
    manifest = RunFolder(ranked).manifest()
    manifest["dataset"]["sha256"] = "0" * 64
    changed.write_manifest(manifest)
    for each in ("losses", "scores", "models", "releases"):
        (tmp_path / each).symlink_to(ranked / each)
    finished.rank([changed.path], None, tmp_path, progress())
    with pytest.raises(FolderError, match="no longer the one that the runs were trained on"):
        finished._exposed(Report.read(tmp_path), tmp_path, progress())


def test_a_folder_without_a_ranking_has_no_page(folders, tmp_path):
    with pytest.raises(FolderError, match="does not exist"):
        finished.report({"x": tmp_path / "x"}, None, tmp_path, progress(), expose_samples=False)
    with pytest.raises(FolderError, match="holds no ranking"):
        finished.report({"x": tmp_path}, None, tmp_path, progress(), expose_samples=False)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"reference": "lira_shrunk", "counts": (12,)}, "8 runs are too few: lira_shrunk on the"),
        ({"reference": "lira_shrunk", "reference_runs": 3, "counts": (2,)}, "needs 4, and at"),
        ({"reference": "lira"}, r"reference=lira: not among .* \(lira_shrunk, loss_threshold\)"),
    ],
)
def test_too_few_runs_tell_nothing_of_how_many_are_needed(ranked, budget, message):
    with pytest.raises(QuantmiaError, match=message):
        finished.measure_efficiency([ranked], None, ranked, Budget(**budget), progress())
    assert not (ranked / "efficiency.csv").exists()


def test_how_many_runs_each_estimator_needs(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # in this process
    budget = Budget(counts=(2, 4, 8), draws=3, reference="lira_shrunk", reference_runs=8)
    table = finished.measure_efficiency(folders, tmp_path, tmp_path, budget, progress())
    assert set(table["estimator"]) == {
        "auc_lira_shrunk", "mis_lira_shrunk", "auc_loss_threshold", "mis_loss_threshold",
        "r_q_paper", "r_q_rate", "r_q_low_loss",
    }  # fmt: skip
    for estimator in ("auc_lira_shrunk", "mis_lira_shrunk"):  # which need 4
        assert set(table.loc[table["estimator"] == estimator, "runs"]) <= {4, 8}
    assert table["spearman"].between(-1, 1).all()
    assert (table.loc[table["runs"] == 8, "draws"] == 1).all()  # all there are: one subset
    written = {"efficiency.csv", "efficiency_needed.csv", "efficiency_mis.csv", "efficiency.svg"}
    assert {path.name for path in tmp_path.iterdir()} == written
    mis = pd.read_csv(tmp_path / "efficiency_mis.csv")
    assert mis["mis"].between(0, 2).all()
    assert mis["runs"].max() == 16


def test_estimators_are_auc_and_mis_of_runs_that_the_reference_does_not_see(
    folders, tmp_path, monkeypatch
):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # in this process
    budget = Budget(counts=(2, 8), draws=3, reference="lira_shrunk", reference_runs=8)
    table = finished.measure_efficiency(folders, tmp_path, tmp_path, budget, progress())
    table = table[table["runs"] == 8].set_index("estimator")["spearman"]
    merged = merge([RunFolder(folder) for folder in folders])
    experiment = of_finished(merged, folders[0], progress())
    found = collect(merged.runs, merged.quantizers, merged.config.indicator, progress())
    observe = Observer(found, experiment.attacks.values(), experiment)
    shuffled = stream(budget.seed, Purpose.EFFICIENCY).permutation(16)
    reference, rest = np.sort(shuffled[:8]), np.sort(shuffled[8:])
    for name, attack in experiment.attacks.items():
        auc, mis, expected = [], [], []
        for quantizer in merged.quantizers:
            seen = observe(quantizer).of(rest)
            pairs = list(zip(seen.members, attack.score(seen), strict=True))
            auc.append(np.mean([roc_auc_score(*pair) for pair in pairs]))
            mis.append(1 - mean_advantage(attack.score(seen), seen.members))
            theirs, own = observe(quantizer).of(reference), experiment.attacks["lira_shrunk"]
            expected.append(1 - mean_advantage(own.score(theirs), theirs.members))
        # The more private has the smaller AUC and the larger MIS.
        assert table[f"auc_{name}"] == pytest.approx(-spearmanr(auc, expected).statistic)
        assert table[f"mis_{name}"] == pytest.approx(spearmanr(mis, expected).statistic)


def test_folders_of_the_same_data_make_one_front(tmp_path):
    common = ("attack=[lira_eb,loss_threshold]", "release.checkpoints=[best,2,last]")
    paths = {}
    for name, own in (("plain", ()), ("decayed", ("training.weight_decay=0.1",))):
        paths[name] = tmp_path / name
        assert run(paths[name], *common, *own)
    joined, target = finished.front(paths, None, Rule(0.05), progress())
    assert target.parent == tmp_path
    assert target.name.startswith("front-")
    written = pd.read_csv(target / "front.csv")
    assert len(written) == len(joined.table) == 2 * 3 * 3
    for name, path in paths.items():
        own = pd.read_csv(path / "front.csv")
        mine = written[written["folder"] == name].reset_index(drop=True)
        for column in ("utility", "auc_lira_eb", "mis_lira_eb_low", "mis_upper"):
            np.testing.assert_allclose(mine[column], own[column])
        gains = mine["gain"].to_numpy()
        if name == "plain":  # in pairs with itself, as in its own front
            np.testing.assert_allclose(gains, own["gain"], atol=1e-12)
        else:  # on the same members: everything is compared with what was trained plainly
            assert np.isfinite(gains).all()
            assert np.isfinite(mine["gain_low"]).all()
    assert joined.decision.against == "full_precision (plain)"
    assert {each.name for each in (target / "figures").iterdir()} == {"front.svg", "front.pdf"}


def test_trainings_on_other_members_are_not_compared_in_pairs(tmp_path):
    paths = {"first": tmp_path / "first", "other": tmp_path / "other"}
    assert run(paths["first"], "attack=loss_threshold")
    assert run(paths["other"], "attack=loss_threshold", "seed=3")
    joined, _ = finished.front(paths, None, Rule(0.05), progress())
    assert joined.table["gain"].isna().all()
    assert joined.decision.against is None


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("dataset.seed=3",), "are of different data: their utilities cannot be compared"),
        (("split.seed=3",), r"are of different samples \(split\)"),
        (("release.checkpoints=last",), "has no front: of other the last checkpoint alone"),
    ],
)
def test_what_cannot_be_compared_makes_no_front(tmp_path, overrides, said):
    paths = {"first": tmp_path / "first", "other": tmp_path / "other"}
    assert run(paths["first"], "attack=loss_threshold")
    assert run(paths["other"], "attack=loss_threshold", *overrides)
    with pytest.raises(QuantmiaError, match=said):
        finished.front(paths, None, Rule(0.05), progress())
    assert not list(tmp_path.glob("front-*"))


def test_one_ranking_has_its_front_already(tmp_path):
    path = tmp_path / "one"
    assert run(path, "attack=loss_threshold")
    before = (path / "front.csv").read_bytes()
    with pytest.raises(QuantmiaError, match="one ranking has its front already"):
        finished.front({"one": path}, None, Rule(0.05), progress())
    both = {"one": path, "other": shutil.copytree(path, tmp_path / "other")}
    with pytest.raises(QuantmiaError, match="it would replace a front that is drawn from"):
        finished.front(both, path, Rule(0.05), progress())
    assert (path / "front.csv").read_bytes() == before
    shutil.move(path / "manifest.json", tmp_path)
    with pytest.raises(FolderError, match="the folders with its runs are gone"):
        finished.front(both, None, Rule(0.05), progress())


def test_a_front_of_other_attacks_does_not_stay(tmp_path):
    path = tmp_path / "out"
    assert run(path, "attack=loss_threshold")
    assert (path / "front.csv").exists()
    assert run(path, "attack=[]", "resume=true")
    assert not (path / "front.csv").exists()
    assert not (path / "front.safetensors").exists()
    assert not (path / "roc.csv").exists()


def test_targets_that_do_not_vary_where_releases_are_measured_leave_no_front(tmp_path):
    """Of a regression a quarter of whose targets are not 0, with few held-out samples."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(40, 3)), columns=list("abc"))
    table["y"] = np.where(np.arange(40) % 4 == 0, rng.normal(size=40), 0.0)
    table.to_csv(tmp_path / "data.csv", index=False)
    data = (f"dataset.path={tmp_path / 'data.csv'}", "dataset.target=y", "dataset.task=regression")
    few = ("runs=4", "training.stack=4", "training.epochs=3", "ranking.bootstrap=20")
    few += ("training.vectorize=false", "quantizer=[full_precision,sign]", "attack=loss_threshold")
    fronts = []
    for seed in range(12):
        split = ("split.validation=0.1", f"split.seed={seed}")
        config = configured("dataset=csv", "device=cpu", *data, *few, *split)
        target = Experiment(config, tmp_path, progress())
        held_out = target.dataset.target[target.parts.validation]
        if len(np.unique(held_out[halves(4)[1]])) > 1:
            continue
        results = pipeline.run(config, tmp_path / f"{seed}", tmp_path, progress(), (), Stop())
        assert results
        fronts.append("front" in results.tables)
        assert results.decision is None
        assert Results.read(tmp_path / f"{seed}").answer == results.answer
        break
    assert fronts == [False]
