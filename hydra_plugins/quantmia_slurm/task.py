"""What a submitted job does: compose its configuration, run it, and be requeued when preempted."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import run_job, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from quantmia.preemption import Preempted, Stop

FRUITLESS = 2  # requeues of a job after which an attempt without any finished block is the last


@dataclass
class Task:
    """Pickled by submitit, called in the job.

    Args:
        context: of Hydra.
        function: what the job runs, of its configuration and a `Stop`.
        config: of the sweep.
        sweep: its folder.
        singletons: of Hydra.
        grace: seconds that a stack of runs may take after the job was told to stop.
    """

    context: HydraContext
    function: Callable[..., None]
    config: DictConfig
    sweep: str
    singletons: dict[Any, Any]
    grace: float | None

    def __call__(self, number: int, overrides: list[str], folder: str) -> None:
        """Run one job of the sweep.

        Args:
            number: of the job.
            overrides: of its configuration.
            folder: where it writes, below the sweep's.

        Raises:
            Preempted: it was told to stop; where SLURM said so before a time limit, it is requeued.
        """
        Singleton.set_state(self.singletons)
        setup_globals()
        restarts = int(os.environ.get("SLURM_RESTART_COUNT", 0))
        if restarts:  # what it did before is not lost
            overrides = [each for each in overrides if not each.startswith("resume=")]
            overrides.append("resume=true")
        config = self.context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = str(number), number
            # As the process that planned the sweep has named them.
            config.hydra.sweep.dir, config.hydra.sweep.subdir = self.sweep, folder
        stop = Stop(self.grace)
        try:
            returned = run_job(
                task_function=partial(self.function, stop=stop),
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
                hydra_context=self.context,
            )
            _ = returned.return_value  # raises what the job raised
        except Preempted as stopped:
            # After SIGTERM it is for SLURM to say whether the job comes back.
            if stopped.by == signal.SIGUSR2 and "SLURM_JOB_ID" in os.environ:
                self._requeue(restarts, Path(self.sweep, folder), stop.blocks_finished)
            raise

    def _requeue(self, restarts: int, folder: Path, blocks_finished: int) -> None:
        if restarts >= FRUITLESS and not blocks_finished:
            from quantmia.sweep.status import record_failure  # here: Hydra imports all plugins

            record_failure(
                folder,
                f"error: {restarts + 1} times the job reached its time limit before a block of "
                "runs was finished; raise hydra.launcher.timeout_min or lower training.stack",
            )
            return
        from submitit import JobEnvironment

        subprocess.run(["scontrol", "requeue", JobEnvironment().job_id], timeout=60, check=True)
        time.sleep(60)  # until SLURM ends the process
