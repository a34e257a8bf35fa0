"""Modules of every kind that people bring: trained alike in both ways, in one way, or refused."""

import threading
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, spectral_norm, weight_norm

from quantmia.errors import QuantmiaError
from quantmia.models.factory import try_out, why_not_stacked
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.tasks import TASKS
from quantmia.training.train import train
from tests.configurations import training

pytestmark = [
    # The old one says that there is a newer one.
    pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm`:FutureWarning"),
    # PyTorch loops over the runs itself where it has no operation for all of them.
    pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning"),
]

WIDTH = 6
SEEDS = [5, 6, 7]
POOL = torch.randn(40, WIDTH, generator=torch.Generator().manual_seed(0))
Y = (POOL[:, 0] + 0.3 * POOL[:, 1] > 0).float().expand(3, -1)
HALVES = [torch.randperm(40, generator=torch.Generator().manual_seed(run))[:20] for run in SEEDS]


def head(first: nn.Module, width: int = 8) -> nn.Module:
    return nn.Sequential(first, nn.ReLU(), nn.Linear(width, 1))


class Rnn(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn, self.out = kind(1, 5, batch_first=True), nn.Linear(5, 1)

    def forward(self, x):
        return self.out(self.rnn(x[..., None])[0][:, -1])


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.GRUCell(2, 5), nn.Linear(5, 1)

    def forward(self, x):
        state = x.new_zeros(len(x), 5)
        for step in x.reshape(len(x), 3, 2).unbind(1):
            state = self.cell(step, state)
        return self.out(state)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.out = nn.Linear(1, 4), nn.Linear(4, 1)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        h = self.inner(x[..., None])
        return self.out(self.attention(h, h, h)[0].mean(1))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.out = nn.Linear(1, 4), nn.Linear(4, 1)
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)

    def forward(self, x):
        return self.out(self.layer(self.inner(x[..., None])).mean(1))


class Tied(nn.Module):
    """Weights that two layers share, and a parameter under two names."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(WIDTH, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.d = nn.Linear(8, 1)
        self.c.weight = self.b.weight
        self.again = self.a.bias

    def forward(self, x):
        hidden = torch.relu(self.b(torch.relu(self.a(x)) + self.again))
        return self.d(torch.relu(self.c(hidden)))


class AutoEncoder(nn.Module):
    """A weight used as it is and transposed, by a function."""

    def __init__(self):
        super().__init__()
        self.inner, self.out = nn.Linear(WIDTH, 4), nn.Linear(WIDTH, 1)

    def forward(self, x):
        return self.out(nn.functional.linear(torch.tanh(self.inner(x)), self.inner.weight.t()))


class Aside(nn.Module):
    """A parameter that is also held where PyTorch does not look."""

    def __init__(self):
        super().__init__()
        self.inner, self.out = nn.Linear(WIDTH, 8), nn.Linear(8, 1)
        self.penalised = [self.inner.bias]

    def forward(self, x):
        return self.out(torch.relu(self.inner(x) + self.penalised[0]))


class Hooked(nn.Linear):
    """Its state_dict is not what its parameters are."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.register_state_dict_post_hook(lambda module, state, prefix, meta: state.clear())


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(WIDTH, 1), nn.Linear(WIDTH, 1)

    def forward(self, x):
        return self.a(x) if x.sum() > 0 else self.b(x)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.out = nn.Embedding(10, 4), nn.Linear(4 * WIDTH, 1)

    def forward(self, x):
        return self.out(self.embedding((x.abs() * 3).long().clamp(0, 9)).flatten(1))


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict({"in": nn.Linear(WIDTH, 8), "out": nn.Linear(8, 1)})

    def forward(self, x):
        return self.layers["out"](torch.relu(self.layers["in"](x)))


class Answer(nn.Module):
    def __init__(self, made):
        super().__init__()
        self.linear, self.made = nn.Linear(WIDTH, 1), made

    def forward(self, x):
        return self.made(self.linear(x))


class Typed(nn.Module):
    """Computes in a type of its own."""

    def __init__(self, dtype: torch.dtype):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(WIDTH, 1, dtype=dtype))

    def forward(self, x):
        product = x.to(self.weight.dtype) @ self.weight
        return (product.real if product.is_complex() else product).float()


class Bounded(nn.Module):
    def forward(self, weight):
        return torch.tanh(weight)


class Held(nn.Module):
    """A layer that is called by something that PyTorch does not look into."""

    def __init__(self, how):
        super().__init__()
        self.inner, self.out = nn.Linear(WIDTH, 8), nn.Linear(8, 1)
        self.body = how(self.inner)

    def forward(self, x):
        return self.out(torch.relu(self.body(x)))


class Drawn(nn.Module):
    """Keeps numbers of its own for every model, which are no buffer."""

    def __init__(self, draw):
        super().__init__()
        self.out, self.features = nn.Linear(WIDTH, 1), draw()

    def forward(self, x):
        return self.out(x * self.features)


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.out, self.calls = nn.Linear(WIDTH, 1), 0

    def forward(self, x):
        self.calls += 1
        return self.out(x) * self.calls


class FirstCall(nn.Module):
    def __init__(self):
        super().__init__()
        self.out, self.mean = nn.Linear(WIDTH, 1), None

    def forward(self, x):
        if self.mean is None:
            self.mean = x.detach().mean(0)
        return self.out(x - self.mean)


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(WIDTH, 1)

    def forward(self, x):
        return self.out(x + np.random.default_rng().normal())


class Locked(nn.Linear):
    def __init__(self):
        super().__init__(WIDTH, 1)
        self.lock = threading.Lock()


def frozen_by_hook() -> nn.Module:
    model = head(nn.Linear(WIDTH, 8))
    model.get_parameter("0.weight").register_hook(lambda gradient: gradient * 0)
    return model


def tied_by_data() -> nn.Module:
    one, other = nn.Linear(8, 8), nn.Linear(8, 8)
    other.weight.data = one.weight.data
    return head(nn.Sequential(nn.Linear(WIDTH, 8), nn.Sequential(one, other)))


def frozen(*names: str) -> nn.Module:
    """A backbone with a head on top, of which some parameters are frozen."""
    model = head(nn.Linear(WIDTH, 8))
    for name in names:
        model.get_parameter(name).requires_grad_(False)
    return model


def bounded() -> nn.Module:
    first = nn.Linear(WIDTH, 8)
    parametrize.register_parametrization(first, "weight", Bounded())
    return head(first)


def images(first: nn.Module, shape: tuple[int, ...], width: int) -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, shape), first, nn.ReLU(), nn.Flatten(), nn.Linear(width, 1)
    )


ALIKE = {
    "GRUCell": Cell,
    "attention": Attention,
    "encoder layer": Encoder,
    "Conv1d": lambda: images(nn.Conv1d(1, 3, 3), (1, WIDTH), 12),
    "Conv2d": lambda: images(nn.Conv2d(1, 3, 2), (1, 2, 3), 6),
    "GroupNorm": lambda: nn.Sequential(nn.Linear(WIDTH, 8), nn.GroupNorm(2, 8), nn.Linear(8, 1)),
    "weight norm": lambda: head(parametrizations.weight_norm(nn.Linear(WIDTH, 8))),
    "tied": Tied,
    "used twice": AutoEncoder,
    "frozen": lambda: frozen("0.weight", "0.bias"),
    "partly frozen": lambda: frozen("0.bias"),
    "frozen head": lambda: frozen("2.weight"),
    "float64": lambda: Typed(torch.float64),
    "in place": lambda: nn.Sequential(nn.Linear(WIDTH, 8), nn.ReLU(inplace=True), nn.Linear(8, 1)),
    "embedding": Words,
    "ModuleDict": Named,
    "parametrized": bounded,
    "state_dict hook": lambda: head(Hooked(WIDTH, 8)),
}
ALONE = {
    "LSTM": (lambda: Rnn(nn.LSTM), "Rnn cannot be trained as a stack"),
    "GRU": (lambda: Rnn(nn.GRU), "Rnn cannot be trained as a stack"),
    "old weight norm": (lambda: head(weight_norm(nn.Linear(WIDTH, 8))), "parametrizations.weight"),
    "spectral norm": (lambda: head(spectral_norm(nn.Linear(WIDTH, 8))), "'0' .Linear. keeps buff"),
    "new spectral norm": (
        lambda: head(parametrizations.spectral_norm(nn.Linear(WIDTH, 8))),
        "'0.parametrizations.weight.0' ._SpectralNorm. keeps buffers",
    ),
    "BatchNorm": (
        lambda: nn.Sequential(nn.Linear(WIDTH, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)),
        "'1' .BatchNorm1d. keeps buffers",
    ),
    "Dropout": (lambda: nn.Sequential(nn.Dropout(0.2), nn.Linear(WIDTH, 1)), "'0' .Dropout. draws"),
    "both at once": (
        lambda: nn.Sequential(
            nn.Linear(WIDTH, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 1)
        ),
        "BatchNorm1d.*Dropout",
    ),
    "branching": (Branching, "Branching cannot be trained as a stack"),
    "held aside": (Aside, "Aside cannot be trained as a stack"),
    "in a lambda": (lambda: Held(lambda layer: lambda x: layer(x)), "Held computes other"),
    "in a list": (lambda: Held(lambda layer: [nn.Linear(WIDTH, 8)][0].forward), "Held computes"),
    "in a partial": (
        lambda: Held(lambda layer: partial(nn.functional.linear, weight=layer.weight)),
        "Held c(omputes other|annot be trained)",
    ),
    "numbers of its own": (lambda: Drawn(lambda: torch.randn(WIDTH)), "Drawn computes other"),
    "a size of its own": (
        lambda: Drawn(lambda: int(torch.randint(2, 99, ()))),
        "Drawn computes other",
    ),
    "counting": (Counting, "Counting computes other outputs"),
    "the first call": (FirstCall, "FirstCall computes other"),
    "drawn by NumPy": (Noisy, "Noisy computes other"),
    "a hook on a gradient": (frozen_by_hook, "Sequential computes other gradients"),
    "a lock": (Locked, "Locked cannot be copied"),
}
UNMOVED = {  # what the module does not use, or what its hook holds
    "in a list": {"inner.weight", "inner.bias"},
    "in a partial": {"inner.bias"},
    "a hook on a gradient": {"0.weight"},
}
REFUSED = {
    "Lazy": (lambda: head(nn.LazyLinear(8)), "'0.weight' gets its size from the first samples"),
    "complex": (lambda: Typed(torch.cfloat), "'weight' is complex64; .*float32 or float64"),
    "bfloat16": (lambda: Typed(torch.bfloat16), "'weight' is bfloat16; .*float32 or float64"),
    "whole in float64": (lambda: nn.Linear(WIDTH, 1).double(), "fails on samples of shape"),
    "tied by data": (tied_by_data, "'0.1.0.weight' and '0.1.1.weight' share memory"),
    "sparse": (lambda: head(nn.Embedding(9, 8, sparse=True)), "'0' has sparse gradients"),
    "tuple": (lambda: Answer(lambda y: (y, y)), "it returns tuple"),
    "dict": (lambda: Answer(lambda y: {"y": y}), "it returns dict"),
    "all frozen": (lambda: nn.Linear(WIDTH, 1).requires_grad_(False), "or all are frozen"),
}


def trained(kind, factory):
    """The last checkpoint, the models, and their outputs on the pool."""
    models = kind(factory, SEEDS, TASKS["binary"])
    # Not Adam, which makes steps of the rounding where a gradient is zero (the bias of a key).
    config = training(epochs=4, batch_size=8, lr=0.1, optimizer="sgd")
    last = {}
    for _, params in train(models, config, POOL, Y, HALVES, 0, range(3), lambda count: None):
        last = {name: value.clone() for name, value in params.items()}
    return last, models, models(last, POOL)


def tried(factory) -> str | None:
    try_out(factory, POOL[:2], 1)
    return why_not_stacked(factory, POOL[:2], TASKS["binary"], 2)


@pytest.mark.parametrize("name", ALIKE)
def test_both_ways_train_it_alike(name):
    factory = ALIKE[name]
    assert tried(factory) is None
    stacked, stack, outputs = trained(Stack, factory)
    alone, loop, expected = trained(Loop, factory)
    assert list(stacked) == stack.parameters == loop.parameters
    assert stack.trained == loop.trained
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-4)
    for each, value in stacked.items():
        torch.testing.assert_close(alone[each], value, rtol=1e-4, atol=1e-4)
        assert torch.equal(value, stack.initial[each]) == (each not in stack.trained)


@pytest.mark.parametrize("name", ALONE)
def test_one_way_trains_it_and_the_other_says_why_not(name):
    factory, words = ALONE[name]
    reason = tried(factory)
    assert reason is not None
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(reason)
    last, loop, outputs = trained(Loop, factory)
    for each in loop.trained:
        assert torch.equal(last[each], loop.initial[each]) == (each in UNMOVED.get(name, ())), each
    assert torch.isfinite(outputs).all()
    for run, seed in enumerate(SEEDS):  # each with its own initialisation
        alone = Loop(factory, [seed], TASKS["binary"]).initial
        for each, value in alone.items():
            torch.testing.assert_close(value[0], loop.initial[each][run])


@pytest.mark.parametrize("name", REFUSED)
def test_what_neither_can_train_is_refused_in_one_sentence(name):
    factory, words = REFUSED[name]
    with pytest.raises(QuantmiaError, match=words):
        tried(factory)


def test_a_tied_model_is_evaluated_as_pytorch_does():
    last, _, outputs = trained(Stack, Tied)
    for run in range(len(SEEDS)):
        model = Tied()
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(last[name][run])
            torch.testing.assert_close(model(POOL), outputs[run], rtol=1e-5, atol=1e-5)
