import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from quantmia.cli.__main__ import main
from quantmia.errors import FolderError
from quantmia.recording.recorder import Recorder
from quantmia.runs.folder import RunFolder
from tests.cli.mistakes import refused
from tests.configurations import configured
from tests.recording.made import RUNS, arrays, outputs, plan, save, target


def test_what_is_imported_is_ranked_reported_and_loaded(here, capsys):
    save(here / "made.npz", arrays("binary"))
    assert main(["import", "made.npz", "-o", "outputs/mine"]) == 0
    assert "To rank it: quantmia rank outputs/mine" in capsys.readouterr().out
    assert main(["status", "outputs/mine"]) == 0
    assert "outputs/mine: 6 runs of full_precision, int4. To rank:" in capsys.readouterr().out
    assert main(["rank", "outputs/mine"]) == 0
    said = capsys.readouterr().out
    assert "r_Q" not in said
    assert "bits" not in said
    assert "nan" not in said
    assert "leaks least" in said
    assert main(["report", "outputs/mine", "--expose-samples"]) == 0
    page = (here / "outputs" / "mine" / "report.html").read_text()
    assert "trained elsewhere; their outputs were recorded" in page
    assert "r_Q needs no attack" not in page
    from quantmia import load

    results = load("outputs/mine")
    assert results.recorded
    assert set(results.figures) == {"pareto", "pairs", "roc"}


def test_names_of_samples_are_shown_where_they_may_be(here, monkeypatch):
    with Recorder(
        here / "mine", target=target("binary"), members=plan(),
        samples=[f"row of {at}" for at in range(60)],
    ) as recorder:  # fmt: skip
        for run in range(RUNS):
            leaky = outputs("binary", run, 0.05) + 9 * plan().members[run] * np.sign(
                target("binary") - 0.5
            )
            recorder.add(run, "full_precision", leaky)
    assert main(["rank", "mine"]) == 0
    assert main(["report", "mine", "--expose-samples"]) == 0
    page = (here / "mine" / "report-with-samples.html").read_text()
    assert "row of " in page
    assert "row of " not in (here / "mine" / "report.html").read_text()


def test_several_recordings_of_the_same_runs_are_ranked_together(here):
    made = arrays("binary")
    for name in ("full_precision", "int4"):
        own = {k: v for k, v in made.items() if k in ("members", "target", f"outputs/{name}")}
        save(here / f"{name}.npz", own)
        assert main(["import", f"{name}.npz", "-o", name]) == 0
    assert main(["rank", "full_precision", "int4", "--output", "both"]) == 0
    save(here / "whole.npz", made)
    assert main(["import", "whole.npz", "-o", "whole"]) == 0
    assert main(["rank", "whole"]) == 0
    both, whole = ((here / name / "attacks.csv").read_bytes() for name in ("both", "whole"))
    assert both == whole


def test_how_many_runs_are_needed_is_measured_without_r_q(here, capsys, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    rng = np.random.default_rng(0)
    members = rng.random((24, 60)) < 0.5
    made = arrays("binary", members) | {"outputs/int2": arrays("binary", members)["outputs/int4"]}
    made["outputs/int2"] = made["outputs/int2"] + rng.normal(size=members.shape)
    save(here / "made.npz", made)
    assert main(["import", "made.npz", "-o", "mine", "--attack", "lira", "lira_eb", "rmia"]) == 0
    command = ["efficiency", "mine", "--runs", "8", "--draws", "3", "--reference-runs", "12"]
    assert main(command) == 0
    table = pd.read_csv(here / "mine" / "efficiency.csv")
    estimators = {"auc_lira", "mis_lira", "auc_lira_eb", "mis_lira_eb"}
    assert set(table["estimator"]) == estimators


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["no.npz", "-o", "mine"], "no.npz: there is no such file"),
        (["made.npz", "-o", "mine", "--outputs", "probabilities"], "row 0: "),
        (["made.npz", "-o", "made.npz"], "made.npz is not an empty folder"),
        (["made.npz", "-o", "."], ". is not an empty folder"),
        (["made.npz", "-o", "mine", "--membership", "coin"], "membership=coin: every run has 30"),
        (["made.npz", "-o", "mine", "--attack", "lyra"], "attack lyra is unknown; did you mean"),
        (["made.npz", "-o", "mine", "--task", "multiclass"], "task=multiclass: the targets are"),
    ],
)
def test_an_import_that_cannot_be_is_one_message(command, said, here, capsys):
    save(here / "made.npz", arrays("binary"))
    assert said in refused(capsys, "import", *command)
    assert not (here / "mine").exists()


