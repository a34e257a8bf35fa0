import numpy as np
import pytest
import torch
from torch import nn

from quantmia.errors import QuantmiaError
from quantmia.models.heads import mlp
from quantmia.models.stack import ROWS, Stack
from quantmia.tasks import TASKS
from quantmia.training.train import train
from tests.configurations import training

SEEDS = [5, 6, 7]
X = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
OWN = torch.randn(3, 9, 4, generator=torch.Generator().manual_seed(1))
TARGETS = {
    "regression": torch.randn(3, 9, generator=torch.Generator().manual_seed(2)),
    "binary": torch.randint(2, (3, 9), generator=torch.Generator().manual_seed(2)).float(),
    "multiclass": torch.randint(3, (3, 9), generator=torch.Generator().manual_seed(2)),
}
CRITERIA = {
    "regression": lambda output, y: nn.functional.mse_loss(output[:, 0], y),
    "binary": lambda output, y: nn.functional.binary_cross_entropy_with_logits(output[:, 0], y),
    "multiclass": nn.functional.cross_entropy,
}


class TwoBranches(nn.Module):
    """Parameters of equal shapes, whose order by name is not that of their definition."""

    def __init__(self):
        super().__init__()
        self.second = nn.Linear(4, 4, bias=False)
        self.first = nn.Linear(4, 4, bias=False)

    def forward(self, x):
        return self.second(torch.tanh(self.first(x)))[..., :1]


class Digitise(nn.Module):
    """Small integers."""

    def forward(self, x):
        return x.clamp(-1, 1).round().long() + 1


FACTORIES = {
    "linear": lambda out: nn.Linear(4, out),
    "mlp": lambda out: mlp(4, out, hidden=[8, 6], activation="gelu"),
    "layer norm": lambda out: nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, out)),
    "group norm": lambda out: nn.Sequential(
        nn.Linear(4, 8), nn.GroupNorm(2, 8), nn.SiLU(), nn.Linear(8, out)
    ),
    "embedding": lambda out: nn.Sequential(
        Digitise(), nn.Embedding(3, 4), nn.Flatten(-2), nn.Linear(16, out)
    ),
    "in place": lambda out: nn.Sequential(
        nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, out)
    ),
    "convolution": lambda out: nn.Sequential(
        nn.Unflatten(-1, (1, 4)), nn.Conv1d(1, 5, 3), nn.ReLU(), nn.Flatten(-2), nn.Linear(10, out)
    ),
}


def single(factory, seed):
    torch.manual_seed(seed)
    return factory()


@pytest.mark.parametrize(
    ("model", "task"),
    [
        *((model, "regression") for model in FACTORIES),
        ("linear", "binary"),
        ("mlp", "multiclass"),
    ],
)
def test_outputs_and_gradients_are_those_of_single_models(model, task):
    def factory():
        return FACTORIES[model](3 if task == "multiclass" else 1)

    stack = Stack(factory, SEEDS, TASKS[task])
    outputs = stack(stack.initial, X)
    gradients = stack.gradients(stack.initial, OWN, TARGETS[task])
    for run, seed in enumerate(SEEDS):
        alone = single(factory, seed)
        for name, value in alone.named_parameters():
            assert torch.equal(stack.initial[name][run], value)
        assert torch.allclose(outputs[run], alone(X), atol=1e-5)
        CRITERIA[task](alone(OWN[run]), TARGETS[task][run]).backward()
        for stacked, value in zip(gradients, alone.parameters(), strict=True):
            assert value.grad is not None
            assert torch.allclose(stacked[run], value.grad, atol=1e-5)


def test_building_a_stack_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    Stack(lambda: nn.Linear(4, 1), SEEDS, TASKS["regression"])
    assert torch.equal(torch.rand(1), expected)


def test_a_run_does_not_depend_on_the_others():
    def factory():
        return mlp(4, 1)

    here, there = (Stack(factory, seeds, TASKS["regression"]) for seeds in (SEEDS, [5, 91, 92]))
    assert torch.equal(here(here.initial, X)[0], there(there.initial, X)[0])
    assert not torch.equal(here(here.initial, X)[1], there(there.initial, X)[1])
    y = TARGETS["regression"]
    changed = torch.cat([OWN[:1], torch.full_like(OWN[1:], torch.nan)])
    pairs = zip(
        here.gradients(here.initial, OWN, y),
        there.gradients(there.initial, changed, y),
        strict=True,
    )
    for a, b in pairs:
        assert torch.equal(a[0], b[0])
        assert b[1].isnan().any()


def test_many_samples_are_evaluated_in_parts():
    stack = Stack(lambda: nn.Linear(2, 1), [1, 2], TASKS["regression"])
    x = torch.randn(2 * ROWS + 3, 2, generator=torch.Generator().manual_seed(0))
    outputs = stack(stack.initial, x)
    for run in range(2):
        expected = x @ stack.initial["weight"][run].T + stack.initial["bias"][run]
        assert torch.allclose(outputs[run], expected, atol=1e-5)


def test_new_parameters_and_new_samples_are_used():
    stack = Stack(lambda: nn.Linear(4, 1), SEEDS, TASKS["regression"])
    stack(stack.initial, X)
    doubled = {name: 2 * value for name, value in stack.initial.items()}
    assert torch.allclose(stack(doubled, X), 2 * stack(stack.initial, X))
    assert torch.equal(stack(stack.initial, X.flip(0)), stack(stack.initial, X).flip(1))


