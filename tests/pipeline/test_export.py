"""The audited model as a file, by the command and by those who load it."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from quantmia.cli.__main__ import main
from quantmia.errors import DONE, USER_MISTAKE
from quantmia.files import read_tensors
from quantmia.models import mlp
from quantmia.pipeline.run import run
from quantmia.preemption import Stop
from tests.configurations import configured
from tests.tiny import progress

SETTINGS = (
    "device=cpu",
    "dataset=diabetes",
    "training.epochs=4",
    "training.stack=2",
    "ranking.bootstrap=20",
    "ranking.halves=5",
    "embedder=none",
    "model=mlp",
    "model.hidden=[3]",
    "runs=4",
    "quantizer=[full_precision,sign,sign_gptq,w4a8_dynamic]",
    "release.checkpoints=[best,2,last]",
    "calibration.rows=20",
    "trajectory.keep=true",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "mine"
    assert run(configured(*SETTINGS), path, path.parent / ".cache", progress(), (), Stop())
    return path


@pytest.fixture(autouse=True)
def cache(folder, monkeypatch):
    monkeypatch.setenv("QUANTMIA_CACHE", str(folder.parent / ".cache"))


def exported(folder: Path, to: Path, *arguments: str) -> dict:
    assert main(["export", str(folder), "--output", str(to), *arguments]) == DONE
    (card,) = to.glob("*.json")
    return json.loads(card.read_text())


def answers(folder: Path, number: int, name: str, kind: str = "scores") -> np.ndarray:
    return read_tensors(folder / kind / f"run-{number:04d}.safetensors")[0][name]


def as_a_user(card: dict, weights: Path) -> np.ndarray:
    """What a plain module answers on scikit-learn's own table, in the units of the target."""
    from sklearn.datasets import load_diabetes

    module = mlp(10, 1, [3])
    module.load_state_dict(load_file(weights))
    data, _ = load_diabetes(return_X_y=True)
    inputs = (data - np.array(card["inputs"]["mean"])) / np.array(card["inputs"]["deviation"])
    limit = card["inputs"]["within_deviations"]
    with torch.no_grad():
        found = module(torch.from_numpy(inputs.clip(-limit, limit)).float())[:, 0].numpy()
    return found * card["target"]["deviation"] + card["target"]["mean"]


@pytest.mark.parametrize(
    ("name", "checkpoint"), [("sign_gptq", "last"), ("full_precision", "last"), ("sign", "2")]
)
def test_what_was_audited_is_what_is_shipped(folder, tmp_path, capsys, name, checkpoint):
    chosen = ["--run", "2", "--quantizer", name, "--checkpoint", checkpoint]
    card = exported(folder, tmp_path, *chosen)
    file = tmp_path / card["file"]
    assert card["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert card["sha256"] in capsys.readouterr().out
    assert card["epoch"] == (4 if checkpoint == "last" else 2)
    assert 0 <= card["audit"]["mis_upper"] <= 1
    assert card["audit"]["of_runs"] == 4
    kind, key = ("scores", name) if checkpoint == "last" else ("releases", f"pool/{name}/2")
    expected = answers(folder, 2, key, kind)
    expected = expected * card["target"]["deviation"] + card["target"]["mean"]
    found = as_a_user(card, file)
    # Everybody of the pool is among all that the table holds.
    nearest = np.abs(found[:, None] - expected[None]).min(0)
    assert nearest.max() < 1e-2


def test_without_a_name_it_is_what_the_ranking_says_to_ship(folder, tmp_path):
    decided = json.loads((folder / "conclusion.json").read_text())["decision"]["ship"]
    card = exported(folder, tmp_path)
    assert (card["quantizer"], card["checkpoint"]) == (decided["quantizer"], decided["checkpoint"])
    assert card["run"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--quantizer", "sing"], "--quantizer sing: was not measured; did you mean sign?"),
        (["--run", "4", "--quantizer", "sign"], "--run 4: there are runs 0 to 3"),
        (["--quantizer", "sign", "--checkpoint", "3"], "was not released; there are 2, best, last"),
        (["--checkpoint", "2"], "--checkpoint: name the --quantizer of the release too"),
        (["--quantizer", "w4a8_dynamic"], "rounds activations in a simulation"),
    ],
)
def test_what_cannot_be_shipped_is_one_sentence(folder, tmp_path, capsys, arguments, words):
    assert main(["export", str(folder), "--output", str(tmp_path), *arguments]) == USER_MISTAKE
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_run_that_diverged_has_nothing_to_ship(folder, tmp_path, capsys, monkeypatch):
    from quantmia.runs.merge import Run

    plain = Run.answers
    monkeypatch.setattr(Run, "answers", lambda self, name: plain(self, name) * np.nan)
    chosen = ["--quantizer", "sign", "--output", str(tmp_path), "--run", "1"]
    assert main(["export", str(folder), *chosen]) == USER_MISTAKE
    assert "--run 1: its training diverged: there is nothing to ship" in capsys.readouterr().err


def test_where_runs_are_as_many_as_it_took_checkpoints_are_found_too(folder, tmp_path):
    settings = [each for each in SETTINGS if not each.startswith("runs=")]
    mine = tmp_path / "mine"
    config = configured(*settings, "runs=auto", "runs_max=4", "ranking.tolerance=1e-6")
    assert run(config, mine, folder.parent / ".cache", progress(), (), Stop())
    card = exported(mine, tmp_path, "--quantizer", "sign", "--checkpoint", "2", "--run", "3")
    assert card["run"] == 3
    assert card["epoch"] == 2


def test_a_checkpoint_that_was_not_kept_says_what_to_do(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("QUANTMIA_CACHE", str(tmp_path / "empty"))
    chosen = ["--quantizer", "sign", "--checkpoint", "2"]
    assert main(["export", str(folder), *chosen]) == USER_MISTAKE
    assert "trajectory.keep=true" in capsys.readouterr().err


def test_a_model_that_answers_otherwise_is_not_written(folder, tmp_path, capsys, monkeypatch):
    from quantmia.runs.merge import Run

    plain = Run.answers
    monkeypatch.setattr(Run, "answers", lambda self, name: plain(self, name) + 1)
    chosen = ["--quantizer", "sign", "--output", str(tmp_path)]
    assert main(["export", str(folder), *chosen]) == USER_MISTAKE
    assert "answers otherwise than what was audited" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
