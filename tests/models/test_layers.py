import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from quantmia.models.heads import mlp
from quantmia.models.layers import LayerInputs
from quantmia.models.skeleton import skeleton
from quantmia.quantizers.layers import Linear

RUNS, ROWS = 3, 7
NORMED = nn.BatchNorm1d(4)


def stacked(factory):
    """Models of some runs, and their parameters and buffers."""
    models = []
    for seed in range(RUNS):
        torch.manual_seed(seed)
        models.append(factory())
    states = [dict(m.named_parameters()) | dict(m.named_buffers()) for m in models]
    return models, {k: torch.stack([s[k].detach() for s in states]) for k in states[0]}


def shown(factory, *shape):
    rows = torch.randn(RUNS, ROWS, *shape, generator=torch.Generator().manual_seed(0))
    return LayerInputs(skeleton(factory()), rows), rows


class Odd(nn.Module):
    """Layers that are called twice, by name, after one that is written below them, or never."""

    def __init__(self):
        super().__init__()
        self.twice = nn.Linear(4, 4, bias=False)
        self.last = nn.Linear(4, 1, bias=False)
        self.first = nn.Linear(6, 4)
        self.never = nn.Linear(2, 2)

    def forward(self, x):
        return self.last(input=torch.relu_(self.twice(self.twice(self.first(x)))))


def test_layers_come_in_the_order_of_their_calls_with_what_they_are_given():
    models, params = stacked(Odd)
    layers, rows = shown(Odd, 6)
    found = layers(params)
    assert list(found) == [Linear("first.weight", "first.bias"), Linear("last.weight", None)]
    for run, model in enumerate(models):
        with torch.no_grad():
            hidden = torch.relu(model.twice(model.twice(model.first(rows[run]))))
        first, last = (each.inputs[run] for each in found.values())
        torch.testing.assert_close(first, rows[run])
        torch.testing.assert_close(last, hidden)


class Gated(nn.Module):
    """A layer that only some models call."""

    def __init__(self):
        super().__init__()
        self.gate, self.extra, self.out = (nn.Linear(4, width) for width in (4, 4, 1))

    def forward(self, x):
        x = self.gate(x)
        return self.out(self.extra(x) if self.gate.bias[0] > 0 else x)


def test_what_only_some_runs_call_is_left_out():
    _, params = stacked(Gated)
    params["gate.bias"][:, 0] = torch.tensor([1.0, -1.0, 1.0])
    layers, _ = shown(Gated, 4)
    assert [each.weight for each in layers(params)] == ["gate.weight", "out.weight"]


def test_rows_of_several_axes_are_all_rows_of_a_layer():
    layers, rows = shown(lambda: nn.Linear(4, 2), 5, 4)
    (given,) = layers(stacked(lambda: nn.Linear(4, 2))[1]).values()
    torch.testing.assert_close(given.inputs, rows.reshape(RUNS, ROWS * 5, 4))


def test_running_statistics_are_those_of_the_run():
    def factory():
        return nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))

    models, params = stacked(factory)
    params["0.running_mean"] += torch.arange(RUNS)[:, None]
    layers, rows = shown(factory, 4)
    parameters = {name: value for name, value in params.items() if "running" not in name}
    (given,) = layers.beside(params)(parameters).values()
    for run, model in enumerate(models):
        model.eval()[0].running_mean += run
        with torch.no_grad():
            torch.testing.assert_close(given.inputs[run], model[0](rows[run]))


def test_what_is_the_same_to_the_bit_is_the_same_object():
    layers, _ = shown(lambda: mlp(4, 1, [3]), 4)
    _, params = stacked(lambda: mlp(4, 1, [3]))
    first, last = layers(params).values()
    assert list(layers(params).values()) == [first, last]
    params["0.bias"] += 1
    again = list(layers(params).values())
    assert again[0] is first
    assert again[1] is not last


@pytest.mark.parametrize(
    "factory",
    [lambda: nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten()), lambda: weight_norm(nn.Linear(4, 2))],
)
def test_modules_without_a_weight_of_a_linear_layer_have_none(factory):
    layers, _ = shown(factory, 1, 4)
    assert layers(stacked(factory)[1]) == {}
