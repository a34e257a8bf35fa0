"""Results of a small study, against plain numpy on what the runs left."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from scipy.stats import spearmanr

from quantmia.errors import FolderError
from scripts.paper.__main__ import main
from scripts.paper.studies import read_settings
from tests.end_to_end.command import quantmia

NAMES = ["full_precision", "sign", "ternary_90", "uniform_2"]
STUDY = [
    "run", "-m", "+experiment=paper/mixtures", "dataset.modes=2,8", "dataset.sigma=2",
    "dataset.size=600", "dataset.dimension=16", "quantization.scale=data", "seed=0,1",
    "runs=4", "training.epochs=12", f"quantizer=[{','.join(NAMES)}]", "ranking.bootstrap=50",
    "ranking.halves=5", "hydra.sweep.dir=mixtures",
]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A study of two settings with two seeds, and its tables."""
    where = tmp_path_factory.mktemp("paper")
    done = quantmia(where, *STUDY)
    assert done.returncode == 0, done.stderr
    write(where)
    return where


def write(where: Path) -> None:
    assert main(["write", str(where / "results"), str(where / "mixtures")]) == 0


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


def of_modes(table: pd.DataFrame, modes: int) -> pd.DataFrame:
    return table[[f"dataset.modes={modes}" in str(own).split() for own in table["setting"]]]


@pytest.mark.slow
def test_ten_cells_from_the_raw_losses_and_scores(home):
    tables = home / "results" / "tables"
    ranking, agreed = (pd.read_csv(tables / f"{name}.csv") for name in ("ranking", "agreement"))
    cells = 0
    for modes in (2, 8):
        ranked = of_modes(ranking, modes).set_index("quantizer").loc[NAMES]
        folders = sorted((home / "mixtures").glob(f"*modes={modes}*"))
        assert len(folders) == 2
        mis = ranked["mis_loss_threshold"]
        for name in NAMES:
            r_q = np.mean([r for folder in folders for r in r_of(folder, name)])
            assert ranked.loc[name, "r_q"] == pytest.approx(r_q, rel=1e-5)
            least, greatest = mis_of(folders, name)
            assert least - 1e-5 <= mis[name] <= greatest + 1e-5
            assert greatest - least < 0.05
            cells += 2
        each = [
            spearmanr([np.mean(r_of(folder, name)) for name in NAMES], mis).statistic
            for folder in folders
        ]
        (row,) = of_modes(agreed, modes).query("attack == 'loss_threshold'").to_dict("records")
        assert row["spearman"] == pytest.approx(np.mean(each), rel=1e-5)
        cells += 1
    assert cells >= 10


@pytest.mark.slow
def test_the_same_runs_give_the_same_bits(home):
    def bits() -> dict[Path, bytes]:
        return {f: f.read_bytes() for f in (home / "results").rglob("*") if f.is_file()}

    before = bits()
    write(home)
    assert bits() == before
    names = {path.relative_to(home / "results").as_posix() for path in before}
    assert {"claims.md", "claims.csv", "manifest.json", "tables/ranking.tex"} < names


@pytest.mark.slow
def test_the_same_repetitions_agree_and_others_do_not(home, tmp_path, capsys):
    other = tmp_path / "results"
    compare = ["compare", str(home / "results")]
    assert main([*compare, str(home / "results")]) == 0
    assert " 0 outside" in capsys.readouterr().out
    shutil.copytree(home / "results", other)
    table = pd.read_csv(other / "numbers" / "repetitions.csv")
    table["r_q"] *= 1e6
    table.to_csv(other / "numbers" / "repetitions.csv", index=False)
    assert main([*compare, str(other)]) == 1
    assert "of column r_q, 100% of the numbers lie outside" in capsys.readouterr().err
    table["setting"] = "another"
    table.to_csv(other / "numbers" / "repetitions.csv", index=False)
    assert main([*compare, str(other)]) == 1
    assert "no repetition in common" in capsys.readouterr().err


@pytest.mark.slow
def test_half_a_study_is_not_read_as_a_whole_one(home, tmp_path, capsys):
    plan = json.loads((home / "mixtures" / "sweep.json").read_text())
    (tmp_path / "sweep.json").write_text(json.dumps(plan))
    with pytest.raises(FolderError, match="4 of 4 jobs are not finished"):
        read_settings(tmp_path)
    assert main(["write", str(tmp_path / "results"), str(tmp_path)]) == 2
    assert "4 of 4 jobs are not finished" in capsys.readouterr().err


def test_what_cannot_be_done_is_said(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 2
    assert "'make tables' writes it" in capsys.readouterr().err
    assert main(["chekc", str(tmp_path)]) == 2
    assert "scripts.paper write RESULTS" in capsys.readouterr().err
