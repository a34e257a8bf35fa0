"""Jobs of a sweep as processes on this machine."""

import os
import signal
import time
from contextlib import suppress
from functools import partial

from hydra_plugins.quantmia_slurm.base import JobLauncher, how_it_ended, refuse
from hydra_plugins.quantmia_slurm.forks import ForkingEndedError, Forks
from quantmia.errors import QuantmiaError, Refused
from quantmia.preemption import Stop
from quantmia.sweep.queue import LOGS, log_of, note_submitted

STOPPING = 60  # seconds after which a job that does not stop is left alone
# What every job imports, and what of it late.
IMPORTED = (
    "quantmia.cli.run",
    "quantmia.cli.check_first",
    "quantmia.sweep.status",
    "quantmia.pipeline.run",
    "quantmia.attacks",
    "quantmia.quantizers",
    "hydra._internal.config_loader_impl",
    "hydra.core.override_parser.overrides_parser",
    "scipy.stats",
)


class LocalLauncher(JobLauncher):
    """Jobs of a sweep as processes on this machine, which share its cores.

    Args:
        jobs: at the same time.
        threads: of each; None: the cores divided among the jobs.
        gpus: that every job sees.
    """

    def __init__(self, jobs: int, threads: int | None, gpus: int):
        refuse([], jobs=jobs, threads=1 if threads is None else threads)
        cores = len(os.sched_getaffinity(0))
        self.jobs, self.threads, self.gpus = jobs, threads or max(1, cores // jobs), gpus

    def run(self, plan, task, todo, progress) -> None:
        """Start as many as may run at a time, and the next when one ends."""
        environment = {
            "OMP_NUM_THREADS": str(self.threads),
            "CUDA_VISIBLE_DEVICES": ",".join(map(str, range(self.gpus))),
        }
        logs = plan.path / LOGS
        logs.mkdir(exist_ok=True)
        waiting, running, over = list(todo), {}, 0
        forks = Forks(IMPORTED, environment)
        try:
            with Stop().heeding_signals():  # SIGTERM ends the jobs as Ctrl-C does
                while waiting or running:
                    while waiting and len(running) < self.jobs:
                        number, overrides, folder = waiting.pop(0)
                        job = forks.start(partial(task, number, overrides, folder), logs)
                        running[job] = folder
                        note_submitted(plan.path, {str(job): folder})
                    for job, _ in forks.ended():
                        folder = running.pop(job)
                        over += 1
                        how = how_it_ended(plan, folder, log_of(plan.path, str(job)))
                        progress.say(f"{over}/{len(todo)} jobs over: {folder} {how}")
        except ForkingEndedError:
            raise Refused(
                QuantmiaError(
                    "hydra/launcher=local: the process that starts the jobs was killed, as by a "
                    "system that has no memory left; hydra.launcher.jobs=1 takes less. Jobs that "
                    "run go on: quantmia status tells of them."
                )
            ) from None
        except BaseException:
            with suppress(ForkingEndedError):
                _stop(forks)
            raise
        finally:
            forks.close()


def _stop(forks: Forks) -> None:
    """Tell jobs to stop, until they have: one that is only starting does not listen yet.

    The second time a job stops at once. One that went on alone would hold its folder's lock
    against the next call.
    """
    given_up = time.monotonic() + STOPPING
    while forks.is_busy and time.monotonic() < given_up:
        for each in list(forks.running):
            try:
                os.kill(each, signal.SIGTERM)
            except ProcessLookupError:
                forks.running.discard(each)
        forks.ended(0.5)
