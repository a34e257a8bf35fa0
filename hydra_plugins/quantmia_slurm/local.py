"""Jobs of a sweep as processes on this machine."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from submitit import Job

from hydra_plugins.quantmia_slurm.base import SubmititLauncher, executor, how_it_ended, refuse
from quantmia.preemption import Stop
from quantmia.sweep.queue import log_of, note_submitted

STOPPING = 60  # seconds after which a job that does not stop is left alone


class LocalLauncher(SubmititLauncher):
    """Jobs of a sweep as processes on this machine, which share its cores.

    Args:
        jobs: at the same time.
        threads: of each; None: the cores divided among the jobs.
        gpus: that every job sees.
        poll_seconds: between two looks at them.
    """

    def __init__(self, jobs: int, threads: int | None, gpus: int, poll_seconds: float):
        super().__init__(poll_seconds)
        refuse([], jobs=jobs, threads=1 if threads is None else threads)
        cores = len(os.sched_getaffinity(0))
        self.jobs, self.threads, self.gpus = jobs, threads or max(1, cores // jobs), gpus

    def run(self, plan, task, todo, progress) -> None:
        """Start as many as may run at a time, and the next when one ends."""
        year = 60 * 24 * 365
        local = executor(plan.path, "local", {"timeout_min": year, "gpus_per_node": self.gpus})
        waiting, running, over = list(todo), {}, 0
        try:
            with Stop().heeding_signals():  # SIGTERM ends the jobs as Ctrl-C does
                while waiting or running:
                    while waiting and len(running) < self.jobs:
                        number, overrides, folder = waiting.pop(0)
                        with _inherited(OMP_NUM_THREADS=str(self.threads)):
                            running[folder] = local.submit(task, number, overrides, folder)
                        note_submitted(plan.path, {running[folder].job_id: folder})
                    time.sleep(self.poll_seconds)
                    for folder in [folder for folder, each in running.items() if each.done()]:
                        log = log_of(plan.path, running.pop(folder).job_id)
                        over += 1
                        how = how_it_ended(plan, folder, log)
                        progress.say(f"{over}/{len(todo)} jobs over: {folder} {how}")
        except BaseException:
            _stop(running.values())
            raise


def _stop(jobs: Iterable[Job]) -> None:
    """Tell jobs to stop, until they have: one that is only starting does not listen yet.

    The second time a job stops at once. One that went on alone would hold its folder's lock
    against the next call.
    """
    given_up = time.monotonic() + STOPPING
    while (left := [job for job in jobs if not job.done()]) and time.monotonic() < given_up:
        for each in left:
            with suppress(ProcessLookupError):
                os.kill(int(each.job_id), signal.SIGTERM)
        time.sleep(0.5)


@contextmanager
def _inherited(**variables: str) -> Iterator[None]:
    """What processes started within inherit: variables, and that Ctrl-C is for us to answer."""
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    before = {key: os.environ.get(key) for key in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
