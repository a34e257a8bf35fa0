"""Gradients by `torch.func` without PyTorch's compiler, which takes a second to import.

`torch.func.grad` asks the compiler (`torch._dynamo`) to keep out of what it differentiates, and
imports it to ask. Where nobody has imported it, it is out.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import torch

COMPILER = "torch._dynamo"
NAME = "_dynamo"


class _Absent(ModuleType):
    """Stands for the compiler until anything else is wanted of it, which imports it."""

    compiled_autograd = SimpleNamespace(_disable=nullcontext)

    def __getattr__(self, name: str) -> Any:
        torch.__dict__.pop(NAME, None)
        return getattr(import_module(COMPILER), name)


@contextmanager
def without_compiler() -> Iterator[None]:
    """Let `torch.func.grad` find the compiler absent; if it was imported, nothing changes."""
    if COMPILER in sys.modules:
        yield
        return
    absent = _Absent(COMPILER)
    torch.__dict__[NAME] = absent
    try:
        yield
    finally:
        if torch.__dict__.get(NAME) is absent:  # else it was imported meanwhile
            del torch.__dict__[NAME]
