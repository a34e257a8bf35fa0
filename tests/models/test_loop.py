"""One run after another, and whether it equals the stack and single models."""

import numpy as np
import pytest
import torch
from torch import nn

from quantmia.data.split import halves
from quantmia.models.heads import mlp
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.quantizers import Uniform
from quantmia.tasks import TASKS
from quantmia.training.batches import Batches
from quantmia.training.losses import measure
from quantmia.training.train import train
from tests.configurations import training

SEEDS = [5, 6, 7]
POOL = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
Y = torch.randn(3, 40, generator=torch.Generator().manual_seed(1))
HALVES = [torch.randperm(40, generator=torch.Generator().manual_seed(run))[:20] for run in SEEDS]
COINS = [half[:count] for half, count in zip(HALVES, (20, 17, 13), strict=True)]


def trained(kind, factory, seeds=SEEDS, members=HALVES, epochs=3, **settings):
    """The last checkpoint, and what trained it."""
    models = kind(factory, seeds, TASKS["regression"])
    config = training(epochs=epochs, batch_size=8, lr=1e-2, **settings)
    steps = train(models, config, POOL, Y, members, 0, range(len(seeds)), lambda count: None)
    last = {}
    for _, params in steps:
        last = {name: value.clone() for name, value in params.items()}
    return last, models


def batch_norm():
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(inplace=True), nn.Linear(6, 1))


def dropout():
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 1))


@pytest.mark.parametrize("members", [HALVES, COINS], ids=["halves", "coins"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_what_both_can_train_they_train_alike(members, optimizer):
    settings = {"members": members, "optimizer": optimizer}
    stacked, stack = trained(Stack, lambda: mlp(4, 1, hidden=[8]), **settings)
    alone, separate = trained(Loop, lambda: mlp(4, 1, hidden=[8]), **settings)
    assert list(stacked) == list(alone) == stack.trained == separate.trained
    for name, value in stacked.items():
        torch.testing.assert_close(alone[name], value, rtol=1e-4, atol=2e-5)
    torch.testing.assert_close(separate(alone, POOL), stack(stacked, POOL), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("factory", [batch_norm, dropout])
def test_a_run_is_what_a_plain_loop_makes_of_it(factory):
    found, separate = trained(Loop, factory, optimizer="sgd", momentum=0.0, epochs=2)
    for run, seed in enumerate(SEEDS):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = factory()
            optimiser = torch.optim.SGD(model.parameters(), lr=1e-2)
            batches = Batches(POOL, Y, HALVES, 8, 0, range(3))
            torch.manual_seed(seed)
            for _ in range(2):
                for x, y, _ in batches.epoch():
                    optimiser.zero_grad()
                    nn.functional.mse_loss(model(x[run])[:, 0], y[run]).backward()
                    optimiser.step()
        for name, value in model.state_dict().items():
            torch.testing.assert_close(found[name][run], value, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(separate(found, POOL)[run], model.eval()(POOL))


@pytest.mark.parametrize("factory", [batch_norm, dropout])
def test_a_run_does_not_depend_on_the_others_nor_on_the_global_generator(factory):
    torch.manual_seed(1)
    three, _ = trained(Loop, factory, optimizer="sgd")
    torch.manual_seed(2)
    expected = torch.rand(1)
    torch.manual_seed(2)
    two, _ = trained(Loop, factory, seeds=SEEDS[:2], members=HALVES[:2], optimizer="sgd")
    assert torch.equal(torch.rand(1), expected)
    for name, value in two.items():  # but for rounding, which vector lanes decide
        torch.testing.assert_close(three[name][:2], value, rtol=1e-5, atol=1e-6)


def test_buffers_are_measured_but_neither_quantized_nor_trained():
    last, separate = trained(Loop, batch_norm)
    assert "1.running_var" in last
    assert "1.running_var" not in separate.trained
    assert not torch.equal(last["1.running_var"], separate.initial["1.running_var"])
    quantizer = Uniform(bits=2, bias=True)
    found = measure(
        [(1, last)], 1, separate, {"q": quantizer}, (POOL, Y), POOL, {"last": 1}, lambda count: None
    )
    assert not found.diverged.any()
    np.testing.assert_array_equal(found.final["1.running_var"], last["1.running_var"])
    expected = quantizer({name: last[name] for name in separate.trained}) | {
        name: value for name, value in last.items() if name not in separate.trained
    }
    answers = torch.from_numpy(found.quantizers["q"].released.measured["last"])
    torch.testing.assert_close(answers, separate(expected, POOL)[:, halves(len(POOL))[1]])


def test_a_parameter_that_has_no_share_in_the_output_stays():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(4, 1), nn.Linear(4, 1)
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, x):
            return self.used(x) * self.scale

    last, separate = trained(Loop, Idle)
    assert torch.equal(last["idle.weight"], separate.initial["idle.weight"])
    assert not torch.equal(last["scale"], separate.initial["scale"])
