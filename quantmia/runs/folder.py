"""Run folders: losses, scores and the final model of every run, a manifest, a lock."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantmia.config.recorded import is_recording
from quantmia.config.schema import TABLES_ONLY, ExperimentConfig, recorded
from quantmia.config.versions import of_any_version
from quantmia.errors import FolderError
from quantmia.files import (
    DamagedFileError,
    Tensors,
    read_row,
    read_tensor,
    read_tensors,
    write_json,
    write_tensors,
)
from quantmia.runs.compare import as_there, changed_since, differing_keys, without_idle_bounds
from quantmia.runs.content import RELEASES, RunFiles
from quantmia.runs.lock import holding
from quantmia.runs.shards import blocks


class RunFolder:
    """A folder of runs of one configuration.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path):
        self.path = path

    def lock(self) -> AbstractContextManager[None]:
        """Hold the folder; the lock ends with its owner.

        Raises:
            FolderError: another process is at work in it, or it cannot be written.
        """
        return holding(self.path)

    def manifest(self) -> dict[str, Any]:
        """The manifest, of an older version with the keys that came later.

        Raises:
            FolderError: there is none, or it cannot be read.
        """
        content = self.manifest_as_written()
        if isinstance(content.get("config"), dict):
            content["config"] = of_any_version(content["config"])
        return content

    def manifest_as_written(self) -> dict[str, Any]:
        """The manifest, of an older version without the keys that came later.

        Raises:
            FolderError: there is none, or it cannot be read.
        """
        path = self.path / "manifest.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise ValueError("no object")
            return content
        except FileNotFoundError:
            what = "does not exist" if not self.path.exists() else "has no manifest.json"
            raise FolderError(f"{self.path} {what}; name a folder that 'quantmia run' made.") from (
                None
            )
        except (OSError, ValueError) as error:
            raise FolderError(
                f"{path} cannot be read ({error}); run again with resume=true."
            ) from error

    @property
    def runs(self) -> int:
        """How many runs its experiment has; a shard holds some of them.

        Raises:
            FolderError: the manifest cannot be read or does not say.
        """
        found = self.manifest().get("runs")
        if not isinstance(found, int):
            raise FolderError(f"{self.path} was made by another version of quantmia; run it again.")
        return found

    @property
    def finished(self) -> bool:
        """Whether its manifest says so."""
        try:
            return self.manifest().get("state") == "finished"
        except FolderError:
            return False

    def holds(self, config: ExperimentConfig) -> bool:
        """Whether it is finished with this very configuration."""
        if not self.finished:
            return False
        return not self._differing(config, ("name",))

    def refuse_other(self, config: ExperimentConfig) -> None:
        """Refuse a configuration that its runs are not of, or one that is not to complete it.

        Args:
            config: wanted here.

        Raises:
            FolderError: the message names what differs, or says how to resume.
        """
        if not (self.path / "manifest.json").exists():
            return
        if is_recording(self.manifest()["config"]):
            raise FolderError(
                f"{self.path} holds outputs of models that others trained; choose another "
                "hydra.run.dir."
            )
        more = isinstance(config.runs, int) and config.runs >= self.runs
        differing = self._differing(config, (*TABLES_ONLY, "runs") if more else TABLES_ONLY)
        if differing:
            raise FolderError(
                f"{self.path} holds runs of another configuration (there and here):\n  - "
                + "\n  - ".join(differing)
                + "\n  Repeat its values, or choose another hydra.run.dir."
            )
        if not config.resume:
            raise FolderError(
                f"{self.path} holds runs already; add resume=true to complete it, or choose "
                "another hydra.run.dir."
            )

    def refuse_changed(self, content: dict[str, Any]) -> None:
        """Refuse to go on with other data or code than those of the runs that are there.

        Args:
            content: of the manifest that would be written.

        Raises:
            FolderError: the message names what has changed.
        """
        if not (self.path / "manifest.json").exists():
            return
        changed = changed_since(self.manifest(), content)
        if changed:
            raise FolderError(
                f"{self.path} holds runs of something else; since they were made there changed\n"
                "  - " + "\n  - ".join(changed) + "\n"
                "  Put it back as it was, or choose another hydra.run.dir."
            )

    def _differing(self, config: ExperimentConfig, ignore: tuple[str, ...]) -> list[str]:
        """Keys that differ from those of its runs."""
        manifest = self.manifest()
        there, data = manifest["config"], manifest.get("dataset", {})
        here = as_there(recorded(config), there)
        return differing_keys(
            without_idle_bounds(there, data), without_idle_bounds(here, data), ignore
        )

    def seconds(self) -> tuple[float, float]:
        """What it took so far, as its manifest says: measuring, and all; 0 where it does not."""
        try:
            spent = self.manifest().get("timings", {})
        except FolderError:
            spent = {}
        return spent.get("measuring_seconds", 0.0), spent.get("total_seconds", 0.0)

    def numbers(self) -> list[int]:
        """The runs that it holds or is to hold: all, or those of its shard.

        Raises:
            FolderError: the manifest cannot be read or does not say.
        """
        config = self.manifest()["config"]
        stack, shard, shards = (
            config["training"].get("stack", self.runs),
            config.get("shard", 0),
            config.get("shards", 1),
        )
        return [run for block in blocks(self.runs, stack, shard, shards) for run in block]

    def write_manifest(self, content: dict[str, Any]) -> None:
        """Replace the manifest at once."""
        write_json(self.path / "manifest.json", content)

    def write_run(self, run: int, content: RunFiles, model: Tensors | None) -> None:
        """Write the files of a run.

        Args:
            run: its index.
            content: losses and scores.
            model: the final parameters in full precision; None where they are not known.
        """
        if model is not None:
            write_tensors(self._file("models", run), model, {"run": run})
        write_tensors(self._file("losses", run), content.losses, content.meta)
        if content.releases:
            (self.path / RELEASES).mkdir(exist_ok=True)
            write_tensors(self._file(RELEASES, run), content.releases, content.meta)
        write_tensors(self._file("scores", run), content.scores, content.meta)

    def read_run(self, run: int) -> RunFiles:
        """Losses, scores and releases of a run, verified.

        Raises:
            DamagedFileError: one is absent or damaged, or they do not belong together.
        """
        losses, meta = read_tensors(self._file("losses", run))
        wanted = ["scores"]
        if any("releases" in facts for facts in meta.get("quantizers", {}).values()):
            wanted.append(RELEASES)
        read = {}
        for kind in wanted:
            read[kind], other = read_tensors(self._file(kind, run))
            # As text, because an undefined utility is NaN, which differs from itself.
            if json.dumps(meta, sort_keys=True) != json.dumps(other, sort_keys=True):
                raise DamagedFileError(
                    f"{self._file(kind, run)}: written by another run than its losses"
                )
        return RunFiles(losses, read["scores"], meta, read.get(RELEASES, {}))

    def read_scores(self, run: int) -> Tensors:
        """The scores of a run, verified.

        Raises:
            DamagedFileError: the file is absent or damaged.
        """
        return read_tensors(self._file("scores", run))[0]

    def read_one(self, run: int, kind: str, name: str) -> NDArray:
        """One of the tensors of a run, of a file that was verified before.

        Args:
            run: its index.
            kind: `scores` or `releases`.
            name: of the tensor.

        Raises:
            DamagedFileError: the file is absent or cannot be read.
        """
        return read_tensor(self._file(kind, run), name)

    def read_model(self, run: int) -> Tensors:
        """The final parameters of a run in full precision, verified.

        Raises:
            DamagedFileError: the file is absent or damaged.
        """
        return read_tensors(self._file("models", run))[0]

    def read_losses(self, run: int, quantizer: str, checkpoint: int) -> NDArray[np.float32]:
        """Losses of one checkpoint, of a file that was verified before.

        Args:
            run: its index.
            quantizer: its name.
            checkpoint: its place among all; -1 is the last.

        Raises:
            DamagedFileError: the file is absent or cannot be read.
        """
        return read_row(self._file("losses", run), quantizer, checkpoint)

    def is_done(self, run: int) -> bool:
        """Whether the files of a run are there and undamaged."""
        try:
            self.read_run(run)
            self.read_model(run)
        except DamagedFileError:
            return False
        return True

    def _file(self, kind: str, run: int) -> Path:
        return self.path / kind / f"run-{run:04d}.safetensors"
