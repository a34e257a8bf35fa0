"""Sharpness-aware minimisation against one that is written by hand, run by run."""

import numpy as np
import pytest
import torch
from torch import nn

from quantmia.models.heads import mlp
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.tasks import TASKS
from quantmia.training.sharpness import SharpnessAware
from quantmia.training.train import train
from tests.configurations import training
from tests.training.alone import (
    FEATURES,
    KINDS,
    MODULES,
    POOL,
    RUNS,
    SEED,
    Alone,
    batch_norm,
    checkpoints,
    problem,
    same,
    weights_of,
)

RADIUS = 0.1


def sharply(alone: Alone, batch: torch.Tensor) -> None:
    """A step of algorithm 1; buffers are those of the first pass."""
    moving = [each for each in alone.model.parameters() if each.requires_grad]
    before = [each.detach().clone() for each in moving]
    alone.backward(batch)
    gradients = [each.grad for each in moving if each.grad is not None]
    norm = torch.cat([each.flatten() for each in gradients]).norm()
    with torch.no_grad():
        for each, gradient in zip(moving, gradients, strict=True):
            each.add_(RADIUS * gradient / norm)
    normed = [each for each in alone.model.modules() if isinstance(each, nn.BatchNorm1d)]
    for each in normed:
        each.track_running_stats = False
    alone.backward(batch)
    for each in normed:
        each.track_running_stats = True
    with torch.no_grad():
        for each, value in zip(moving, before, strict=True):
            each.copy_(value)
    alone.optimiser.step()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("task", MODULES)
def test_every_run_is_trained_as_by_hand(kind, optimizer, task):
    found = checkpoints(kind, task, optimizer=optimizer, sam=RADIUS)
    for run in range(RUNS):
        alone = Alone(task, run, optimizer)
        for epoch in range(4):
            for batch in alone.epoch():
                sharply(alone, batch)
            same(found[epoch], run, weights_of(alone.model))


def test_buffers_count_every_batch_once():
    *_, last = checkpoints(Loop, module=batch_norm, optimizer="sgd", sam=RADIUS)
    for run in range(RUNS):
        alone = Alone("regression", run, "sgd", batch_norm)
        for _ in range(4):
            for batch in alone.epoch():
                sharply(alone, batch)
        same(last, run, alone.model.state_dict())
        assert int(last["1.num_batches_tracked"][run]) == 16


def frozen() -> nn.Module:
    model = mlp(FEATURES, 1, hidden=[6])
    next(model.parameters()).requires_grad_(False)
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_frozen_is_not_moved(kind):
    *_, last = checkpoints(kind, module=frozen, optimizer="sgd", sam=RADIUS)
    for run in range(RUNS):
        alone = Alone("regression", run, "sgd", frozen)
        for _ in range(4):
            for batch in alone.epoch():
                sharply(alone, batch)
        same(last, run, weights_of(alone.model))


def batch(runs: slice = slice(None)):
    x, y, members = problem("regression")
    return x[members][runs], y.gather(1, members)[runs], None


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_moved_by_its_own_norm_to_where_its_loss_is_larger(kind):
    stack = kind(MODULES["regression"], [10, 11, 12], TASKS["regression"])
    asked = []

    class Asked(kind):
        def gradients(self, params, *rest):
            asked.append({name: value.clone() for name, value in params.items()})
            return super().gradients(params, *rest)

    SharpnessAware(Asked(MODULES["regression"], [10, 11, 12], stack.task), RADIUS)(
        stack.initial, *batch()
    )
    there, moved = asked
    steps = torch.cat([(moved[name] - there[name]).flatten(1) for name in there], 1)
    torch.testing.assert_close(steps.norm(dim=1), torch.full((RUNS,), RADIUS))
    x, y, members = problem("regression")
    losses = [stack.task.loss(stack(params, x), y).gather(1, members).mean(1) for params in asked]
    assert (losses[1] > losses[0]).all()


def test_a_run_without_a_gradient_stays_where_it_is():
    stack = Stack(MODULES["regression"], [10, 11, 12], TASKS["regression"])
    x, _, _ = batch()
    fitted = stack(stack.initial, x[0])[..., 0]  # every run has no error on what it says itself
    found = SharpnessAware(stack, RADIUS)(stack.initial, x[:1].expand(RUNS, -1, -1), fitted, None)
    assert all(torch.isfinite(each).all() for each in found)
    assert max(float(each.abs().max()) for each in found) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_does_not_depend_on_the_others(kind):
    """Nor does one that diverges, nor do those with other numbers of members."""
    x, y, _ = problem("regression")
    rng = np.random.default_rng(1)
    members = [torch.from_numpy(rng.permutation(POOL)[:count]) for count in (41, 30, 19)]
    config = training(lr=1e-2, batch_size=8, epochs=3, sam=RADIUS)

    def last(runs: list[int], targets: torch.Tensor):
        stack = kind(MODULES["regression"], [10 + run for run in runs], TASKS["regression"])
        own = [members[run] for run in runs]
        *_, (_, params) = train(stack, config, x, targets, own, SEED, runs, lambda _: None)
        return params

    together = last([0, 1, 2], y)
    for run in range(RUNS):
        alone = last([run], y[run : run + 1])
        for name, value in together.items():
            torch.testing.assert_close(value[run], alone[name][0], atol=1e-5, rtol=1e-5)
    diverging = y.clone()
    diverging[1] = torch.nan
    beside = last([0, 1, 2], diverging)
    for name, value in together.items():
        assert torch.equal(value[[0, 2]], beside[name][[0, 2]])
        assert beside[name][1].isnan().any()


def test_it_is_no_plain_training():
    plain, sharp = (checkpoints(Stack, sam=each)[-1] for each in (None, 0.5))
    assert not any(torch.allclose(plain[name], sharp[name], atol=1e-3) for name in plain)
