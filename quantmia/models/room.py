"""How many models fit a device together."""

import os
from dataclasses import dataclass

import torch

from quantmia.models.stack import ROWS

MOST = 100  # runs in a stack of `auto`; more make a step no faster
SHARE = 0.5  # of the device's memory that a stack may take
HOST_SHARE = 0.1  # of the host's, which other processes want as well


@dataclass(frozen=True)
class Sizes:
    """How large a module is.

    Args:
        parameters: numbers that it is made of.
        activations: numbers that its modules make of one sample.
    """

    parameters: int
    activations: int


def stack_size(device: torch.device, sizes: Sizes, batch_size: int) -> int:
    """How many runs fit the device together; depends on its size, not on what is free of it.

    Args:
        device: where they are trained.
        sizes: of one model.
        batch_size: samples a step.
    """
    if device.type == "cuda":
        memory = SHARE * torch.cuda.get_device_properties(device).total_memory
    else:
        memory = HOST_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # Weights, gradients, two moments, a quantized copy and what quantizing it takes.
    held = 8 * sizes.parameters
    # A step keeps activations and their gradients; an evaluation those of its rows.
    working = max(2 * batch_size, ROWS) * sizes.activations
    return int(max(1, min(MOST, memory // (4 * (held + working)))))
