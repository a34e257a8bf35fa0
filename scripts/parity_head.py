"""The head and its training as SACRO-ML wants them: importable by name."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional as F

from quantmia.models import mlp


class Head(nn.Module):
    """512-256-2, as in `parity.py`."""

    def __init__(self, features: int, hidden: int, classes: int):
        super().__init__()
        self.layers = mlp(features, classes, [hidden])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return self.layers(x)


def train(model: nn.Module, dataloader: Iterable, lr: float, epochs: int) -> None:
    """A plain loop over the loader that SACRO-ML makes."""
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    for _ in range(epochs):
        for x, y in dataloader:
            optimiser.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimiser.step()
