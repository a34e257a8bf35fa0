"""A stack of runs against plain PyTorch, one run after the other."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from quantmia.errors import QuantmiaError
from quantmia.models.heads import linear, mlp
from quantmia.models.stack import Stack
from quantmia.quantizers import FullPrecision, Sign, Ternary
from quantmia.seeding import Purpose, stream
from quantmia.tasks import TASKS
from quantmia.training.checkpoints import Trajectory
from quantmia.training.losses import measure
from quantmia.training.train import train
from tests.configurations import training

RUNS, POOL, MEMBERS, FEATURES = 3, 60, 30, 8


def layer_norm(in_features, out_features):
    return nn.Sequential(nn.Linear(in_features, 6), nn.LayerNorm(6), nn.Linear(6, out_features))


CASES = [
    ("regression", mlp, 1),
    ("binary", linear, 1),
    ("multiclass", mlp, 4),
    ("regression", layer_norm, 1),
]


def problem(task, out):
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=(POOL, FEATURES)), dtype=torch.float32)
    if task == "regression":
        y = torch.tensor(rng.normal(size=(RUNS, POOL)), dtype=torch.float32)
    else:
        y = torch.tensor(np.tile(rng.integers(0, max(out, 2), POOL), (RUNS, 1)))
    chosen = torch.tensor(np.stack([rng.permutation(POOL)[:MEMBERS] for _ in range(RUNS)]))
    return x, y if task == "multiclass" else y.float(), chosen


def single(model, task, config, x, y, chosen, run, cuts=None):
    """One run as a PyTorch user would write it."""
    if config.optimizer == "adam":
        optimiser = torch.optim.Adam(model.parameters(), lr=config.lr)
    else:
        optimiser = torch.optim.SGD(model.parameters(), lr=config.lr, momentum=config.momentum)
    rng = stream(7, Purpose.BATCHES, run)
    for _ in range(config.epochs):
        order = chosen[torch.from_numpy(rng.permutation(len(chosen)))]
        starts = range(0, len(order), config.batch_size)
        for cut in cuts or [slice(start, start + config.batch_size) for start in starts]:
            batch = order[cut]
            optimiser.zero_grad()
            TASKS[task].loss(model(x[batch]), y[batch]).mean().backward()
            optimiser.step()
    return {name: p.detach() for name, p in model.named_parameters()}


def evenly(chosen, config):
    """Batches where another number than half the pool are members."""
    steps = -(-(POOL // 2) // config.batch_size)
    ends = [round(step * len(chosen) / steps) for step in range(steps + 1)]
    return [slice(*each) for each in pairwise(ends)]


@pytest.mark.parametrize(("task", "model", "out"), CASES)
def test_runs_with_unequal_numbers_of_members_equal_single_runs(task, model, out):
    config = training(lr=1e-2, batch_size=8, epochs=4)
    x, y, _ = problem(task, out)
    rng = np.random.default_rng(1)
    members = [torch.from_numpy(rng.permutation(POOL)[:n]) for n in (41, POOL // 2, 19)]
    stack = Stack(lambda: model(FEATURES, out), [10, 11, 12], TASKS[task])
    *_, (_, params) = train(
        stack, config, x, y, members, 7, range(RUNS), advance=lambda count: None
    )
    for run, chosen in enumerate(members):
        torch.manual_seed(10 + run)
        alone = model(FEATURES, out)
        cuts = None if len(chosen) == POOL // 2 else evenly(chosen, config)
        expected = single(alone, task, config, x, y[run], chosen, run, cuts)
        for name, value in expected.items():
            np.testing.assert_allclose(params[name][run], value, atol=2e-5)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize(("task", "model", "out"), CASES)
def test_stacked_runs_equal_single_runs(task, model, out, optimizer):
    config = training(optimizer=optimizer, lr=1e-2, batch_size=8, epochs=4)
    x, y, chosen = problem(task, out)
    stack = Stack(lambda: model(FEATURES, out), [10, 11, 12], TASKS[task])
    *_, (epoch, params) = train(
        stack, config, x, y, list(chosen), 7, range(RUNS), advance=lambda count: None
    )
    assert epoch == 4
    for run in range(RUNS):
        torch.manual_seed(10 + run)
        alone = single(model(FEATURES, out), task, config, x, y[run], chosen[run], run)
        for name, value in alone.items():
            torch.testing.assert_close(params[name][run], value, atol=1e-5, rtol=1e-5)


def test_a_run_that_diverges_leaves_the_others_alone():
    config = training(lr=1e-2, batch_size=8, epochs=2)
    x, y, chosen = problem("regression", 1)
    results = []
    for scale in (1.0, np.nan):
        stack = Stack(lambda: mlp(FEATURES, 1), [1, 2, 3], TASKS["regression"])
        targets = y.clone()
        targets[1] *= scale
        *_, (_, params) = train(
            stack, config, x, targets, list(chosen), 0, range(RUNS), lambda count: None
        )
        results.append(copy.deepcopy(params))
    for name, value in results[0].items():
        assert torch.equal(value[[0, 2]], results[1][name][[0, 2]])
        assert torch.isnan(results[1][name][1]).any()


@pytest.mark.parametrize(
    ("module", "word"), [(nn.BatchNorm1d(FEATURES), "BatchNorm1d"), (nn.Dropout(), "Dropout")]
)
def test_modules_that_cannot_be_stacked_are_refused_by_name(module, word):
    x, y, _ = problem("regression", 1)
    with pytest.raises(QuantmiaError, match=word):
        stack = Stack(
            lambda: nn.Sequential(module, nn.Linear(FEATURES, 1)), [1, 2], TASKS["regression"]
        )
        stack.gradients(stack.initial, x.expand(2, -1, -1), y[:2])


def test_checkpoints_are_taken_at_multiples():
    assert training(epochs=11, checkpoint_every=5).checkpoints == [5, 10]


def test_measurement_equals_evaluating_each_model_alone(tmp_path):
    config = training(lr=1e-2, batch_size=8, epochs=3)
    x, y, chosen = problem("regression", 1)
    stack = Stack(lambda: mlp(FEATURES, 1), [1, 2, 3], TASKS["regression"])
    quantizers = {"full": FullPrecision(), "sign": Sign(), "ternary": Ternary(sparsity=0.9)}
    kept = Trajectory(tmp_path, "address", [1, 2, 3])
    checkpoints = kept.keep(
        train(stack, config, x, y, list(chosen), 0, range(RUNS), lambda count: None)
    )
    measured = measure(
        checkpoints, 3, stack, quantizers, (x, y), x, {"last": 3}, lambda count: None
    )
    found = measured.quantizers
    list(checkpoints)
    assert not measured.diverged.any()
    assert kept.intact()
    model = mlp(FEATURES, 1)
    for k, (_, params) in enumerate(kept.read()):
        for name, quantizer in quantizers.items():
            quantized = quantizer(params)
            for run in range(RUNS):
                model.load_state_dict({key: value[run] for key, value in quantized.items()})
                with torch.no_grad():
                    loss = (model(x).squeeze(-1) - y[run]) ** 2
                np.testing.assert_allclose(found[name].losses[run, k], loss, atol=1e-5)
    np.testing.assert_array_equal(found["full"].models, np.tile([0, 1, 2], (3, 1)))
    assert found["ternary"].sparsity == pytest.approx([0.9] * 3, abs=0.02)


def test_equal_quantized_models_are_recognised_across_checkpoints():
    stack = Stack(lambda: linear(FEATURES, 1), [1, 2], TASKS["regression"])
    x, y, _ = problem("regression", 1)
    same = {name: value * 1.001 for name, value in stack.initial.items()}
    other = {name: -value for name, value in stack.initial.items()}
    other["weight"][0] *= torch.nan
    checkpoints = [(1, stack.initial), (2, same), (3, other)]
    found = measure(
        checkpoints,
        3,
        stack,
        {"sign": Sign(scale="unit", bias=True)},
        (x, y[:2]),
        x,
        {"last": 3},
        lambda n: None,
    )
    np.testing.assert_array_equal(found.quantizers["sign"].models[1], [0, 0, 2])
    np.testing.assert_array_equal(found.diverged, [True, False])


def test_a_damaged_trajectory_is_removed(tmp_path):
    stack = Stack(lambda: linear(FEATURES, 1), [1, 2], TASKS["regression"])
    kept = Trajectory(tmp_path, "address", [1])
    list(kept.keep([(1, stack.initial)]))
    path = next(kept.folder.glob("epoch-*"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert not kept.intact()
    assert not kept.folder.exists()
