"""Works that take turns, so that a slow moment of the machine falls on all sides alike."""

import time
from collections.abc import Callable, Sequence
from statistics import median

RUNS, MEMBERS, ROUNDS = 20, 1260, 9
Work = Callable[[], object]
Row = tuple[str, ...]  # of the table: what, ours, the reference, ratio, target, verdict


def interleaved(works: Sequence[Work], rounds: int) -> list[float]:
    """Median seconds of each work over rounds in which they take turns, after one warm-up.

    Args:
        works: what is timed.
        rounds: that count.
    """
    seconds: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 1):
        for work, kept in zip(works, seconds, strict=True):
            started = time.perf_counter()
            work()
            if number:
                kept.append(time.perf_counter() - started)
    return [median(kept) for kept in seconds]


def verdict(reached: bool) -> str:
    """What the table says of a target.

    Args:
        reached: whether it is.
    """
    return "ok" if reached else "MISSED"
