"""What a finished folder says, for the page and for people who go on with it in a notebook."""

import os
import shlex
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from quantmia.config.recorded import is_recording
from quantmia.files import read_json
from quantmia.ranking.results import Results


@dataclass(frozen=True, kw_only=True)
class Report(Results):
    """Results with the folder that they were read from, and figures that Jupyter displays.

    Args:
        path: the folder.
        manifest: of the first folder with runs; empty where that is gone.
    """

    path: Path = Path()
    manifest: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """As `Results.read`, with the manifest of the runs."""
        found = super().read(path)
        manifests = (read_json(folder / "manifest.json") for folder in found.folders)
        return replace(found, path=path, manifest=next(filter(None, manifests), {}))

    @property
    def command(self) -> str | None:
        """Makes the folder again; None where it is not known."""
        paths = [os.path.normpath(folder) for folder in self.folders]
        if paths == [os.path.normpath(self.path)]:
            return self.manifest.get("command")
        return shlex.join(["quantmia", "rank", *paths, "--output", str(self.path)])

    @property
    def recorded(self) -> bool:
        """Whether the models were trained elsewhere."""
        return is_recording(self.manifest.get("config", {}))

    @property
    def name(self) -> str:
        """Of the data set, or of the folder where that is not known."""
        return self.manifest.get("dataset", {}).get("name") or self.path.name

    @property
    def source(self) -> list[str]:
        """File, target and model, as far as they are known."""
        config = self.manifest.get("config", {})
        data, model = config.get("dataset", {}), config.get("model", {})
        found = []
        if file := data.get("path") or data.get("file"):
            found.append(f"file {Path(str(file)).name}")
        if target := data.get("target"):
            found.append(f"target {target}")
        if name := str(model.get("_target_", "")).rpartition(".")[2]:
            sizes = ", ".join(f"{key} {value}" for key, value in model.items() if key != "_target_")
            found.append(f"model {name}" + (f" ({sizes})" if sizes else ""))
        return found

    @cached_property
    def figures(self) -> dict[str, Any]:
        """Altair charts by name.

        What there is of front (or pareto), agreement, pairs, roc, trajectory and grid.

        Raises:
            QuantmiaError: the report extra is not installed.
        """
        from quantmia.report.figures import charts

        return charts(self)


def load(path: str | Path) -> Report:
    """Read the tables of a folder that `quantmia run` or `quantmia rank` wrote.

    Args:
        path: the folder.

    Raises:
        FolderError: it is missing, not finished or damaged; the message says what to do.
    """
    return Report.read(Path(path))
