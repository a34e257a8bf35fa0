"""Checkpoints of plain loops of PyTorch, which quantmia only reads."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from quantmia.errors import FolderError, OutputsError
from quantmia.models.layers import LayerInputs
from quantmia.models.skeleton import skeleton
from quantmia.pipeline import finished
from quantmia.quantizers import Activations, Calibrated, FullPrecision, OnnxRuntime, Sign, Uniform
from quantmia.recording import checkpoints
from quantmia.recording.checkpoints import import_checkpoints
from quantmia.recording.rows import Rows
from quantmia.recording.states import find
from quantmia.runs.folder import RunFolder
from quantmia.seeding import Purpose, stream
from tests.recording.made import RUNS, plan, target
from tests.tiny import progress

EPOCHS = (1, 2, 4)
SAMPLES, HELD_OUT = 60, 20
CLASSES = {"regression": 1, "binary": 1, "multiclass": 4}
QUANTIZERS = {"full_precision": FullPrecision(), "sign": Sign()}


class Net(nn.Module):
    """Two layers, with buffers, which a stack of runs could not have."""

    def __init__(self, outputs: int = 1, width: int = 6):
        super().__init__()
        self.hidden, self.norm = nn.Linear(5, width), nn.BatchNorm1d(width)
        self.head = nn.Linear(width, outputs)

    def forward(self, x):
        return self.head(F.relu(self.norm(self.hidden(x))))


def rows(task: str) -> tuple[Rows, Rows]:
    """Those that may be members, and those that are not."""
    rng = np.random.default_rng(3)
    goal = target(task, SAMPLES + HELD_OUT)
    features = rng.normal(size=(len(goal), 5)).astype(np.float32)
    features[:, 0] += goal
    return Rows(features[:SAMPLES], goal[:SAMPLES]), Rows(features[SAMPLES:], goal[SAMPLES:])


def loss(task: str, raw: torch.Tensor, goal: np.ndarray) -> torch.Tensor:
    if task == "multiclass":
        return F.cross_entropy(raw, torch.from_numpy(goal), reduction="none")
    y = torch.from_numpy(goal).float()
    by = F.mse_loss if task == "regression" else F.binary_cross_entropy_with_logits
    return by(raw[:, 0], y, reduction="none")


def train(task: str, folder: Path, epochs=EPOCHS, steps: int = 5) -> None:
    """The training that somebody has, with checkpoints."""
    pool, _ = rows(task)
    for run in range(RUNS):
        torch.manual_seed(run)
        model = Net(CLASSES[task])
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        own = plan().of_run(run)
        x, y = torch.from_numpy(pool.features[own]), pool.target[own]
        for epoch in range(1, epochs[-1] + 1):
            for _ in range(steps):
                optimiser.zero_grad()
                loss(task, model(x), y).mean().backward()
                optimiser.step()
            if epoch in epochs:
                at = folder / f"run_{run:04d}"
                at.mkdir(parents=True, exist_ok=True)
                state = {f"model.{name}": value for name, value in model.state_dict().items()}
                torch.save({"epoch": epoch, "state_dict": state}, at / f"epoch={epoch}.ckpt")


@pytest.fixture(scope="module", params=list(CLASSES))
def task(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def trained(task, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(task)
    train(task, folder)
    return folder


def imported(
    trained: Path, task: str, path: Path, pattern="*/epoch=*.ckpt", **changed
) -> RunFolder:
    pool, held_out = rows(task)
    settings = {
        "rows": pool,
        "members": plan(),
        "path": path,
        "factory": partial(Net, CLASSES[task]),
        "quantizers": QUANTIZERS,
        "progress": progress(),
        "held_out": held_out,
        "task": task,
    }
    return import_checkpoints(find(str(trained / pattern)), **settings | changed)


def model(trained: Path, task: str, run: int, epoch: int, quantizer: str) -> nn.Module:
    """As its owner would load and quantize it."""
    made = Net(CLASSES[task]).eval()
    content = torch.load(trained / f"run_{run:04d}" / f"epoch={epoch}.ckpt", weights_only=True)
    made.load_state_dict(
        {name.removeprefix("model."): value for name, value in content["state_dict"].items()}
    )
    with torch.no_grad():
        for layer in (made.hidden, made.head) if quantizer == "sign" else ():
            layer.weight.copy_(layer.weight.sign() * layer.weight.abs().mean())
    return made


def test_what_is_recorded_is_what_the_models_answer(trained, task, tmp_path):
    folder = imported(trained, task, tmp_path / "mine")
    pool, held_out = rows(task)
    for run in (0, RUNS - 1):
        files = folder.read_run(run)
        assert files.meta["quantizers"]["sign"]["bits"] > 1
        for name in QUANTIZERS:
            for at, epoch in enumerate(EPOCHS):
                own = model(trained, task, run, epoch, name)
                with torch.no_grad():
                    raw, apart = (own(torch.from_numpy(each.features)) for each in (pool, held_out))
                losses = loss(task, apart, held_out.target).numpy()
                mean, deviation = 0.0, 1.0
                if task == "regression":
                    mean, deviation = pool.target.mean(), pool.target.std()
                np.testing.assert_allclose(
                    files.losses[name][at], losses / deviation**2, rtol=1e-4, atol=1e-6
                )
                last = epoch == EPOCHS[-1]
                kept = files.scores[name] if last else files.releases[f"pool/{name}/{epoch}"]
                expected = (raw.numpy() - mean) / deviation
                np.testing.assert_allclose(
                    kept.reshape(len(kept), -1), expected, rtol=1e-4, atol=1e-5
                )


def test_it_is_ranked_with_r_q_and_a_front(trained, task, tmp_path):
    folder = imported(trained, task, tmp_path / "mine", attacks=["lira_eb", "rmia"])
    results, _ = finished.rank([folder.path], None, tmp_path, progress())
    assert {"indicator", "front", "attacks"} <= set(results.tables)
    assert set(results.tables["ranking"]["quantizer"]) == set(QUANTIZERS)
    assert set(results.tables["front"]["epoch"]) == set(EPOCHS)
    assert {"auc_lira_eb", "auc_rmia"} <= set(results.tables["front"])


def files(folder: Path) -> dict[str, bytes]:
    kept = (*folder.glob("*/run-*.safetensors"), folder / "members.safetensors")
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def test_interrupted_and_called_again_it_goes_on(trained, task, tmp_path, monkeypatch):
    whole = imported(trained, task, tmp_path / "whole")
    real, left, read = checkpoints.read_state, [8], []

    def interrupted(path):
        read.append(path)
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return real(path)

    monkeypatch.setattr(checkpoints, "read_state", interrupted)
    with pytest.raises(KeyboardInterrupt):
        imported(trained, task, tmp_path / "mine")
    monkeypatch.setattr(checkpoints, "read_state", lambda path: read.append(path) or real(path))
    read.clear()
    again = imported(trained, task, tmp_path / "mine")
    assert files(again.path) == files(whole.path)
    assert not any("run_0001" in str(path) for path in read)  # was whole
    assert any("run_0002" in str(path) for path in read)


def test_quantizers_that_look_at_data_are_shown_members(trained, task, tmp_path):
    scheme = Calibrated(scheme=Sign(), rows=20)
    folder = imported(trained, task, tmp_path, quantizers=QUANTIZERS | {"mine": scheme})
    pool, _ = rows(task)
    for run in range(RUNS):
        net = model(trained, task, run, EPOCHS[-1], "full_precision")
        drawn = stream(0, Purpose.CALIBRATION, run).permutation(np.flatnonzero(plan().members[run]))
        shown = LayerInputs(skeleton(net), torch.from_numpy(pool.features[drawn[:20]])[None])
        state = {key: value[None] for key, value in net.state_dict().items()}
        own = {key: value[None] for key, value in net.named_parameters()}
        quantized = scheme(own, shown.beside(state))
        assert not torch.equal(quantized["hidden.weight"], Sign()(own)["hidden.weight"])
        net.load_state_dict({k: v[0] for k, v in (state | quantized).items()})
        expected = net(torch.from_numpy(pool.features)).detach().numpy().squeeze()
        if task == "regression":  # recorded on the scale of the targets
            expected = (expected - pool.target.mean()) / pool.target.std()
        found = folder.read_run(run).scores["mine"]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_quantizers_of_more_than_weights_answer_for_themselves(trained, task, tmp_path):
    scheme = Activations(scheme=FullPrecision(), bits=4, ranges="static", rows=20)
    folder = imported(trained, task, tmp_path, quantizers=QUANTIZERS | {"mine": scheme})
    for run in range(RUNS):
        files = folder.read_run(run)
        full, few = files.scores["full_precision"], files.scores["mine"]
        assert 0 < np.abs(few - full).mean() < np.abs(full).mean()
        assert files.meta["quantizers"]["mine"]["bits"] == 32


def test_a_slow_quantizer_is_asked_of_the_last_epoch_alone(trained, task, tmp_path):
    slow = QUANTIZERS | {"slow": Uniform(bits=8, trajectory="last")}
    folder = imported(trained, task, tmp_path, quantizers=slow)
    for run in range(RUNS):
        files = folder.read_run(run)
        assert len(files.losses["slow"]) == 1
        assert len(files.losses["sign"]) == len(EPOCHS)
        assert list(files.meta["quantizers"]["slow"]["releases"]) == ["last"]
        np.testing.assert_allclose(
            files.losses["slow"][0], files.losses["full_precision"][-1], rtol=0.5, atol=0.1
        )
    again = progress()
    imported(trained, task, tmp_path, quantizers=slow, progress=again)
    assert "none was asked again" in again.console.export_text()


@pytest.mark.slow
def test_a_runtime_answers_for_the_models_of_others(trained, task, tmp_path):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    scheme = OnnxRuntime(ranges="static", rows=20, batch=None)
    folder = imported(trained, task, tmp_path, quantizers=QUANTIZERS | {"mine": scheme})
    for run in range(RUNS):
        files = folder.read_run(run)
        full, few = files.scores["full_precision"], files.scores["mine"]
        assert 0 < np.median(np.abs(few - full)) < 0.1 * np.abs(full).max()
        assert files.meta["quantizers"]["mine"]["bits"] > 8


def test_of_others_there_is_nobody_apart(tmp_path):
    train("regression", tmp_path / "made", epochs=(1,), steps=1)
    scheme = Calibrated(scheme=Sign(), source="apart")
    with pytest.raises(OutputsError, match=r"--quantizer mine: source=apart.*source: members"):
        imported(
            tmp_path / "made",
            "regression",
            tmp_path / "new",
            quantizers=QUANTIZERS | {"mine": scheme},
        )
    assert not (tmp_path / "new").exists()


def test_without_held_out_samples_there_is_no_r_q(trained, task, tmp_path):
    folder = imported(trained, task, tmp_path / "mine", held_out=None)
    results, _ = finished.rank([folder.path], None, tmp_path, progress())
    assert "indicator" not in results.tables
    assert "front" in results.tables


def test_of_the_last_checkpoint_alone_there_is_no_front(trained, task, tmp_path):
    folder = imported(trained, task, tmp_path / "mine", "*/epoch=4.ckpt", held_out=None)
    results, _ = finished.rank([folder.path], None, tmp_path, progress())
    assert "front" not in results.tables
    np.testing.assert_array_equal(folder.read_run(0).meta["quantizers"]["sign"]["models"], [])


def test_many_epochs_are_measured_and_few_released(tmp_path):
    train("regression", tmp_path / "trained", range(1, 31), steps=1)
    folder = imported(tmp_path / "trained", "regression", tmp_path / "mine")
    read = folder.read_run(0)
    assert read.losses["sign"].shape == (30, HELD_OUT)
    released = read.meta["quantizers"]["sign"]["releases"]
    assert sorted(released.values()) == [1, 2, 3, 4, 7, 11, 18, 30]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"members": plan(runs=RUNS + 1)},
            "files of the runs 0, 1, 2, 3, 4, 5, and --members has 7",
        ),
        ({"members": plan(SAMPLES + 2)}, "target has the shape"),
        ({"factory": partial(Net, 1, width=9)}, "wants .*--model-args"),
        ({"factory": partial(Net, -1)}, "--model: cannot be made"),
        ({"factory": partial(Net, 2)}, "head.weight has the shape"),
        ({"held_out": Rows(np.zeros((3, 4), np.float32), np.zeros(3))}, "--held-out has features"),
        ({"rows": Rows(np.zeros((60, 4), np.float32), target("regression"))}, "the model fails on"),
        ({"pattern": "*/epoch=4.ckpt"}, "--held-out: r_Q compares"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path, changed, said):
    train("regression", tmp_path / "trained")
    if "rows" in changed:
        changed = changed | {"held_out": None}
    with pytest.raises(OutputsError, match=said):
        imported(tmp_path / "trained", "regression", tmp_path / "mine", **changed)
    assert not (tmp_path / "mine").exists()


def test_a_class_that_nobody_was_trained_on_is_refused(tmp_path):
    train("binary", tmp_path / "trained")
    held_out = Rows(np.zeros((3, 5), np.float32), np.array([0, 1, 2]))
    with pytest.raises(OutputsError, match="--held-out has the class 2"):
        imported(tmp_path / "trained", "binary", tmp_path / "mine", held_out=held_out)


def test_a_folder_of_other_models_is_not_added_to(tmp_path):
    train("regression", tmp_path / "trained")
    here = (tmp_path / "trained", "regression", tmp_path / "mine")
    made_of = {"--model": "mine.Net"}
    imported(*here, made_of=made_of)
    before = files(tmp_path / "mine")
    others = replace(rows("regression")[0], features=np.zeros((60, 5), np.float32))
    cases: list[tuple[dict[str, Any], str]] = [
        ({"made_of": {"--model": "mine.Other"}}, "--model was mine.Net and is mine.Other"),
        ({"made_of": made_of, "held_out": None}, "--held-out was .* and is not given"),
        ({"made_of": made_of, "rows": others}, "--data"),
    ]
    for changed, said in cases:
        with pytest.raises(FolderError, match=said):
            imported(*here, **changed)
    bar = progress()
    imported(*here, made_of=made_of, progress=bar)
    assert "mine has all of them already; none was asked again." in bar.console.export_text()
    assert files(tmp_path / "mine") == before


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    train("regression", tmp_path / "trained")
    imported(tmp_path / "trained", "regression", tmp_path / "mine", members=plan(seed=1))
    with pytest.raises(FolderError, match="is of other members"):
        imported(tmp_path / "trained", "regression", tmp_path / "mine")