def test_a_recording_that_is_not_finished_says_what_it_lacks(here, capsys):
    with Recorder(here / "mine", target=target("binary"), members=plan()) as recorder:
        recorder.add(0, "full_precision", outputs("binary", 0))
    lacks = "run 1 has no outputs for full_precision, and others have"
    assert lacks in capsys.readouterr().err
    for command in ("rank", "efficiency"):
        said = refused(capsys, command, "mine")
        assert "mine: not all is recorded yet; 'quantmia status mine' says what it lacks" in said
    assert main(["status", "mine"]) == 0
    assert f"mine: outputs of 1 of 6 runs are kept; {lacks}." in capsys.readouterr().out
    said = refused(capsys, "report", "mine")
    assert f"is not finished: 'quantmia status {here / 'mine'}' says what it lacks" in said


def test_a_ranking_of_fewer_variants_is_not_shown_for_that_of_all(here, capsys):
    for variants in (("full_precision",), ("full_precision", "int4")):
        with Recorder(here / "mine", target=target("binary"), members=plan()) as recorder:
            for run in range(RUNS):
                for variant in variants:
                    recorder.add(run, variant, outputs("binary", run))
        if len(variants) == 1:
            assert main(["rank", "mine"]) == 0
            assert main(["report", "mine"]) == 0
    said = refused(capsys, "report", "mine")
    assert f"'quantmia rank {here / 'mine'}' writes it again" in said


def test_a_folder_of_recorded_outputs_is_not_trained_into(here):
    save(here / "made.npz", arrays("binary"))
    assert main(["import", "made.npz", "-o", "mine"]) == 0
    with pytest.raises(FolderError, match="outputs of models that others trained"):
        RunFolder(here / "mine").refuse_other(configured())


def test_a_front_wants_epochs(here, capsys):
    save(here / "made.npz", arrays("binary"))
    for name in ("a", "b"):
        assert main(["import", "made.npz", "-o", name]) == 0
        assert main(["rank", name]) == 0
    assert "record outputs of several epochs" in refused(capsys, "front", "a", "b")


def test_a_gate_ends_with_a_code_for_scripts(here, capsys):
    save(here / "made.npz", arrays("binary"))
    assert main(["import", "made.npz", "-o", "mine"]) == 0
    assert main(["gate", "mine", "--advantage", "0.95"]) == 0
    assert "within 0.95" in capsys.readouterr().out
    codes = {main(["gate", "mine", "--advantage", str(limit)]) for limit in (0, 0.2, 0.4)}
    assert codes <= {0, 3, 4}
    assert codes & {3, 4}
    assert main(["gate", "mine", "--advantage", "0.9", "--against", "full_precision"]) == 0
    content = json.loads((here / "mine" / "gate.json").read_text())
    assert content["outcome"] == "within"
    assert [each["quantizer"] for each in content["verdicts"]] == ["int4"]
    assert content["model_card"].startswith("Privacy of the training data was audited")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--advantage", "1"], "--advantage 1.0: has to be from 0 to below 1."),
        (["--advantage", "0.1", "--against", "int5"], "--against int5: nothing that others can"),
    ],
)
def test_a_gate_that_cannot_be_is_one_message(arguments, said, here, capsys):
    save(here / "made.npz", arrays("binary"))
    assert main(["import", "made.npz", "-o", "mine"]) == 0
    assert said in refused(capsys, "gate", "mine", *arguments)


NET = """
from torch import nn


def net(width=3):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 1))
"""
OWN = """# @package quantizer
thirds:
  _target_: quantmia.quantizers.Codebook
  levels: [-1, -0.333, 0.333, 1]
"""
CHECKPOINTS = [
    "--checkpoints", "runs/*/*.pt", "--model", "mine_net.net", "--data", "rows.csv",
    "--members", "plan", "-o", "mine",
]  # fmt: skip


