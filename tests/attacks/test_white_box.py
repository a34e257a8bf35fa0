"""The influence against gradients taken one by one."""

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
    mean = {name: value.mean(0).requires_grad_() for name, value in seen.parameters.items()}
    for run in range(RUNS):
        for z in range(POOL):
            output = functional_call(seen.module, mean, (seen.features[z : z + 1],))
            loss = seen.task.loss(output, torch.from_numpy(target[run, z : z + 1])).sum()
            gradients = torch.autograd.grad(loss, list(mean.values()))
            expected = sum(
                float(((value[run] - value.mean(0)) * gradient).sum())
                for value, gradient in zip(seen.parameters.values(), gradients, strict=True)
            )
            assert found[run, z] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_some_of_the_runs_have_a_mean_of_their_own():
    seen = white_box("regression")
    target = np.zeros((RUNS, POOL), np.float32)
    two = seen.of(np.array([1, 3])).influence(target[:2])
    np.testing.assert_allclose(two[0], -two[1], rtol=1e-4)


@pytest.mark.parametrize("setting", [{"features": "grey"}, {"folds": 1}, {"pairs": 5}])
def test_settings_that_make_no_sense_are_refused(setting):
    with pytest.raises(ValueError, match="has to be"):
        Discriminator(**setting)
