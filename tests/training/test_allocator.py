import subprocess
import sys

import pytest

MEASURE = """
import resource, sys
import torch
from quantmia.training.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
x = torch.randn(3000, 3000)  # above the 32 MiB up to which glibc learns to keep by itself
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        held = [x + 1 for _ in range(4)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(min(faults() for _ in range(3)))  # a heap that still grows counts once
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc's")
def test_freed_memory_is_used_again_without_new_pages():
    kept, returned = (
        int(
            subprocess.run(
                [sys.executable, "-c", MEASURE, each], check=True, capture_output=True
            ).stdout
        )
        for each in ("keep", "return")
    )
    assert kept < returned / 10
