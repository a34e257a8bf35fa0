"""Work spread over processes, none of which outlives the one that started them."""

import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, TypeVar

from joblib.externals.loky import ProcessPoolExecutor

from quantmia.preemption import SIGNALS

# Each computes in one thread: their number is that of the cores.
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LOOK_EVERY = 0.5  # seconds after which a worker sees that it was left alone, at the latest

Item = TypeVar("Item")
Result = TypeVar("Result")

_work: Callable[[Any], Any] | None = None  # of a worker, made with its first item


def in_processes(
    make: Callable[[], Callable[[Item], Result]], items: Sequence[Item], processes: int
) -> Generator[Result, None, None]:
    """What a function returns for every item, in order, computed by several processes.

    They end with the generator: when it is exhausted, closed or interrupted, or when the process
    that runs it is killed. A script needs no `if __name__ == "__main__"` for them.

    Args:
        make: called once in each process, returns the function.
        items: its arguments.
        processes: how many.

    Yields:
        One result an item. What the function raises is raised here.
    """
    pool = ProcessPoolExecutor(processes, initializer=_start, initargs=(os.getpid(),), env=ALONE)
    try:
        yield from pool.map(partial(_one, make), items)
    finally:
        pool.shutdown(wait=True, kill_workers=True)


def _start(parent: int) -> None:
    """In a worker, before it imports what takes long: leave it to the parent when to end.

    Terminals and SLURM tell every process of a group to stop.
    """
    for each in (signal.SIGINT, *SIGNALS):
        signal.signal(each, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when it has another parent than it had: killed ones can tell nobody."""
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY)
    os._exit(1)


def _one(make: Callable[[], Callable[[Any], Any]], item: Any) -> Any:
    global _work
    _work = _work or make()
    return _work(item)
