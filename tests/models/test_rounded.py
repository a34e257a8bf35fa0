import pytest
import torch
from torch import nn

from quantmia.models.rounded import rounding_inputs

X = torch.tensor([[0.4, 1.6], [-2.4, 0.2]])


class Net(nn.Module):
    """Layers that are given what they are given by place and by name."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            for layer in (self.first, self.second):
                layer.weight.copy_(torch.eye(2) / 2)

    def forward(self, x):
        return self.second(input=self.first(x))


def whole(x: torch.Tensor, ends: torch.Tensor | None) -> torch.Tensor:
    """To whole numbers, cut off at the end of a range if one is given."""
    return x.round() if ends is None else x.round().clamp(ends[0], ends[1])


@torch.no_grad()
def test_every_layer_is_given_rounded_inputs_until_it_ends():
    net = Net()
    plain = net(X)
    with rounding_inputs(net, whole, None):
        assert torch.equal(net(X), (X.round() / 2).round() / 2)
    assert torch.equal(net(X), plain)


@torch.no_grad()
def test_with_ranges_only_layers_that_have_one():
    net = Net()
    with rounding_inputs(net, whole, {"second.weight": torch.tensor([0.0, 0.4])}):
        assert torch.equal(net(X), (X / 2).round().clamp(0, 0.4) / 2)
    with rounding_inputs(net, whole, {}):
        assert torch.equal(net(X), X / 4)


def test_an_error_leaves_no_rounding_behind():
    net = Net()
    with pytest.raises(RuntimeError), rounding_inputs(net, whole, None):
        net(torch.zeros(2, 3))
    assert torch.equal(net(X), X / 4)
