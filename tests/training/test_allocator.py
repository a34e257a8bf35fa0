import subprocess
import sys

import pytest

MEASURE = """
import resource
import torch
from quantmia.training.allocator import keep_freed_memory
x = torch.ones(3000, 3000)  # above the 32 MiB up to which glibc learns to keep by itself
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        held = [x + 1 for _ in range(4)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
def fewest():
    faults()  # a heap that still grows counts once
    return min(faults() for _ in range(3))
print(fewest())
assert keep_freed_memory()
print(fewest())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc's")
@pytest.mark.slow
def test_freed_memory_is_used_again_without_new_pages():
    done = subprocess.run([sys.executable, "-c", MEASURE], check=True, capture_output=True)
    returned, kept = map(int, done.stdout.split())
    assert kept < returned / 10
