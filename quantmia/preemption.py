"""Told to stop, a job finishes the block of runs in hand; what is finished is kept."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGUSR2)


class Preempted(BaseException):
    """The job was told to stop, and has; BaseException, so that nobody takes it for a failure.

    Args:
        by: the signal.
    """

    def __init__(self, by: signal.Signals):
        super().__init__(f"stopped by {by.name}")
        self.by = by


class Stop:
    """Whether a job was told to stop, and what it may finish first.

    Args:
        grace: seconds in which the block in hand may finish; None: as long as it takes.
    """

    def __init__(self, grace: float | None = None):
        self.grace = grace
        self.blocks_finished = 0
        self._told: signal.Signals | None = None
        self._in_hand = self._writing = self._stopping = self._interrupted = False

    @contextmanager
    def heeding_signals(
        self, told: Callable[[signal.Signals], None] = lambda signal: None
    ) -> Iterator[None]:
        """Within, SIGTERM and SIGUSR2 stop the job: between two blocks, or at once outside of them.

        A second signal, or the end of `grace`, stops it at once, unless it is writing. Further ones
        do not disturb its stopping. Outside of the main thread, where Python takes no signals, this
        does nothing.

        An interrupt within a block stops it where `steps` says, because Python loses one that is
        raised in a callback of the garbage collector; a second one, or one outside, at once.

        Args:
            told: called when the first signal comes.

        Raises:
            Preempted: the job was told to stop.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handle(number, frame):
            if self._stopping:
                return
            again, self._told = self._told is not None, signal.Signals(number)
            if not self._in_hand or (again and not self._writing):
                self._stopping = True
                raise Preempted(self._told)
            told(self._told)
            if self.grace is not None:
                again_later = threading.Timer(self.grace, os.kill, (os.getpid(), number))
                again_later.daemon = True
                again_later.start()

        def interrupt(number, frame):
            again, self._interrupted = self._interrupted, True
            if again or not self._in_hand:
                raise KeyboardInterrupt

        before = {each: signal.signal(each, handle) for each in SIGNALS}
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
            before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Around a block of runs, which a first signal lets finish.

        Raises:
            Preempted: at its end, if a signal came within.
            KeyboardInterrupt: at its end, if one came after the last of its steps.
        """
        self._in_hand = True
        try:
            yield
            self.blocks_finished += 1
        finally:
            self._in_hand = False
        self._heed_interrupts()
        if self._told is not None:
            self._stopping = True
            raise Preempted(self._told)

    def steps(self, advance: Callable[[int], None]) -> Callable[[int], None]:
        """An interrupt stops a block of runs after one of these.

        Args:
            advance: told of every step done.

        Raises:
            KeyboardInterrupt: of the function that is returned, if one came.
        """

        def heeding(count: int) -> None:
            advance(count)
            self._heed_interrupts()

        return heeding

    def _heed_interrupts(self) -> None:
        if self._interrupted:
            raise KeyboardInterrupt

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around what writes a block whole, which takes a moment, whatever is sent.

        A block of which a part is written would be trained again.
        """
        self._writing = True
        try:
            yield
        finally:
            self._writing = False
