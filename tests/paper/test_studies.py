"""Tables of the studies, against plain numpy on what the runs left."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from scipy.stats import spearmanr

from quantmia.errors import FolderError
from scripts.paper.studies import Setting, read_settings
from scripts.paper.tables import agreement, over_repetitions, regime
from tests.end_to_end.command import quantmia

ROOT = Path(__file__).parents[2]
NAMES = ["full_precision", "sign", "ternary_90", "uniform_2"]
STUDY = [
    "run", "-m", "+experiment=paper/mixtures", "dataset.modes=2,8", "dataset.sigma=2",
    "dataset.size=600", "dataset.dimension=16", "quantization.scale=data", "seed=0,1",
    "runs=4", "training.epochs=12", f"quantizer=[{','.join(NAMES)}]", "ranking.bootstrap=50",
    "ranking.halves=5", "hydra/launcher=local", "hydra.sweep.dir=mixtures",
]  # fmt: skip


def settings(folder: Path) -> Setting:
    """Three quantizers, two repetitions of 4 runs."""
    rows = {
        "together": [(1.0, 0.9), (2.0, 0.8), (3.0, 0.7)],
        "a": [(3.0, 0.9), (2.0, 0.8), (1.0, 0.7)],
        "b": [(3.0, 0.9), (1.0, 0.8), (2.0, 0.7)],
    }
    for name, values in rows.items():
        (folder / name).mkdir()
        table = pd.DataFrame(values, columns=["r_q", "mis_lira"]).assign(
            quantizer=["x", "y", "z"], mis_lira_low=0.1, mis_lira_high=1.0, mis_upper=1.0
        )
        table["runs"] = 8 if name == "together" else 4
        table.to_csv(folder / name / "ranking.csv", index=False)
        last = [0.0, 0.5, 1.0] if name == "a" else [0.0, 0.0, 0.3]
        diagnostics = pd.DataFrame({"best_is_last": last, "dominated_by_high_loss": 1.0})
        diagnostics.to_csv(folder / name / "diagnostics.csv", index=False)
    return Setting("study", "label", (folder / "a", folder / "b"), folder / "together")


def test_agreement_is_of_every_repetition_with_all_runs(tmp_path):
    (row,) = agreement([settings(tmp_path)]).to_dict("records")
    assert row["spearman"] == pytest.approx((1.0 + 0.5) / 2)
    half = 12.706204736 * np.std([1.0, 0.5], ddof=1) / np.sqrt(2)
    assert row["spearman_high"] - row["spearman"] == pytest.approx(half)
    assert row["spearman_together"] == pytest.approx(-1.0)
    counts = [row[key] for key in ("runs", "runs_together", "repetitions")]
    assert counts == [4, 8, 2]


def test_the_regime_is_a_mean_over_repetitions(tmp_path):
    (row,) = regime([settings(tmp_path)]).to_dict("records")
    assert row["best_is_last"] == pytest.approx((0.5 + 0.1) / 2)
    assert row["dominated_by_high_loss_low"] == row["dominated_by_high_loss_high"] == 1


def test_one_repetition_has_no_interval():
    found = over_repetitions(np.array([0.5, np.nan]))
    assert found.value == 0.5
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(over_repetitions(np.array([np.nan])).value)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A study of two settings with two seeds, and its tables."""
    where = tmp_path_factory.mktemp("paper")
    done = quantmia(where, *STUDY)
    assert done.returncode == 0, done.stderr
    write(where)
    return where


def write(where: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.paper", where / "results", where / "mixtures"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def r_of(folder: Path, quantizer: str) -> list[float]:
    """r of every run by Algorithm 1, from the raw losses."""
    found = []
    for path in sorted((folder / "losses").iterdir()):
        losses = load_file(path)[quantizer].astype(np.float64)
        with safe_open(path, "np") as file:
            meta = json.loads(file.metadata()["quantmia"])["meta"]
        _, distinct = np.unique(meta["quantizers"][quantizer]["models"], return_index=True)
        losses = losses[np.sort(distinct)]
        losses = losses[np.argsort(losses.mean(1), kind="stable")]
        delta = losses[1].mean() - losses[0].mean()
        sigma2 = max(np.var(row - losses[0], ddof=1) for row in losses[1:])
        found.append(delta**2 / (2 * sigma2))
    return found


def mis_of(folders: list[Path], quantizer: str) -> tuple[float, float]:
    """MIS by a threshold on the loss, that of each run the best one on the other runs.

    Several may be as good, and rounding decides: the least and the greatest MIS among them.
    """
    losses, members = [], []
    for folder in folders:
        for path in sorted((folder / "scores").iterdir()):
            scores = load_file(path)
            sign = np.where(scores["target"] > 0, 1.0, -1.0)
            losses.append(np.log1p(np.exp(-sign * scores[quantizer].astype(np.float64))))
            members.append(scores["members"].astype(bool))
    found = []
    for run, (mine, inside) in enumerate(zip(losses, members, strict=True)):
        others = [n for n in range(len(losses)) if n != run]
        pooled = np.concatenate([losses[n] for n in others])
        member = np.concatenate([members[n] for n in others])
        cuts = np.unique(pooled)
        gains = [np.where(member, 1, -1)[pooled <= cut].sum() for cut in cuts]  # half are members
        best = cuts[gains == np.max(gains)]
        at = [(mine[inside] <= cut).mean() - (mine[~inside] <= cut).mean() for cut in best]
        found.append((min(at), max(at)))
    least, greatest = np.mean(found, axis=0)
    return 1 - max(greatest, 0.0), 1 - max(least, 0.0)


@pytest.mark.slow
def test_ten_cells_from_the_raw_losses_and_scores(home):
    ranking = pd.read_csv(home / "results" / "ranking.csv").set_index(["setting", "quantizer"])
    agreed = pd.read_csv(home / "results" / "agreement.csv").set_index(["setting", "attack"])
    cells = 0
    for modes in (2, 8):
        label = f"dataset.modes={modes}"
        folders = sorted((home / "mixtures").glob(f"*modes={modes}*"))
        assert len(folders) == 2
        mis = ranking.loc[label].loc[NAMES, "mis_loss_threshold"]
        for name in NAMES:
            r_q = np.mean([r for folder in folders for r in r_of(folder, name)])
            assert ranking.loc[(label, name), "r_q"] == pytest.approx(r_q, rel=1e-9)
            least, greatest = mis_of(folders, name)
            assert least - 1e-9 <= mis[name] <= greatest + 1e-9
            assert greatest - least < 0.05
            cells += 2
        each = [
            spearmanr([np.mean(r_of(folder, name)) for name in NAMES], mis).statistic
            for folder in folders
        ]
        assert agreed.loc[(label, "loss_threshold"), "spearman"] == pytest.approx(np.mean(each))
        cells += 1
    assert cells >= 10


@pytest.mark.slow
def test_the_same_runs_give_the_same_bits(home):
    before = {path.name: path.read_bytes() for path in (home / "results").iterdir()}
    write(home)
    assert {path.name: path.read_bytes() for path in (home / "results").iterdir()} == before
    names = ("ranking", "agreement", "regime")
    assert set(before) == {f"{name}.{end}" for name in names for end in ("csv", "md", "tex")}


@pytest.mark.slow
def test_half_a_study_is_not_read_as_a_whole_one(home, tmp_path):
    plan = json.loads((home / "mixtures" / "sweep.json").read_text())
    (tmp_path / "sweep.json").write_text(json.dumps(plan))
    with pytest.raises(FolderError, match="4 of 4 jobs are not finished"):
        read_settings(tmp_path)
