"""Processes that compute, and end with the one that started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quantmia.workers import in_processes

ROOT = Path(__file__).parents[1]


def alive(pid):
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pids, within=10):
    until = time.monotonic() + within
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(map(alive, pids))


def test_results_come_in_order_and_workers_end_with_them():
    def make():
        def work(seconds):
            time.sleep(seconds)
            return seconds, os.getpid(), made

        made = time.monotonic_ns()
        return work

    seconds = [0.3, 0.0, 0.1, 0.0]
    results = list(in_processes(make, seconds, 2))
    assert [each for each, _, _ in results] == seconds
    workers = {pid for _, pid, _ in results}
    assert os.getpid() not in workers
    assert len({(pid, made) for _, pid, made in results}) == len(workers)  # made once in each
    assert gone(workers)


def test_an_error_in_a_worker_is_the_one_that_the_function_raises():
    def make():
        def work(item):
            if item == 2:
                raise ValueError("two of all numbers")
            return item, os.getpid()

        return work

    results, found = in_processes(make, [0, 1, 2, 3], 2), []
    with pytest.raises(ValueError, match="two of all numbers"):
        found.extend(results)
    assert [item for item, _ in found] == [0, 1]
    assert gone({pid for _, pid in found})


def test_workers_of_a_generator_that_is_closed_end():
    def make():
        return lambda item: (time.sleep(100 * item), os.getpid())[1]

    results = in_processes(make, [0, 1, 1], 1)
    pid = next(results)
    results.close()
    assert gone({pid})


# No `if __name__ == "__main__"`: scripts need none.
SCRIPT = """
import os, signal, time
from quantmia.workers import in_processes

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background

def make():
    return lambda item: (time.sleep(100 * item), os.getpid())[1]

for pid in in_processes(make, [0, 1, 1], 1):
    print(pid, flush=True)
"""


@pytest.mark.parametrize(
    ("number", "to_all"), [(signal.SIGKILL, False), (signal.SIGTERM, False), (signal.SIGINT, True)]
)
def test_workers_do_not_outlive_the_process_that_started_them(number, to_all, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    started = subprocess.Popen(
        [sys.executable, tmp_path / "script.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with started:
        assert started.stdout is not None
        assert started.stderr is not None
        worker = int(started.stdout.readline())
        assert alive(worker)
        # As a terminal sends Ctrl-C.
        (os.killpg if to_all else os.kill)(started.pid, number)
        assert gone({worker})
        assert started.wait(10) == -number or number == signal.SIGINT
        errors = started.stderr.read()
    assert errors.count("Traceback") == (number == signal.SIGINT)
