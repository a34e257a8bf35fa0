"""Finished sweeps of the paper's studies: their settings, each repeated over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from quantmia.config.schema import ADDED_UP
from quantmia.errors import FolderError
from quantmia.runs.folder import RunFolder
from quantmia.sweep.conclude import rankings
from quantmia.sweep.groups import grouped
from quantmia.sweep.plan import Job, Plan, is_sweep, read_plan
from quantmia.sweep.status import standings

SCALE = "quantization.scale"
# What tells repetitions of one setting apart, and what every job of a study has.
NOT_A_FACTOR = (*ADDED_UP, "split.seed", "experiment")


@dataclass(frozen=True)
class Setting:
    """One configuration, repeated over seeds.

    Args:
        study: the sweep's name.
        label: its overrides, as `dataset.modes=8 quantization.scale=data`.
        repetitions: folders of the jobs, one a seed, each with tables of its own runs.
        together: folder of the tables of all their runs; None if the repetitions hold out
            different samples, so that their runs make no common ranking.
    """

    study: str
    label: str
    repetitions: tuple[Path, ...]
    together: Path | None

    def repeated(self, name: str) -> pd.DataFrame:
        """A table of every repetition, with a column `repetition` that holds its seed.

        Args:
            name: of the CSV file.
        """
        return pd.concat(
            [
                pd.read_csv(folder / f"{name}.csv").assign(
                    repetition=RunFolder(folder).manifest()["seed"]
                )
                for folder in self.repetitions
            ],
            ignore_index=True,
        )


def finished(folder: Path) -> Plan:
    """The plan of a sweep all of whose jobs are done.

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
    return plan


def has_front(folder: Path) -> bool:
    """Whether several checkpoints of a run, or of the jobs of a sweep, are released.

    Args:
        folder: of a finished run or sweep.
    """
    if not is_sweep(folder):
        return (folder / "front.csv").exists()
    return all((path / "front.csv").exists() for path in rankings(finished(folder)).values())


def read_settings(folder: Path) -> list[Setting]:
    """The settings of a finished sweep, in its order; of a run by itself the only one.

    Args:
        folder: of the sweep.

    Raises:
        FolderError: a job did not finish.
    """
    if not is_sweep(folder):
        return [Setting(folder.name, "default", (folder,), folder)]
    plan = finished(folder)
    groups = grouped([(job, RunFolder(plan.folder(job))) for job in plan.jobs])
    alike: dict[str, list[tuple[Sequence[RunFolder], Path]]] = {}
    for group, together in zip(groups, rankings(plan).values(), strict=True):
        alike.setdefault(label_of(group.jobs[0]), []).append((group.folders, together))
    return [
        Setting(
            folder.name,
            label,
            tuple(each.path for folders, _ in parts for each in folders),
            parts[0][1] if len(parts) == 1 else None,
        )
        for label, parts in alike.items()
    ]


def label_of(job: Job) -> str:
    """The overrides that make a job's setting; `default` if there are none.

    A sweep's own labels leave out what all its jobs share, so that a part of a study would name
    its settings in another way than the whole.

    Args:
        job: of a study.
    """
    overrides = sorted(each.lstrip("+") for each in job.overrides)
    told = [each for each in overrides if each.partition("=")[0] not in NOT_A_FACTOR]
    return " ".join(told) or "default"


def factors(label: str) -> dict[str, str]:
    """The overrides of a setting, by key.

    Args:
        label: of the setting.
    """
    return dict(each.split("=", 1) for each in label.split()) if label != "default" else {}


def without_scale(label: str) -> str:
    """A setting but for the scale of its codebooks.

    Args:
        label: of the setting.
    """
    rest = [each for each in label.split() if not each.startswith(f"{SCALE}=")]
    return " ".join(rest) or "default"


def short(label: str) -> str:
    """A setting for people: keys without what they are part of.

    Args:
        label: of the setting.
    """
    if label == "default":
        return label
    return ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in factors(label).items())
