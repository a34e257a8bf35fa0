"""The C allocator, told to keep the memory that a training step frees for the next step."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # <malloc.h>
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let glibc reuse freed blocks of any size instead of returning them to the kernel.

    A step allocates and frees gradients of megabytes; by default each comes back as fresh pages
    that the kernel has to clear, a fifth of the step of a small model.

    Returns:
        Whether the allocator is glibc's and took the setting.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(key, LARGEST) for key in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD))
