"""Told to stop, a job finishes the block of runs in hand; what is finished is kept."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGUSR2)

grace: float | None = None  # seconds in which a block may finish; None: as long as it takes

_told: signal.Signals | None = None
_in_block = False
_writing = False
_stopping = False
_blocks_finished = 0


class Preempted(BaseException):
    """The job was told to stop, and has; BaseException, so that nobody takes it for a failure.

    Args:
        by: the signal.
    """

    def __init__(self, by: signal.Signals):
        super().__init__(f"stopped by {by.name}")
        self.by = by


@contextmanager
def heeding_signals(
    told: Callable[[signal.Signals], None] = lambda signal: None,
) -> Iterator[None]:
    """Within, SIGTERM and SIGUSR2 stop the job: between two blocks, or at once outside of them.

    A second signal, or the end of `grace`, stops it at once, unless it is writing. Further ones do
    not disturb its stopping. Outside of the main thread, where Python takes no signals, this does
    nothing.

    Args:
        told: called when the first signal comes.

    Raises:
        Preempted: the job was told to stop.
    """
    global _told, _stopping, _blocks_finished
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number, frame):
        global _told, _stopping
        if _stopping:
            return
        again, _told = _told is not None, signal.Signals(number)
        if not _in_block or (again and not _writing):
            _stopping = True
            raise Preempted(_told)
        told(_told)
        if grace is not None:
            again_later = threading.Timer(grace, os.kill, (os.getpid(), number))
            again_later.daemon = True
            again_later.start()

    before = {each: signal.signal(each, handle) for each in SIGNALS}
    _told, _stopping, _blocks_finished = None, False, 0
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def block() -> Iterator[None]:
    """One block of runs, which a first signal lets finish.

    Raises:
        Preempted: at its end, if a signal came within.
    """
    global _in_block, _stopping, _blocks_finished
    _in_block = True
    try:
        yield
        _blocks_finished += 1
    finally:
        _in_block = False
    if _told is not None:
        _stopping = True
        raise Preempted(_told)


@contextmanager
def writing() -> Iterator[None]:
    """Within a block: what is trained is written whole, which takes a moment, whatever is sent.

    A block of which a part is written would be trained again.
    """
    global _writing
    _writing = True
    try:
        yield
    finally:
        _writing = False


def blocks_finished() -> int:
    """How many blocks were finished since signals are heeded."""
    return _blocks_finished
