"""Losses and answers on some samples in place of all: what stays, and what is of the part alone."""

import numpy as np
import pytest

from quantmia.attacks.metrics import mean_auc
from quantmia.data.kept import Kept
from quantmia.pipeline import finished
from quantmia.ranking.indicator import HeldOut, indicator, order
from quantmia.runs.content import RunFiles
from quantmia.runs.folder import RunFolder
from tests.tiny import progress, run

SETTINGS = ("dataset.size=700", "release.checkpoints=[best,2,last]", "attack=[loss_threshold,rmia]")
VALIDATION, POOL, PART = 280, 420, 120
QUANTIZERS = ("full_precision", "sign", "uniform_2")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Folder and results of the same training, of all samples and of a part."""
    path = tmp_path_factory.mktemp("kept")
    part = (f"indicator.samples={PART}", f"release.samples={PART}")
    made = {"whole": (), "part": part}
    return {
        name: (RunFolder(path / name), run(path / name, *SETTINGS, *more))
        for name, more in made.items()
    }


@pytest.fixture(scope="module")
def runs(both) -> list[tuple[RunFiles, RunFiles]]:
    return [tuple(both[name][0].read_run(run) for name in ("whole", "part")) for run in range(8)]


def test_what_is_kept_is_what_all_have_at_these_places(runs):
    kept = Kept.of(VALIDATION, POOL, PART, PART)
    assert kept.releases is not None
    for whole, part in runs:
        np.testing.assert_array_equal(part.losses["places"], kept.losses)
        np.testing.assert_array_equal(part.releases["places"], kept.releases.pool)
        np.testing.assert_array_equal(
            part.releases["target"], whole.releases["target"][kept.releases.measured]
        )
        assert part.meta["held_out"] == VALIDATION
        for name in QUANTIZERS:
            np.testing.assert_array_equal(part.losses[name], whole.losses[name][:, kept.losses])
            np.testing.assert_array_equal(part.scores[name], whole.scores[name])
            for release in ("best", "2"):
                seen = whole.releases[f"pool/{name}/{release}"][kept.releases.pool]
                mine = part.releases[f"pool/{name}/{release}"]
                np.testing.assert_allclose(mine, seen, rtol=1e-5, atol=1e-6)


def test_ranking_utilities_and_mean_losses_are_of_all(both):
    whole, part = (both[name][1].tables for name in ("whole", "part"))
    for table in ("utility", "trajectory"):
        assert whole[table].equals(part[table]), table
    attacks = [
        each[each["attack"] == "loss_threshold"] for each in (whole["attacks"], part["attacks"])
    ]
    assert attacks[0].equals(attacks[1])
    columns = ["quantizer", "checkpoint", "epoch", "utility"]
    assert whole["front"][columns].equals(part["front"][columns])


def test_gaps_are_of_all_and_variances_of_the_part(both, runs):
    found = both["part"][1].tables["indicator"].set_index(["quantizer", "variant", "run"])
    whole = both["whole"][1].tables["indicator"].set_index(["quantizer", "variant", "run"])
    np.testing.assert_allclose(
        found.xs("paper", level=1)["delta"], whole.xs("paper", level=1)["delta"]
    )
    for number, (every, part) in enumerate(runs):
        for name in QUANTIZERS:
            models = np.array(every.meta["quantizers"][name]["models"])
            losses = part.losses[name].astype(np.float64)
            best = every.losses[name].mean(1, dtype=np.float64).argmin()
            others = [k for k in np.unique(models) if models[k] != models[best]]
            expected = max(np.var(losses[k] - losses[best], ddof=1) for k in others)
            assert found.loc[(name, "paper", number), "sigma2"] == pytest.approx(expected)
            of_all = indicator(order(HeldOut(every.losses[name], models)), "paper")
            assert found.loc[(name, "paper", number), "r"] == pytest.approx(
                of_all.delta**2 / (2 * expected)
            )


def test_releases_are_all_attacked_on_the_same_part(both, runs):
    of_releases = Kept.of(VALIDATION, POOL, PART, PART).releases
    assert of_releases is not None
    kept = of_releases.pool
    front = both["part"][1].tables["front"].set_index(["quantizer", "checkpoint"])
    members = np.stack([each.scores["members"][kept] > 0 for each, _ in runs])
    target = np.stack([each.scores["target"][kept] for each, _ in runs])
    for name in QUANTIZERS:
        for release in ("best", "2", "last"):
            logit = np.stack(
                [
                    each.scores[name][kept]
                    if release == "last"
                    else part.releases[f"pool/{name}/{release}"]
                    for each, part in runs
                ]
            )
            score = -np.logaddexp(0, -logit * np.where(target > 0.5, 1, -1))
            found = front.loc[(name, release), "auc_loss_threshold"]
            assert found == pytest.approx(mean_auc(score, members), abs=1e-6)


def test_intervals_of_utilities_are_as_wide_as_those_of_all(both):
    whole, part = (both[name][1].tables["front"] for name in ("whole", "part"))
    widths = [(each["utility_high"] - each["utility_low"]).mean() for each in (whole, part)]
    assert widths[1] == pytest.approx(widths[0], rel=0.3)


def test_a_reader_is_told(both):
    said = [str(each) for each in both["part"][1].cautions]
    assert any(f"a part of the {VALIDATION} held-out samples" in each for each in said)
    assert any(f"a part of the {POOL} samples of the pool" in each for each in said)
    assert not any("a part of the" in str(each) for each in both["whole"][1].cautions)


def test_folders_are_merged_and_completed_where_no_bound_cuts_anything(both, tmp_path):
    path = both["whole"][0].path
    run(path, *SETTINGS, "indicator.samples=null", "release.samples=420", "resume=true")
    other = run(tmp_path / "other", *SETTINGS, "seed=1", "indicator.samples=null")
    assert other
    results, _ = finished.rank(
        [path, tmp_path / "other"], tmp_path / "both", tmp_path / "cache", progress()
    )
    assert (results.tables["ranking"]["runs"] == 16).all()
