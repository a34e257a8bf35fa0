import copy

import numpy as np
import pytest
import torch
from torch import nn

from quantmia.models.differences import Differences
from quantmia.models.loop import Loop
from quantmia.models.skeleton import skeleton
from quantmia.quantizers.shipped import Quantized
from quantmia.tasks import TASKS


class Sequence(nn.Module):
    """A layer that is asked for several places of each sample, and one without a bias."""

    def __init__(self):
        super().__init__()
        self.inside, self.out = nn.Linear(3, 4), nn.Linear(4, 2, bias=False)

    def forward(self, x):
        return self.out(self.inside(x.reshape(len(x), 2, 3)).tanh().sum(1))


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1))


def stacked(modules: list[nn.Module]) -> dict[str, torch.Tensor]:
    return {
        name: torch.stack([dict(each.named_parameters())[name].detach() for each in modules])
        for name, _ in modules[0].named_parameters()
    }


def shipped(modules: list[nn.Module]) -> Quantized:
    """Answers as they are, for what a quantizer has made of others."""
    models = Loop(lambda: copy.deepcopy(modules[0]), range(len(modules)), TASKS["regression"])
    return Quantized(models, stacked(modules))


def changed(module: nn.Module, kept: tuple[str, ...] = ()) -> nn.Module:
    other = copy.deepcopy(module)
    with torch.no_grad():
        for name, value in other.named_parameters():
            if name not in kept:
                value += 0.1 * torch.randn_like(value)
    return other


def by_hooks(module: nn.Module, other: nn.Module, x: torch.Tensor) -> dict[str, np.ndarray]:
    """The same by plain PyTorch: both layers are called on what the original one is given."""
    found: dict[str, np.ndarray] = {}

    def heard(name: str, theirs: nn.Linear):
        def hook(own, inputs, output):
            moved = (theirs(inputs[0]) - output).double().reshape(len(x), -1)
            found[name] = moved.square().sum(1).numpy()

        return hook

    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear):
            theirs = other.get_submodule(name)
            assert isinstance(theirs, nn.Linear)
            layer.register_forward_hook(heard(name, theirs))
    with torch.no_grad():
        moved = (other(x) - module(x)).double().reshape(len(x), -1)
    return found | {"": moved.square().sum(1).numpy()}


@pytest.mark.parametrize("kind", [perceptron, Sequence])
def test_they_are_what_plain_pytorch_computes(kind):
    torch.manual_seed(0)
    modules = [kind() for _ in range(3)]
    others = [changed(each) for each in modules]
    x = torch.randn(7, 6)
    found = Differences.of(skeleton(modules[0]), x, stacked(modules), shipped(others))
    assert found.layers.shape == (2, 3, 7)
    for run, (module, other) in enumerate(zip(modules, others, strict=True)):
        *layers, outputs = by_hooks(module, other, x).values()
        np.testing.assert_allclose(found.layers[:, run], layers, rtol=1e-4)
        np.testing.assert_allclose(found.outputs[run], outputs, rtol=1e-4)
    widths = {perceptron: [5, 1], Sequence: [8, 2]}
    assert found.widths.tolist() == widths[kind]


def test_a_layer_that_is_as_it_was_is_left_out():
    torch.manual_seed(1)
    module = perceptron()
    kept = changed(module, ("2.weight", "2.bias"))
    x = torch.randn(4, 6)
    found = Differences.of(skeleton(module), x, stacked([module]), shipped([kept]))
    assert found.widths.tolist() == [5]
    same = Differences.of(skeleton(module), x, stacked([module]), shipped([module]))
    assert same.layers.shape == (0, 1, 4)
    assert not same.outputs.any()


def test_a_bias_alone_moves_every_sample_alike():
    torch.manual_seed(2)
    module = perceptron()
    moved = copy.deepcopy(module)
    with torch.no_grad():
        moved[0].bias += 2.0  # pyright: ignore[reportIndexIssue, reportArgumentType]
    x = torch.randn(4, 6)
    found = Differences.of(skeleton(module), x, stacked([module]), shipped([moved]))
    np.testing.assert_allclose(found.layers[0], 5 * 4.0, rtol=1e-5)


def test_of_a_module_without_linear_layers_there_are_outputs_alone():
    torch.manual_seed(3)
    module = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten())
    x = torch.randn(4, 1, 5)
    other = changed(module)
    found = Differences.of(skeleton(module), x, stacked([module]), shipped([other]))
    assert found.layers.shape == (0, 1, 4)
    assert (found.outputs > 0).all()
