"""Processes that start at once: forks of one that has imported what they need.

A new Python imports PyTorch, SciPy, pandas and Hydra for seconds of a core; a fork of one that has
done so starts in milliseconds. The process that forks computes nothing itself: the threads of its
libraries have nothing in hand, and no GPU was touched.
"""

import gc
import os
import pickle
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NoReturn

# Ctrl-C reaches all processes of a terminal, but is for the one that started us to answer.
NOT_OURS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)


class ForkingEndedError(Exception):
    """The process that forks was killed."""


class Forks:
    """Calls functions in processes of their own.

    Args:
        imported: modules that they need; one that cannot be imported is passed over.
        environment: of the processes, beside ours.

    `running` holds the numbers of those that have not ended, as far as is known.
    """

    def __init__(self, imported: Iterable[str], environment: Mapping[str, str]):
        self._forking, theirs = Pipe()
        self.running: set[int] = set()
        self._ended: list[tuple[int, int]] = []
        self._starting = 0
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno()), *imported],
                env={**os.environ, **environment},
                pass_fds=[theirs.fileno()],
            )

    def start(self, call: Callable[[], object], logs: Path) -> int:
        """Call a function in a new process, whose exit code is 1 if it raises.

        Args:
            call: the function.
            logs: folder of what it prints, by the name that submitit gives it.

        Returns:
            The number of the process.

        Raises:
            ForkingEndedError: the process that forks was killed.
        """
        from joblib import wrap_non_picklable_objects  # here: Hydra imports all plugins it finds

        packed = pickle.dumps(wrap_non_picklable_objects(call, keep_wrapper=False))
        self._starting += 1
        try:
            self._forking.send((packed, logs.absolute()))
        except ConnectionError:
            raise ForkingEndedError from None
        while True:
            number, code = self._hear()
            if code is None:
                return number

    @property
    def is_busy(self) -> bool:
        """Whether a process runs, or will: `start` may have been left by an exception."""
        return bool(self.running) or self._starting > 0

    def ended(self, seconds: float | None = None) -> list[tuple[int, int]]:
        """The numbers and exit codes of processes that have ended, none of them told before.

        Args:
            seconds: to wait for one; None: as long as it takes.

        Raises:
            ForkingEndedError: the process that forks was killed.
        """
        while self._forking.poll(0 if self._ended else seconds):
            self._hear()
        told, self._ended = self._ended, []
        return told

    def _hear(self) -> tuple[int, int | None]:
        """The number of a process that has started, or with its exit code of one that has ended."""
        try:
            number, code = self._forking.recv()
        except (EOFError, ConnectionError):
            raise ForkingEndedError from None
        if code is None:
            self._starting -= 1
            self.running.add(number)
        else:
            self.running.discard(number)
            self._ended.append((number, code))
        return number, code

    def close(self) -> None:
        """Start no more; what still runs goes on."""
        self._forking.close()
        self._process.wait()


def main(arguments: Sequence[str]) -> None:
    """Import modules, then fork for every call that comes, until no more can.

    Args:
        arguments: the descriptor that calls come by and ends are told by, and the modules.
    """
    for each in NOT_OURS:
        signal.signal(each, signal.SIG_IGN)
    asking = Connection(int(arguments[0]))
    for module in arguments[1:]:
        with suppress(ImportError):
            import_module(module)
    gc.collect()
    gc.freeze()  # collecting in a fork would copy it all
    # Of the threads of BLAS, which have nothing in hand, and which BLAS starts anew in a fork.
    warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)

    # What is written at a signal cannot be missed. A handler can: it waits for what `recv` waits
    # for, where the signal comes just before that.
    an_end, at_signals = os.pipe()
    os.set_blocking(at_signals, False)
    signal.set_wakeup_fd(at_signals, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with suppress(EOFError):
        while True:
            ready = wait([asking, an_end])
            if an_end in ready:
                os.read(an_end, 4096)
                _tell_ends(asking)
            if asking in ready:
                packed, logs = asking.recv()
                if (number := os.fork()) == 0:
                    signal.set_wakeup_fd(-1)
                    asking.close()
                    os.close(an_end)
                    os.close(at_signals)
                    _become(packed, logs)
                asking.send((number, None))


def _tell_ends(asking: Connection) -> None:
    with suppress(ChildProcessError, OSError):  # there are no more, nobody listens
        while (end := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            asking.send((end[0], os.waitstatus_to_exitcode(end[1])))


def _become(packed: bytes, logs: Path) -> NoReturn:
    """Make this process one that a shell would start, and end it without taking Python apart.

    That would copy all that it shares.
    """
    code = 1
    try:
        for each in (signal.SIGCHLD, *NOT_OURS[1:]):
            signal.signal(each, signal.SIG_DFL)
        printed = (logs / f"{os.getpid()}_0_log.{each}" for each in ("out", "err"))
        for number, path in enumerate((os.devnull, *printed)):
            stream = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            os.dup2(stream, number)
            os.close(stream)
        sys.stdout.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue]
        pickle.loads(packed)()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        for each in (sys.stdout, sys.stderr):
            with suppress(OSError):
                each.flush()
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
