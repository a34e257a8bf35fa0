"""Finished sweeps of the paper's studies: their settings, each repeated over seeds."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from quantmia.errors import FolderError
from quantmia.store import RunFolder
from quantmia.sweep.conclude import rankings
from quantmia.sweep.groups import grouped
from quantmia.sweep.plan import read_plan
from quantmia.sweep.status import standings


@dataclass(frozen=True)
class Setting:
    """One configuration, repeated over seeds.

    Args:
        study: the sweep's name.
        label: what it overrides otherwise than the study's other settings.
        repetitions: folders of the jobs, one a seed, each with tables of its own runs.
        together: folder of the tables of all their runs.
    """

    study: str
    label: str
    repetitions: tuple[Path, ...]
    together: Path

    def table(self, name: str) -> pd.DataFrame:
        """A table of all runs.

        Args:
            name: of the CSV file.
        """
        return pd.read_csv(self.together / f"{name}.csv")

    def repeated(self, name: str) -> pd.DataFrame:
        """A table of every repetition, with a column `repetition` that counts them.

        Args:
            name: of the CSV file.
        """
        tables = [pd.read_csv(folder / f"{name}.csv") for folder in self.repetitions]
        return pd.concat([t.assign(repetition=n) for n, t in enumerate(tables)], ignore_index=True)


def read_settings(folder: Path) -> list[Setting]:
    """The settings of a finished sweep, in its order.

    Args:
        folder: of the sweep.

    Raises:
        FolderError: a job did not finish; half a study would be read as a whole one.
    """
    plan = read_plan(folder)
    found = standings(plan)
    rest = [each.job.folder for each in found if each.state != "done"]
    if rest:
        raise FolderError(
            f"{folder}: {len(rest)} of {len(found)} jobs are not finished ({rest[0]}); "
            f"'quantmia status {folder}' says how they stand."
        )
    groups = grouped([(each.job, RunFolder(plan.folder(each.job))) for each in found])
    together = rankings(plan).values()
    return [
        Setting(folder.name, group.label, tuple(f.path for f in group.folders), path)
        for group, path in zip(groups, together, strict=True)
    ]
