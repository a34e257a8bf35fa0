from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from quantmia.models.heads import mlp
from quantmia.models.layers import LayerInputs
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.quantizers import Calibrated, FullPrecision, Quantizer, Sign, Uniform
from quantmia.quantizers.shipped import Quantized, Shipped, fingerprints
from quantmia.quantizers.stored import Stored, stored_bits
from quantmia.tasks import TASKS

RUNS, FEATURES = 3, 4
X = torch.randn(9, FEATURES, generator=torch.Generator().manual_seed(0))
ROWS = torch.randn(RUNS, 6, FEATURES, generator=torch.Generator().manual_seed(1))
KINDS = [Stack, Loop]
SCHEMES = [FullPrecision(), Sign(), Uniform(bits=2, bias=True), Calibrated(scheme=Sign())]


def factory() -> nn.Module:
    return mlp(FEATURES, 1, hidden=[5])


def models_of(kind: type[Stack] | type[Loop]) -> Stack | Loop:
    return kind(factory, range(RUNS), TASKS["regression"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda each: type(each).__name__)
def test_schemes_of_weights_release_what_they_make_of_parameters(kind, scheme: Quantizer):
    models, rows = models_of(kind), LayerInputs(factory(), ROWS)
    shipped = scheme.release(models.initial, models, X, rows)
    layers = rows.beside(models.initial)
    quantized = models.initial | scheme(models.initial, layers)
    assert torch.equal(shipped(X), models(quantized, X))
    assert shipped.fingerprints() == fingerprints(list(quantized.values()))
    assert {name: value.tolist() for name, value in shipped.weights.items()} == {
        name: value.tolist() for name, value in quantized.items()
    }
    stored = Stored.of(shipped, scheme, models.initial, models, rows)
    assert stored.bits == stored_bits(models.initial, quantized, scheme, layers)
    assert stored.sparsity.shape == (RUNS,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_by_itself_is_the_runs_own(kind):
    models = models_of(kind)
    for run, expected in enumerate(models(models.initial, X)):
        own = {name: value[run] for name, value in models.initial.items()}
        module = models.module(own)
        assert not module.training
        assert torch.allclose(module(X), expected, atol=1e-6)


def test_a_model_by_itself_keeps_buffers_and_ties():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
            self.second.weight = self.first.weight
            self.norm = nn.BatchNorm1d(4)

        def forward(self, x):
            return self.second(self.norm(self.first(x)))

    models = Loop(Tied, [0, 1], TASKS["regression"])
    params = {name: value * 2 for name, value in models.initial.items()}
    module = models.module({name: value[1] for name, value in params.items()})
    assert isinstance(module, Tied)
    assert module.second.weight is module.first.weight
    assert torch.equal(module(X), models(params, X)[1])


def test_a_copy_stays_while_training_goes_on_and_takes_runs():
    models = models_of(Stack)
    params = {name: value.clone() for name, value in models.initial.items()}
    first = Quantized(models, params)
    before, kept = first(X).clone(), first.copy()
    for value in params.values():
        value += 1
    assert torch.equal(kept(X), before)
    kept.take(np.array([1]), first)
    assert torch.equal(kept(X)[[0, 2]], before[[0, 2]])
    assert torch.equal(kept(X)[1], first(X)[1])


def test_fingerprints_are_of_every_number_of_a_run():
    values = [torch.zeros(3, 2), torch.zeros(3, 1, 2)]
    values[1][2, 0, 1] = 1
    first, second, third = fingerprints(values)
    assert first == second != third


@dataclass(frozen=True, kw_only=True)
class Halved(Sign):
    """A scheme that changes more than weights."""

    def release(self, params, models, sample, calibration=None) -> Shipped:
        class HalfOf(Quantized):
            def __call__(self, x):
                return super().__call__(x) / 2

        return HalfOf(models, params | self(params))


def test_a_scheme_may_change_more_than_weights():
    models = models_of(Stack)
    halved, plain = (scheme.release(models.initial, models, X) for scheme in (Halved(), Sign()))
    assert torch.equal(halved(X), plain(X) / 2)
