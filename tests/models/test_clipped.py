"""Clipped sums against one backward pass a sample."""

import pytest
import torch
from torch import nn

from quantmia.models import clipped
from quantmia.models.clipped import NotOfLayersError, by_layers, by_samples
from quantmia.models.heads import linear, mlp
from quantmia.models.stack import Stack
from quantmia.tasks import TASKS

RUNS, SAMPLES, FEATURES = 3, 9, 4


class Tied(nn.Module):
    """One weight in two layers."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1)
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.c(torch.tanh(self.b(torch.tanh(self.a(x)))))


class Twice(nn.Module):
    """A layer that is called twice."""

    def __init__(self):
        super().__init__()
        self.a, self.c = nn.Linear(4, 4), nn.Linear(4, 1)

    def forward(self, x):
        return self.c(torch.tanh(self.a(torch.tanh(self.a(x)))))


class Mixing(nn.Module):
    """Samples of a batch see each other."""

    def __init__(self):
        super().__init__()
        self.a, self.c = nn.Linear(4, 4), nn.Linear(4, 1)

    def forward(self, x):
        return self.c(torch.tanh(self.a(x)) + 3 * x.mean(0, keepdim=True))


def frozen():
    model = mlp(FEATURES, 1, (5,))
    model.get_parameter("0.weight").requires_grad_(False)
    return model


def norm():
    return nn.Sequential(nn.Linear(FEATURES, 6), nn.LayerNorm(6), nn.Linear(6, 1))


def convolution():
    return nn.Sequential(
        nn.Unflatten(-1, (1, 4)), nn.Conv1d(1, 3, 2), nn.ReLU(), nn.Flatten(-2), nn.Linear(9, 1)
    )


def on_tokens():
    return nn.Sequential(nn.Unflatten(-1, (2, 2)), nn.Linear(2, 3), nn.Flatten(-2), nn.Linear(6, 1))


OF_LAYERS = {
    "linear": ("binary", lambda: linear(FEATURES, 1)),
    "mlp": ("regression", lambda: mlp(FEATURES, 1, (5, 3))),
    "classes": ("multiclass", lambda: mlp(FEATURES, 3, (5,))),
    "without bias": ("regression", lambda: nn.Linear(FEATURES, 1, bias=False)),
    "frozen weight": ("regression", frozen),
}
OTHERS = {
    "layer norm": ("binary", norm),
    "convolution": ("regression", convolution),
    "tokens": ("regression", on_tokens),
    "tied": ("regression", Tied),
    "twice": ("regression", Twice),
    "mixing": ("regression", Mixing),
}


def problem(task):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(RUNS, SAMPLES, FEATURES, generator=generator)
    y = torch.randint(3 if task == "multiclass" else 2, (RUNS, SAMPLES), generator=generator)
    weights = (torch.rand(RUNS, SAMPLES, generator=generator) < 0.7).float()
    return x, y if task == "multiclass" else y.float(), weights


def one_after_another(stack, factory, task, x, y, weights, bound):
    """Sums of a run at a time, as Abadi et al. 2016 write them down (algorithm 1)."""
    expected = [torch.zeros_like(stack.initial[name]) for name in stack.trained]
    for run in range(RUNS):
        model = factory()
        own = {name: value[run] for name, value in stack.initial.items()}
        model.load_state_dict(own, strict=False)
        moving = [p for p in model.parameters() if p.requires_grad]
        for sample in range(SAMPLES):
            if not weights[run, sample]:
                continue
            one = slice(sample, sample + 1)
            loss = TASKS[task].loss(model(x[run, one]), y[run, one]).sum()
            gradient = torch.autograd.grad(loss, moving, materialize_grads=True)
            size = torch.cat([each.flatten() for each in gradient]).norm()
            for total, each in zip(expected, gradient, strict=True):
                total[run] += each / max(1.0, float(size) / bound)
    return expected


def state(stack):
    return {name: value.clone() for name, value in stack.initial.items()}


@pytest.mark.parametrize("bound", [1e-4, 0.5, 1e3])
@pytest.mark.parametrize("name", [*OF_LAYERS, *OTHERS])
def test_a_clipped_sum_is_that_of_samples_by_themselves(name, bound):
    task, factory = (OF_LAYERS | OTHERS)[name]
    stack = Stack(factory, range(RUNS), TASKS[task])
    x, y, weights = problem(task)
    found = stack.clipped(state(stack), x, y, weights, bound)
    expected = one_after_another(stack, factory, task, x, y, weights, bound)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6 * bound)


@pytest.mark.parametrize("name", [*OF_LAYERS, *OTHERS])
def test_products_of_layers_are_used_where_they_are_right(name):
    task, factory = (OF_LAYERS | OTHERS)[name]
    stack = Stack(factory, range(RUNS), TASKS[task])
    chosen = stack._quickest(state(stack), *problem(task)[:2], 0.5)
    assert (chosen.__qualname__ == "by_layers.<locals>.clipped") == (name in OF_LAYERS)


@pytest.mark.parametrize("name", ["layer norm", "convolution"])
def test_parameters_of_other_modules_are_not_of_layers(name):
    task, factory = OTHERS[name]
    model = factory()
    with pytest.raises(NotOfLayersError, match="parameters of other modules"):
        by_layers(model, TASKS[task], [name for name, _ in model.named_parameters()], 1.0)


def test_few_samples_at_a_time_are_the_same(monkeypatch):
    task, factory = OTHERS["layer norm"]
    model, (x, y, weights) = factory(), problem(task)
    trained = [name for name, _ in model.named_parameters()]
    params = {name: value.detach() for name, value in model.named_parameters()}
    whole = by_samples(model, TASKS[task], trained, 0.5, runs=1)(params, x[0], y[0], weights[0])
    monkeypatch.setattr(clipped, "HELD", 2 * sum(value.numel() for value in params.values()))
    parts = by_samples(model, TASKS[task], trained, 0.5, runs=1)(params, x[0], y[0], weights[0])
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_no_sample_weighs_more_than_the_bound():
    task, factory = OF_LAYERS["mlp"]
    stack = Stack(factory, range(RUNS), TASKS[task])
    x, y, _ = problem(task)
    alone = torch.zeros(RUNS, SAMPLES)
    alone[:, 2] = 1.0
    sums = stack.clipped(state(stack), 1e4 * x, y, alone, 0.25)
    sizes = sum(each.flatten(1).square().sum(1) for each in sums)
    torch.testing.assert_close(sizes**0.5, torch.full((RUNS,), 0.25), rtol=1e-5, atol=0)
