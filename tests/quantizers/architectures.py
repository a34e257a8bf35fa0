"""Modules that runtimes are tried on."""

from functools import cache

import torch
from torch import nn

from quantmia.models.heads import mlp
from quantmia.models.loop import Loop
from quantmia.tasks import TASKS

RUNS, FEATURES = 2, 6


class Normed(nn.Module):
    """A weight that is used twice, on three axes, with what the exporter turns around."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(FEATURES, FEATURES), nn.LayerNorm(FEATURES)
        self.again, self.last = nn.Linear(FEATURES, FEATURES, bias=False), nn.Linear(FEATURES, 2)
        self.again.weight = self.first.weight

    def forward(self, x):
        x = torch.nn.functional.gelu(self.first(x.unflatten(1, (-1, 1)).expand(-1, -1, FEATURES)))
        return self.last(self.again(self.norm(x)).mean(1))


class Convolved(nn.Module):
    """A normalisation that the exporter merges into a convolution."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3)
        self.last = nn.Linear(6, 1)

    def forward(self, x):
        return self.last(self.norm(self.conv(x.unflatten(1, (2, -1)))).relu().flatten(1))


FACTORIES = {
    "linear": lambda: mlp(FEATURES, 1, hidden=[]),
    "mlp": lambda: mlp(FEATURES, 3, hidden=[16, 8]),
    "normed": Normed,
    "convolved": Convolved,
}


@cache
def models_of(architecture: str) -> Loop:
    """Runs of one of them, the same for all tests: an architecture is exported once."""
    models = Loop(FACTORIES[architecture], range(RUNS), TASKS["regression"])
    for value in models.initial.values():  # statistics of a normalisation too
        if value.is_floating_point():
            value += 0.1 * torch.rand(value.shape, generator=torch.Generator().manual_seed(3))
    return models
