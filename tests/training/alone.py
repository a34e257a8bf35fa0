"""One run as a user of PyTorch would train it, beside the same run of a stack or a loop."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from quantmia.models.heads import linear, mlp
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.seeding import Purpose, stream
from quantmia.tasks import TASKS, TaskName
from quantmia.training.train import train
from tests.configurations import training

RUNS, POOL, MEMBERS, FEATURES, SEED, BATCH, LR = 3, 60, 30, 8, 7, 8, 0.05
STEPS = -(-MEMBERS // BATCH)  # an epoch
KINDS = (Stack, Loop)
Factory = Callable[[], nn.Module]
Weights = dict[str, Tensor]
MODULES: dict[TaskName, Factory] = {
    "regression": lambda: mlp(FEATURES, 1, hidden=[6]),
    "binary": lambda: linear(FEATURES, 1),
    "multiclass": lambda: mlp(FEATURES, 4, hidden=[5]),
}


def batch_norm() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 1))


def problem(task: TaskName) -> tuple[Tensor, Tensor, Tensor]:
    """Features, targets [runs, pool] and members [runs, members]."""
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=(POOL, FEATURES)), dtype=torch.float32)
    y = torch.tensor(rng.normal(size=(RUNS, POOL)), dtype=torch.float32)
    members = torch.tensor(np.stack([rng.permutation(POOL)[:MEMBERS] for _ in range(RUNS)]))
    if task == "binary":
        y = (y > 0).float()
    if task == "multiclass":
        y = torch.bucketize(y, torch.tensor([-0.7, 0.0, 0.7]))
    return x, y, members


def checkpoints(
    kind: type[Stack | Loop], task: TaskName = "regression", module: Factory | None = None, **given
) -> list[Weights]:
    """Copies of what is yielded after every epoch, of all runs."""
    stack = kind(module or MODULES[task], [10, 11, 12], TASKS[task])
    config = training(**{"lr": LR, "batch_size": BATCH, "epochs": 4, **given})
    x, y, members = problem(task)
    steps = train(stack, config, x, y, list(members), SEED, range(RUNS), lambda _: None)
    return [{name: value.clone() for name, value in params.items()} for _, params in steps]


class Alone:
    """One run: `for batch in epoch(): step(batch)`, with whatever a test does in between."""

    def __init__(self, task: TaskName, run: int, optimizer: str, module: Factory | None = None):
        self.task, self.rng = TASKS[task], stream(SEED, Purpose.BATCHES, run)
        self.x, y, members = problem(task)
        self.y, self.members = y[run], members[run]
        torch.manual_seed(10 + run)
        self.model = (module or MODULES[task])()
        trained = [each for each in self.model.parameters() if each.requires_grad]
        self.optimiser: Optimizer = (
            Adam(trained, LR) if optimizer == "adam" else SGD(trained, LR, momentum=0.9)
        )

    def epoch(self) -> Iterator[Tensor]:
        """Batches of members."""
        yield from self.members[torch.from_numpy(self.rng.permutation(MEMBERS))].split(BATCH)

    def backward(self, batch: Tensor) -> None:
        """New gradients at the weights as they are."""
        self.optimiser.zero_grad()
        self.task.loss(self.model(self.x[batch]), self.y[batch]).mean().backward()

    def step(self, batch: Tensor) -> None:
        self.backward(batch)
        self.optimiser.step()


def weights_of(model: nn.Module) -> Weights:
    """Copies of its parameters."""
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def same(found: Weights, run: int, expected: Weights) -> None:
    for name, value in expected.items():
        torch.testing.assert_close(found[name][run], value, atol=2e-5, rtol=2e-5)
