"""The influence against gradients taken one by one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from quantmia.attacks import Discriminator, WhiteBox
from quantmia.tasks import TASKS

RUNS, POOL = 4, 7


def white_box(task, out=1):
    module = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, out))
    generator = torch.Generator().manual_seed(0)
    parameters = {
        name: torch.randn(RUNS, *value.shape, generator=generator)
        for name, value in module.named_parameters()
    }
    features = torch.randn(POOL, 5, generator=generator)
    return WhiteBox(module.to("meta"), parameters, features, TASKS[task])


@pytest.mark.parametrize(("task", "out"), [("regression", 1), ("binary", 1), ("multiclass", 3)])
def test_influence_is_the_inner_product_with_each_gradient(task, out):
    seen = white_box(task, out)
    rng = np.random.default_rng(0)
    target = rng.normal(size=(RUNS, POOL)).astype(np.float32)
    if task != "regression":
        target = rng.integers(max(out, 2), size=(RUNS, POOL))
    found = seen.influence(target)
    for run in range(RUNS):
        own = {name: value[run].requires_grad_() for name, value in seen.parameters.items()}
        for z in range(POOL):
            output = functional_call(seen.module, own, (seen.features[z : z + 1],))
            loss = seen.task.loss(output, torch.from_numpy(target[run, z : z + 1])).sum()
            gradients = torch.autograd.grad(loss, list(own.values()))
            expected = sum(
                float(((value[run] - value.mean(0)) * gradient).sum())
                for value, gradient in zip(seen.parameters.values(), gradients, strict=True)
            )
            assert found[run, z] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_some_of_the_runs_have_a_mean_of_their_own():
    seen = white_box("regression")
    target = np.zeros((RUNS, POOL), np.float32)
    chosen = np.array([1, 3])
    two = seen.of(chosen)
    doubled = replace(two, parameters={n: torch.cat([v, v]) for n, v in two.parameters.items()})
    np.testing.assert_allclose(
        two.influence(target[:2]), doubled.influence(target)[:2], rtol=1e-4, atol=1e-6
    )
    assert not np.allclose(two.influence(target[:2]), seen.influence(target)[chosen], rtol=1e-2)


def test_some_of_the_samples_have_the_influence_that_they_had():
    seen = white_box("regression")
    target = np.random.default_rng(1).normal(size=(RUNS, POOL)).astype(np.float32)
    chosen = np.array([0, 4, 5])
    found = seen.of_samples(chosen).influence(target[:, chosen])
    np.testing.assert_allclose(found, seen.influence(target)[:, chosen], rtol=1e-5)


@pytest.mark.parametrize("setting", [{"features": "grey"}, {"folds": 1}, {"pairs": 5}])
def test_settings_that_make_no_sense_are_refused(setting):
    with pytest.raises(ValueError, match="has to be"):
        Discriminator(**setting)
