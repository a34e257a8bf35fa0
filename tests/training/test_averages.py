"""Averaged weights against `torch.optim.swa_utils`, run by run."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from quantmia.models.heads import linear
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.quantizers import Sign
from quantmia.tasks import TASKS
from quantmia.training.averages import Average
from quantmia.training.train import train
from tests.configurations import training
from tests.training.alone import (
    FEATURES,
    KINDS,
    MODULES,
    RUNS,
    SEED,
    Alone,
    batch_norm,
    checkpoints,
    problem,
    same,
    weights_of,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("task", MODULES)
def test_exponential_averages_are_those_of_pytorch(kind, optimizer, task):
    found = checkpoints(kind, task, optimizer=optimizer, ema=0.9)
    for run in range(RUNS):
        alone = Alone(task, run, optimizer)
        average = AveragedModel(alone.model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        for epoch in range(4):
            for batch in alone.epoch():
                alone.step(batch)
                average.update_parameters(alone.model)
            same(found[epoch], run, weights_of(average.module))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", [1, 3])
@pytest.mark.parametrize("task", MODULES)
def test_equal_averages_are_those_of_pytorch(kind, first, task):
    found = checkpoints(kind, task, epochs=5, swa=first)
    for run in range(RUNS):
        alone = Alone(task, run, "adam")
        average = AveragedModel(alone.model)
        for epoch in range(1, 6):
            for batch in alone.epoch():
                alone.step(batch)
            if epoch >= first:
                average.update_parameters(alone.model)
            expected = average.module if epoch >= first else alone.model
            same(found[epoch - 1], run, weights_of(expected))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", [{"ema": 0.99}, {"swa": 2}])
def test_training_itself_does_not_see_an_average(kind, how):
    plain, averaged = checkpoints(kind), checkpoints(kind, **how)
    if "swa" in how:
        for name, value in averaged[1].items():
            assert torch.equal(value, plain[1][name])  # of one epoch alone
        for name, value in averaged[3].items():
            mean = (plain[1][name] + plain[2][name] + plain[3][name]) / 3
            torch.testing.assert_close(value, mean, atol=1e-6, rtol=1e-5)
    for name, value in averaged[-1].items():
        assert not torch.allclose(value, plain[-1][name], atol=1e-4)


def test_an_epoch_without_a_checkpoint_has_its_share():
    every, second = (checkpoints(Stack, checkpoint_every=each, swa=1) for each in (1, 2))
    for few, many in zip(second, every[1::2], strict=True):
        assert all(torch.equal(few[name], many[name]) for name in many)


@pytest.mark.parametrize("how", [{"ema": 0.9}, {"swa": 2}])
def test_buffers_stay_those_of_the_training(how):
    plain, averaged = (checkpoints(Loop, module=batch_norm, **each)[-1] for each in ({}, how))
    for name in ("1.running_mean", "1.running_var", "1.num_batches_tracked"):
        assert torch.equal(plain[name], averaged[name])
    assert not torch.allclose(plain["1.weight"], averaged["1.weight"])


def frozen_weight() -> nn.Module:
    model = linear(FEATURES, 1)
    model.get_parameter("weight").requires_grad_(False)
    return model


def test_what_is_frozen_keeps_its_bits():
    found = checkpoints(Stack, module=frozen_weight, ema=0.9)
    initial = Stack(frozen_weight, [10, 11, 12], TASKS["regression"]).initial
    assert torch.equal(found[-1]["weight"], initial["weight"])
    assert not torch.equal(found[-1]["bias"], initial["bias"])


def test_a_run_that_diverges_spoils_no_other_average():
    x, y, members = problem("regression")
    config = training(lr=1e-2, batch_size=8, epochs=2, ema=0.9)
    found = []
    for scale in (1.0, torch.nan):
        stack = Stack(MODULES["regression"], [1, 2, 3], TASKS["regression"])
        targets = y.clone()
        targets[1] *= scale
        *_, (_, params) = train(
            stack, config, x, targets, list(members), SEED, range(RUNS), lambda _: None
        )
        found.append(params)
    for name, value in found[0].items():
        assert torch.equal(value[[0, 2]], found[1][name][[0, 2]])
        assert found[1][name][1].isnan().any()


def test_with_a_quantizer_in_the_loop_the_latent_weights_are_averaged():
    x, y, members = problem("regression")
    found = []
    for how in ({}, {"swa": 1}):
        stack = Stack(MODULES["regression"], [1, 2, 3], TASKS["regression"])
        config = training(lr=1e-2, batch_size=8, epochs=3, **how)
        steps = train(stack, config, x, y, list(members), SEED, range(RUNS), lambda _: None, Sign())
        found.append([{name: v.clone() for name, v in params.items()} for _, params in steps])
    plain, averaged = found
    for name, value in averaged[-1].items():
        mean = torch.stack([each[name] for each in plain]).mean(0)
        torch.testing.assert_close(value, mean, atol=1e-6, rtol=1e-5)


def test_private_steps_are_averaged_afterwards():
    dp = training().dp
    noisy = type(dp)(epsilon=None, noise_multiplier=1.0, max_grad_norm=1.0, delta=1e-5)
    plain, averaged = checkpoints(Stack, dp=noisy), checkpoints(Stack, dp=noisy, swa=3)
    for name, value in averaged[-1].items():
        mean = (plain[2][name] + plain[3][name]) / 2
        torch.testing.assert_close(value, mean, atol=1e-6, rtol=1e-5)


def test_where_nothing_is_averaged_the_parameters_are_handed_on():
    params = {"weight": torch.ones(2, 3)}
    average = Average(training(), params, ["weight"])
    average.after_step()
    average.after_epoch(1)
    assert average.params is params
