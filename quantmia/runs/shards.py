"""Which runs belong together: blocks that train as one stack, and shards of whole blocks."""

from collections.abc import Sequence


def blocks(runs: int, stack: int, shard: int = 0, shards: int = 1) -> list[range]:
    """The blocks of runs that a shard trains, each as one stack.

    Shards take whole blocks in turn, so that every run trains beside the same others whatever the
    number of shards, and keeps its bits.

    Args:
        runs: of the whole experiment.
        stack: runs in a block; the last one may be shorter.
        shard: which share, from 0.
        shards: how many share the experiment.
    """
    every = [range(start, min(start + stack, runs)) for start in range(0, runs, stack)]
    return every[shard::shards]


def spans(runs: Sequence[int]) -> str:
    """Ascending numbers as text: `0-19, 60-79`."""
    spans: list[list[int]] = []
    for run in runs:
        if spans and run == spans[-1][1] + 1:
            spans[-1][1] = run
        else:
            spans.append([run, run])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans)
