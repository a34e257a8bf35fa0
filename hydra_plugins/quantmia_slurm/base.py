"""What the launchers share: which jobs are started, and what is said of one that ends."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.quantmia_slurm.task import Task
from quantmia.errors import QuantmiaError, Refused
from quantmia.sweep.plan import Plan, read_plan, what_runs

if TYPE_CHECKING:
    from quantmia.progress import Progress

Todo = Sequence[tuple[int, list[str], str]]


class JobLauncher(Launcher):
    """Starts the jobs that are not finished yet, and waits until every one of them is over."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Hydra's."""
        self.context, self.function, self.config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run them; what became of each is in its folder, and is read by the command line."""
        plan = read_plan(Path(self.config.hydra.sweep.dir))  # written before anything is launched
        folders = {job.overrides: job.folder for job in plan.jobs}
        todo = [
            (number, list(overrides), folder)
            for number, overrides in enumerate(job_overrides, initial_job_idx)
            if (folder := folders[what_runs(overrides)]) not in plan.done
        ]
        if todo:
            from quantmia.progress import Progress  # here, because Hydra imports all plugins

            task = Task(
                self.context,
                self.function,
                self.config,
                str(plan.path.absolute()),
                Singleton.get_state(),
                self.grace(),
            )
            self.run(plan, task, todo, Progress())
        done = JobReturn()
        done.status = JobStatus.COMPLETED
        return [done for _ in job_overrides]

    def grace(self) -> float | None:
        """Seconds that a stack of runs may take after its job was told to stop; None: any time."""
        return None

    @abstractmethod
    def run(self, plan: Plan, task: Task, todo: Todo, progress: "Progress") -> None:
        """Start jobs, and return when all are over.

        Args:
            plan: of the sweep.
            task: called with the number, overrides and folder of each.
            todo: the same.
            progress: is told what ends.
        """


def refuse(faults: Sequence[str], **numbers: Any) -> None:
    """Refuse settings that cannot be.

    Args:
        faults: found already.
        numbers: settings that have to be integers of 1 or more.

    Raises:
        Refused: there is a fault.
    """
    found = [
        *faults,
        *(
            f"hydra.launcher.{key}={value}: has to be an integer of 1 or more"
            for key, value in numbers.items()
            if not isinstance(value, int) or isinstance(value, bool) or value < 1
        ),
    ]
    if found:
        raise Refused(QuantmiaError("; ".join(found)))


def how_it_ended(plan: Plan, folder: str, log: Path) -> str:
    """Of a job that is over."""
    from quantmia.runs.folder import RunFolder  # here, because Hydra imports all plugins it finds

    return "done" if RunFolder(plan.path / folder).finished else f"did not finish: {log}"