def test_parameters_are_known_by_name_not_by_position():
    stack = Stack(TwoBranches, SEEDS, TASKS["regression"])
    expected = stack(stack.initial, X)
    by_name = dict(sorted(stack.initial.items()))
    assert list(by_name) != list(stack.initial)
    assert torch.equal(stack(by_name, X), expected)


def test_targets_of_another_type_are_not_taken_for_the_first():
    stack = Stack(lambda: nn.Linear(4, 1), SEEDS, TASKS["binary"])
    whole = TARGETS["binary"].long()
    first = stack.gradients(stack.initial, OWN, whole)
    soft = TARGETS["binary"] * 0.5
    softer = stack.gradients(stack.initial, OWN, soft)
    fresh = Stack(lambda: nn.Linear(4, 1), SEEDS, TASKS["binary"])
    for a, b in zip(softer, fresh.gradients(fresh.initial, OWN, soft), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first[0], softer[0])


def test_seeds_of_a_numpy_generator():
    seeds = [int(value) for value in np.random.default_rng(0).integers(2**62, size=2)]
    stack = Stack(lambda: nn.Linear(4, 1), seeds, TASKS["regression"])
    assert torch.equal(stack.initial["weight"][1], single(lambda: nn.Linear(4, 1), seeds[1]).weight)


def test_batch_norm_is_refused_by_name():
    def factory():
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))

    with pytest.raises(QuantmiaError, match=r"'1' \(BatchNorm1d\).*LayerNorm"):
        Stack(factory, SEEDS, TASKS["regression"])


def test_dropout_is_refused():
    def factory():
        return nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 1))

    with pytest.raises(QuantmiaError, match=r"'1' \(Dropout\) draws random.*vectorize=false"):
        Stack(factory, SEEDS, TASKS["regression"])


def test_a_module_that_draws_random_numbers_of_its_own_is_refused():
    class Noisy(nn.Linear):
        def forward(self, input):
            return super().forward(input + torch.randn_like(input))

    stack = Stack(lambda: Noisy(4, 1), SEEDS, TASKS["regression"])
    with pytest.raises(QuantmiaError, match=r"Noisy cannot be trained as a stack.*vectorize=false"):
        stack.gradients(stack.initial, OWN, TARGETS["regression"])


MEMBERS = torch.stack(
    [torch.randperm(20, generator=torch.Generator().manual_seed(run))[:11] for run in range(10)]
)
POOL_Y = torch.randn(10, 20, generator=torch.Generator().manual_seed(4))


def trained(runs, seeds, seed=11, x=X, y=POOL_Y, advance=lambda count: None, **settings):
    """The last checkpoint of a stack of linear models."""
    stack = Stack(lambda: nn.Linear(4, 1), seeds, TASKS["regression"])
    before = {name: value.clone() for name, value in stack.initial.items()}
    config = training(**{"epochs": 3, "batch_size": 4, "lr": 0.02} | settings)
    *_, (_, params) = train(stack, config, x, y[runs], list(MEMBERS[runs]), seed, runs, advance)
    for name, value in before.items():
        assert torch.equal(stack.initial[name], value)
    return params


def test_training_a_run_does_not_depend_on_the_others():
    here, there = trained([2, 5, 6], [1, 2, 3]), trained([2, 8, 9], [1, 77, 78])
    for name, value in here.items():
        assert torch.equal(value[0], there[name][0])
        assert not torch.equal(value[1], there[name][1])


def test_training_has_the_same_bits_for_the_same_seed_only():
    first, again, other = (trained([0, 1], [1, 2], seed=seed) for seed in (11, 11, 12))
    for name, value in first.items():
        assert torch.equal(value, again[name])
        assert not torch.equal(value, other[name])


def test_training_reads_members_only():
    others = torch.ones(20, dtype=torch.bool)
    others[MEMBERS[1]] = False
    x, y = X.clone(), POOL_Y.clone()
    x[others], y[:, others] = torch.nan, torch.nan
    expected, found = trained([1], [5]), trained([1], [5], x=x, y=y)
    for name, value in expected.items():
        assert torch.equal(found[name], value)


def test_training_reports_every_epoch():
    told = []
    trained([0], [5], epochs=5, checkpoint_every=2, advance=told.append)
    assert told == [1] * 5


@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        ("adam", lambda p: torch.optim.Adam(p, lr=0.02, weight_decay=0.1)),
        ("sgd", lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.0, weight_decay=0.1)),
    ],
)
def test_weight_decay_is_that_of_pytorch(optimizer, make):
    params = trained([0], [5], optimizer=optimizer, weight_decay=0.1, momentum=0.0, batch_size=99)
    alone = single(lambda: nn.Linear(4, 1), 5)
    optimiser = make(alone.parameters())
    for _ in range(3):
        optimiser.zero_grad()
        ((alone(X[MEMBERS[0]])[:, 0] - POOL_Y[0, MEMBERS[0]]) ** 2).mean().backward()
        optimiser.step()
    for name, value in alone.named_parameters():
        assert torch.allclose(params[name][0], value, atol=1e-5)
