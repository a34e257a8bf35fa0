"""Learning rates of warm restarts against PyTorch's scheduler, over whole trainings."""

from itertools import islice, pairwise

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

from quantmia.models.stack import Stack
from quantmia.training.optimisers import OPTIMISERS, Optimiser, learning_rates
from tests.configurations import training
from tests.training.alone import KINDS, MODULES, RUNS, STEPS, Alone, checkpoints, same, weights_of


@pytest.mark.parametrize("restart", [1, 2, 7])
def test_rates_are_those_of_pytorch(restart):
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    scheduler = CosineAnnealingWarmRestarts(optimiser, T_0=restart)
    for rate in islice(learning_rates(0.3, restart), 20):
        assert rate == pytest.approx(scheduler.get_last_lr()[0], rel=1e-9, abs=1e-12)
        optimiser.step()
        scheduler.step()


def test_a_cycle_begins_with_the_largest_rate_and_nearly_ends_at_none():
    rates = list(islice(learning_rates(0.1, 100), 201))
    assert rates[0] == rates[100] == rates[200] == 0.1
    assert rates[50] == pytest.approx(0.05)
    assert 0 < rates[99] < 1e-4
    assert all(later < earlier for earlier, later in pairwise(rates[:100]))


def test_without_restarts_the_rate_is_the_very_number():
    assert list(islice(learning_rates(1e-2), 5)) == [1e-2] * 5


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimiser_takes_the_rate_of_the_step(name):
    value = torch.ones(RUNS, 2)
    optimiser = OPTIMISERS[name]([value], training())
    assert isinstance(optimiser, Optimiser)
    optimiser.step([torch.ones(RUNS, 2)], 0.0)
    assert torch.equal(value, torch.ones(RUNS, 2))
    optimiser.step([torch.ones(RUNS, 2)], 0.5)
    assert (value < 1).all()


@pytest.mark.parametrize("name", OPTIMISERS)
def test_gradients_may_lie_in_memory_as_they_like(name):
    ours, theirs = torch.zeros(RUNS, 3, 2), torch.zeros(RUNS, 3, 2)
    turned = torch.randn(RUNS, 2, 3).mT
    for value, gradient in ((ours, turned), (theirs, turned.contiguous())):
        optimiser = OPTIMISERS[name]([value], training())
        for _ in range(2):
            optimiser.step([gradient], 0.1)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("task", MODULES)
def test_every_run_is_trained_with_restarts_as_by_pytorch(kind, optimizer, task):
    found = checkpoints(kind, task, optimizer=optimizer, epochs=5, warm_restarts=2)
    for run in range(RUNS):
        alone = Alone(task, run, optimizer)
        scheduler = CosineAnnealingWarmRestarts(alone.optimiser, T_0=2 * STEPS)
        for epoch in range(5):
            for batch in alone.epoch():
                alone.step(batch)
                scheduler.step()
            same(found[epoch], run, weights_of(alone.model))


def test_restarts_change_what_is_trained():
    plain, restarted = (checkpoints(Stack, warm_restarts=each)[-1] for each in (None, 2))
    assert not any(torch.allclose(plain[name], restarted[name], atol=1e-3) for name in plain)
