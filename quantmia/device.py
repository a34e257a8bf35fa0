"""Where models are trained and evaluated."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from quantmia.errors import QuantmiaError


def choose(name: str) -> torch.device:
    """The device of a name.

    Args:
        name: `cpu`, `cuda`, `cuda:1`, or `auto`: the first GPU where there is one.

    Raises:
        QuantmiaError: there is no such GPU.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise QuantmiaError(
            f"device={name}: there are {torch.cuda.device_count()} GPUs that PyTorch "
            f"{torch.__version__} can use; use device=cpu, or install a PyTorch built for your GPU."
        )
    return device


def describe(device: torch.device) -> str:
    """The name of a GPU, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """On a GPU only algorithms that give the same bits each time, in full float32."""
    if device.type == "cpu":
        yield
        return
    # cuBLAS reads it when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    settings: Any = torch.utils.deterministic
    filled = settings.fill_uninitialized_memory
    precision = torch.get_float32_matmul_precision()
    torch.use_deterministic_algorithms(True)
    settings.fill_uninitialized_memory = False
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        settings.fill_uninitialized_memory = filled
        torch.set_float32_matmul_precision(precision)
