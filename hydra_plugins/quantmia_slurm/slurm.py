"""Jobs of a sweep under SLURM."""

import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from hydra_plugins.quantmia_slurm.base import JobLauncher, how_it_ended, refuse
from quantmia.errors import QuantmiaError, Refused
from quantmia.sweep.plan import Plan
from quantmia.sweep.queue import LOGS, in_queue, log_of, note_submitted

if TYPE_CHECKING:
    from quantmia.progress import Progress

ABSENT = 3  # polls in which a job is in no queue until it counts as lost


class SlurmLauncher(JobLauncher):
    """Jobs of a sweep as one array under SLURM; `conf/hydra/launcher/slurm.yaml` explains each.

    Args:
        timeout_min: minutes a job.
        cpus_per_task: CPUs a job, which are its threads too.
        mem_gb: memory a job.
        array_parallelism: jobs at the same time.
        signal_delay_s: seconds before the limit at which a job is told to stop.
        setup: lines of shell before a job.
        extra: further options of sbatch.
        poll_seconds: between two looks at the queue.
        options: partition, account, gpus_per_node, constraint, qos.
    """

    def __init__(
        self,
        timeout_min: int,
        cpus_per_task: int,
        mem_gb: float,
        array_parallelism: int,
        signal_delay_s: int,
        setup: Sequence[str],
        extra: dict[str, Any],
        poll_seconds: float,
        **options: Any,
    ):
        faults = []
        if find_spec("submitit") is None:
            faults.append(
                "hydra/launcher=slurm: the package submitit is not installed. Install the slurm "
                "extra: pip install 'quantmia[slurm]'"
            )
        if which("srun") is None:
            faults.append(
                "hydra/launcher=slurm: there is no srun on this machine; log in to the cluster, or "
                "use hydra/launcher=local"
            )
        if not isinstance(mem_gb, int | float) or mem_gb <= 0:
            faults.append(f"hydra.launcher.mem_gb={mem_gb}: has to be a number above 0")
        refuse(
            faults,
            timeout_min=timeout_min,
            cpus_per_task=cpus_per_task,
            array_parallelism=array_parallelism,
            signal_delay_s=signal_delay_s,
        )
        self.poll_seconds, self.signal_delay_s = poll_seconds, signal_delay_s
        given = {key: value for key, value in options.items() if value not in (None, 0)}
        self.parameters = {
            k if k == "gpus_per_node" else f"slurm_{k}": v for k, v in given.items()
        } | {
            "name": "quantmia",
            "mem_gb": mem_gb,
            "slurm_array_parallelism": array_parallelism,
            "timeout_min": timeout_min,
            "cpus_per_task": cpus_per_task,
            "slurm_signal_delay_s": signal_delay_s,
            "slurm_setup": [f"export OMP_NUM_THREADS={cpus_per_task}", *setup],
            # srun has not taken it from sbatch since SLURM 22.05.
            "slurm_srun_args": [f"--cpus-per-task={cpus_per_task}"],
            "slurm_additional_parameters": {"requeue": True, **_plain(extra)},
        }

    def grace(self) -> float:
        """Until the time limit, less what requeueing takes; SLURM may be 30 s early or late."""
        return max(1.0, self.signal_delay_s - 15.0)

    def run(self, plan, task, todo, progress) -> None:
        """Submit an array, and wait until no job of it is in the queue."""
        from submitit import AutoExecutor
        from submitit.core.utils import FailedJobError

        executor = AutoExecutor(folder=plan.path.absolute() / LOGS, cluster="slurm")
        executor.update_parameters(**self.parameters)
        numbers, overrides, folders = zip(*todo, strict=True)
        try:
            submitted = executor.map_array(task, numbers, overrides, folders)
        except FailedJobError as error:  # with what sbatch said
            said = f"hydra.launcher: sbatch refused the jobs: {' '.join(str(error).split())}"
            raise Refused(QuantmiaError(said)) from error
        ids = {each.job_id: folder for each, folder in zip(submitted, folders, strict=True)}
        note_submitted(plan.path, ids)
        progress.say(
            f"{len(ids)} jobs submitted to SLURM as {submitted[0].job_id.split('_')[0]}; they go "
            f"on if this ends: quantmia status {plan.path}"
        )
        results = {each.job_id: each.paths.result_pickle for each in submitted}
        try:
            self._wait(plan, ids, results, progress)
        except BaseException:
            for each in submitted:
                each.cancel(check=False)
            raise

    def _wait(
        self, plan: Plan, ids: dict[str, str], results: dict[str, Path], progress: "Progress"
    ) -> None:
        absent = dict.fromkeys(ids, 0)
        over, said = 0, time.monotonic()
        while absent:
            time.sleep(self.poll_seconds)
            queue = in_queue()
            for job_id in list(absent):
                if queue is not None:
                    absent[job_id] = 0 if job_id in queue else absent[job_id] + 1
                if absent[job_id] >= ABSENT or results[job_id].exists():
                    del absent[job_id]
                    over += 1
                    how = how_it_ended(plan, ids[job_id], log_of(plan.path, job_id))
                    progress.say(f"{over}/{len(ids)} jobs over: {ids[job_id]} {how}")
                    said = time.monotonic()
            if queue and time.monotonic() - said > 60:
                said = time.monotonic()
                mine = [queue[job_id] for job_id in absent if job_id in queue]
                waiting = [reason for state, reason in mine if state != "RUNNING"]
                why = f" ({', '.join(sorted(set(waiting)))})" if waiting else ""
                progress.say(f"{len(mine) - len(waiting)} jobs run, {len(waiting)} wait{why}")


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
