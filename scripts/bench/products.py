"""The matrix products of a training and of an evaluation, and nothing else."""

from collections.abc import Sequence
from itertools import pairwise

import torch

from scripts.bench.rounds import Work


def training_products(
    widths: Sequence[int], members: int, batch: int, epochs: int, runs: int
) -> Work:
    """The matrix products of training alone: forward, weight gradient, input gradient.

    Args:
        widths: features, hidden units, outputs.
        members: of a run.
        batch: members a minibatch.
        epochs: passes over the members.
        runs: in the stack.
    """
    pairs = [(torch.randn(runs, o, i), i, o) for i, o in pairwise(widths)]
    sizes = [len(part) for part in torch.arange(members).split(batch)]
    inputs = {size: [torch.randn(runs, size, i) for _, i, _ in pairs] for size in set(sizes)}
    errors = {size: [torch.randn(runs, size, o) for _, _, o in pairs] for size in set(sizes)}

    def work() -> None:
        for size in sizes * epochs:
            for layer, (weight, _, _) in enumerate(pairs):
                given, error = inputs[size][layer], errors[size][layer]
                torch.bmm(given, weight.mT)
                torch.bmm(error.mT, given)
                if layer:
                    torch.bmm(error, weight)

    return work


def evaluation_products(widths: Sequence[int], samples: int, times: int, runs: int) -> Work:
    """The matrix products of evaluating a stack on shared samples: one big one, then by run.

    Args:
        widths: features, hidden units, outputs.
        samples: that are shared.
        times: models of a run that are evaluated.
        runs: in the stack.
    """
    x = torch.randn(samples, widths[0])
    first = torch.randn(widths[0], runs * widths[1])
    hidden = [torch.randn(runs, samples, width) for width in widths[1:-1]]
    weights = [torch.randn(runs, i, o) for i, o in pairwise(widths[1:])]

    def work() -> None:
        for _ in range(times):
            torch.mm(x, first)
            for given, weight in zip(hidden, weights, strict=True):
                torch.bmm(given, weight)

    return work