@pytest.fixture
def trained(here, monkeypatch) -> Iterator[Path]:
    """What somebody's own training leaves: a module, checkpoints, a plan, tables."""
    (here / "mine_net.py").write_text(NET)
    monkeypatch.syspath_prepend(here)
    net, rng = importlib.import_module("mine_net").net, np.random.default_rng(0)
    for name in ("rows", "apart"):
        table = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd"))
        table["target"] = table.sum(axis=1)
        table.to_csv(here / f"{name}.csv", index=False)
    plan().write(here / "plan")
    np.save(here / "members.npy", plan().members)
    np.save(here / "others.npy", np.full((6, 60), 2))
    x = torch.from_numpy(pd.read_csv("rows.csv").to_numpy(np.float32))
    for run, was in enumerate(plan().members):
        torch.manual_seed(run)
        model = net(5)
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        (here / "runs" / f"{run}").mkdir(parents=True)
        for epoch in range(2):
            for _ in range(20):
                optimiser.zero_grad()
                (model(x[was, :4]) - x[was, 4:]).square().mean().backward()
                optimiser.step()
            torch.save(model.state_dict(), here / "runs" / f"{run}" / f"{epoch}.pt")
    yield here
    sys.modules.pop("mine_net", None)


def test_checkpoints_are_quantized_and_ranked(trained, capsys):
    more = ["--model-args", "width=5", "--held-out", "apart.csv"]
    chosen = ["--quantizer", "full_precision", "sign", "uniform_4"]
    assert main(["import", *CHECKPOINTS, *more, *chosen]) == 0
    assert "Imported: mine. To rank it: quantmia rank mine" in capsys.readouterr().out
    assert main(["rank", "mine"]) == 0
    said = capsys.readouterr().out
    assert "Ship " in said
    ranking = pd.read_csv("mine/ranking.csv")
    assert set(ranking["quantizer"]) == {"full_precision", "sign", "uniform_4"}
    assert ranking["r_q"].notna().all()
    bits = json.loads(Path("mine/manifest.json").read_text())["config"]["quantizer"]
    assert bits["full_precision"] == {"bits": 32}
    assert bits["uniform_4"]["bits"] > 4  # with its scales
    (trained / "my" / "quantizer").mkdir(parents=True)
    (trained / "my" / "quantizer" / "thirds.yaml").write_text(OWN)
    command = [*CHECKPOINTS[:-1], "own", *more, "--quantizer", "full_precision", "thirds"]
    assert main(["import", *command, "--config-dir", "my"]) == 0
    assert "thirds" in RunFolder(trained / "own").manifest()["config"]["quantizer"]
    by_mask = [each if each != "plan" else "members.npy" for each in CHECKPOINTS]
    by_mask[-1] = "again"
    assert main(["import", *by_mask, *more, *chosen]) == 0
    assert main(["rank", "again"]) == 0
    assert Path("again/attacks.csv").read_bytes() == Path("mine/attacks.csv").read_bytes()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "0.weight has the shape (5, 4), and Sequential wants (3, 4)"),
        ({"--model-args": "width"}, "--model-args width: NAME=VALUE is wanted"),
        ({"--model-args": "wide=5"}, "wide"),
        ({"--model": "mine_net.nett"}, "mine_net.nett"),
        ({"--model": "no_such_module.Net"}, "no_such_module"),
        ({"--model": "builtins.dict"}, "--model: makes a dict, and no torch.nn.Module"),
        ({"--checkpoints": "runs/*/*.ckpt"}, "--checkpoints runs/*/*.ckpt: no file is there"),
        ({"--data": "no.csv"}, "no.csv: there is no such file"),
        ({"--target": "e"}, "rows.csv: lacks the column e"),
        ({"--members": "runs"}, "runs: not a plan"),
        ({"--members": "others.npy"}, "members holds 2.0: it has to be 1|members holds 2"),
        ({"--quantizer": "sing"}, "there is no quantizer sing; did you mean sign"),
        ({"--attack": "lyra", "--model-args": "width=5"}, "attack lyra is unknown"),
        ({"--membership": "half"}, "--membership: is said by the plan"),
        ({"made.npz": None}, "either FILE or --checkpoints is wanted"),
        ({"--model": None}, "--model: is wanted with --checkpoints"),
        ({"--checkpoints": None}, "either FILE or --checkpoints is wanted"),
        ({"--checkpoints": None, "made.npz": None}, "--model: is of --checkpoints"),
    ],
)
def test_checkpoints_that_cannot_be_imported_are_one_message(trained, changed, said, capsys):
    save(trained / "made.npz", arrays("binary"))
    options = dict(zip(CHECKPOINTS[::2], CHECKPOINTS[1::2], strict=True)) | changed
    file = ["made.npz"] if options.pop("made.npz", "absent") is None else []
    given = [word for key, value in options.items() if value is not None for word in (key, value)]
    error = refused(capsys, "import", *file, *given)
    assert any(each in error for each in said.split("|"))
    assert not (trained / "mine").exists()
