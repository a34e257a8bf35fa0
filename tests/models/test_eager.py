"""Gradients without PyTorch's compiler, in a process that has not imported it."""

import subprocess
import sys

import torch

from quantmia.models.eager import without_compiler

SCRIPT = """
import sys, torch
from quantmia.models.eager import without_compiler

with without_compiler():
    assert torch.func.grad(torch.sin)(torch.tensor(0.0)) == 1
assert "torch._dynamo" not in sys.modules and "_dynamo" not in vars(torch)
with without_compiler():
    assert torch._dynamo.is_compiling() is False
    assert torch._dynamo is sys.modules["torch._dynamo"]
assert torch._dynamo is sys.modules["torch._dynamo"]
"""


def test_the_compiler_is_not_imported_until_it_is_asked_for_something_else():
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)


def test_an_imported_compiler_stays():
    there = torch._dynamo
    with without_compiler():
        assert torch._dynamo is there
        assert torch.func.grad(torch.sin)(torch.tensor(0.0)) == 1
    assert torch._dynamo is there
