"""How many threads compute, and what they do while they wait."""

import os

# Turns of a loop: some microseconds. An idle machine trains as fast with it, a busy one nine times
# faster.
SPINS = "10000"


def wait_asleep() -> None:
    """Let OpenMP's workers sleep when they wait long for each other.

    They spin as they come, which costs nothing where every one has a core, and on a machine with
    other work holds up those that they wait for. Read when PyTorch is imported;
    `OMP_WAIT_POLICY` and `GOMP_SPINCOUNT` stand.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def as_many_as_there_are() -> None:
    """Compute with no more threads than there are cores for: OpenMP knows no quota of a container.

    `OMP_NUM_THREADS` stands.
    """
    import torch
    from joblib import cpu_count  # by affinity, and the quotas of both versions of cgroups

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), cpu_count()))
