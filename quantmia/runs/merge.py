"""Several run folders read as one experiment: seeds, shards and parts of the quantizers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped
from numpy.typing import NDArray

from quantmia.config.check import read_recorded
from quantmia.config.recorded import RecordedConfig, is_recording, read_recording
from quantmia.config.schema import MERGED, ExperimentConfig
from quantmia.errors import FolderError, as_override
from quantmia.files import DamagedFileError, Tensors
from quantmia.runs.compare import changed_since, differing_keys, without_idle_bounds
from quantmia.runs.content import PLACES, RELEASES, RunFiles
from quantmia.runs.folder import RunFolder
from quantmia.runs.shards import spans


@dataclass(frozen=True)
class Run:
    """One training, with its files in one folder, or in several that measured other quantizers.

    Args:
        seed: of its experiment.
        number: which run of that seed.
        held: for every quantizer the folder with its losses and scores.
    """

    seed: int
    number: int
    held: Mapping[str, RunFolder]

    @property
    def folders(self) -> list[RunFolder]:
        """Where its files are."""
        return list(dict.fromkeys(self.held.values()))

    @property
    def name(self) -> str:
        """Folder and number, for messages."""
        return f"{self.folders[0].path.name}/run-{self.number:04d}"

    def read(self) -> RunFiles:
        """Losses and scores by quantizer, verified.

        Raises:
            FolderError: a file is absent or damaged, or the folders hold different trainings.
        """
        parts = [self._verified(folder, folder.read_run) for folder in self.folders]
        first = parts[0]
        for folder, other in zip(self.folders[1:], parts[1:], strict=True):
            if not np.array_equal(first.scores["members"], other.scores["members"]):
                raise FolderError(
                    f"run {self.number} has other members in {folder.path} than in "
                    f"{self.folders[0].path}: they hold different experiments."
                )
            first.losses.update(other.losses)
            first.scores.update(other.scores)
            first.meta["quantizers"].update(other.meta["quantizers"])
            first.meta["diverged"] |= other.meta["diverged"]
        return first

    def scores(self) -> Tensors:
        """Outputs by quantizer, members and targets on the pool.

        Raises:
            FolderError: a file is absent or damaged.
        """
        merged: Tensors = {}
        for folder in self.folders:
            merged.update(self._verified(folder, folder.read_scores))
        return merged

    def pool(self) -> tuple[Bool[np.ndarray, " pool"], Shaped[np.ndarray, " pool"]]:
        """Members and targets, of a file that was verified before.

        Raises:
            FolderError: the file is absent or cannot be read.
        """
        members, target = (self._of_all("scores", name) for name in ("members", "target"))
        return members.astype(bool), target

    def losses(self, quantizer: str, checkpoint: int) -> NDArray[np.float32]:
        """Losses of one checkpoint, of a file that was verified before.

        Args:
            quantizer: its name.
            checkpoint: its place among all; -1 is the last.

        Raises:
            FolderError: the file is absent or cannot be read.
        """
        folder = self.held[quantizer]
        return self._verified(folder, lambda run: folder.read_losses(run, quantizer, checkpoint))

    def answers(self, quantizer: str) -> NDArray[np.float32]:
        """Outputs of the last checkpoint on the pool, of a file that was verified before.

        Raises:
            FolderError: the file is absent or cannot be read.
        """
        folder = self.held[quantizer]
        return self._verified(folder, lambda run: folder.read_one(run, "scores", quantizer))

    def release(self, kind: str, quantizer: str, checkpoint: str) -> NDArray:
        """Outputs of a release, of a file that was verified before.

        Args:
            kind: `pool` or `measured`.
            quantizer: its name.
            checkpoint: its name; on the pool another one than the last.

        Raises:
            FolderError: the file is absent or cannot be read.
        """
        folder, name = self.held[quantizer], f"{kind}/{quantizer}/{checkpoint}"
        return self._verified(folder, lambda run: folder.read_one(run, RELEASES, name))

    def measured_target(self) -> NDArray:
        """Targets of the validation samples that measure releases, verified before.

        Raises:
            FolderError: the file is absent or cannot be read.
        """
        return self._of_all(RELEASES, "target")

    def attacked(self) -> NDArray[np.int64]:
        """Places in the pool that releases before the last are attacked on, where not on all.

        Raises:
            FolderError: the file is absent or cannot be read.
        """
        return self._of_all(RELEASES, PLACES)

    def model(self) -> Tensors:
        """The final parameters in full precision.

        Raises:
            FolderError: the file is absent or damaged.
        """
        return self._verified(self.folders[0], self.folders[0].read_model)

    def _of_all(self, kind: str, name: str) -> NDArray:
        """What is the same for all quantizers."""
        folder = self.folders[0]
        return self._verified(folder, lambda run: folder.read_one(run, kind, name))

    def _verified(self, folder: RunFolder, read):
        try:
            return read(self.number)
        except DamagedFileError as error:
            again = (
                "record it again"
                if is_recording(folder.manifest()["config"])
                else "repeat the command that made it with "
                f"{as_override('hydra.run.dir', str(folder.path))} resume=true"
            )
            raise FolderError(
                f"run {self.number} is missing or damaged ({error}). Complete the folder first: "
                f"{again}"
            ) from error


@dataclass(frozen=True)
class Merged:
    """Runs of one experiment, in the order in which a single folder would hold them.

    Args:
        config: of the folder with the lowest seed, with the quantizers of all.
        dataset: what the manifest says of the data.
        runs: by seed, then by number.
        notes: what is missing, in words.
    """

    config: ExperimentConfig | RecordedConfig
    dataset: dict[str, Any]
    runs: list[Run]
    notes: list[str]

    @property
    def quantizers(self) -> list[str]:
        """Names, in the order of the table before it is sorted."""
        return list(self.config.quantizer)


def merge(folders: Sequence[RunFolder]) -> Merged:
    """Read folders of one experiment as one.

    Seeds add up, shards of one seed complete each other, and folders that hold the same runs with
    other quantizers are read side by side; a run that lacks one of the quantizers is left out.

    Args:
        folders: at least one.

    Raises:
        FolderError: one is missing, they hold different experiments, or the same runs twice.
    """
    manifests = {folder: folder.manifest() for folder in folders}
    for folder, manifest in manifests.items():
        if is_recording(manifest["config"]) and manifest["state"] != "finished":
            raise FolderError(
                f"{folder.path}: not all is recorded yet; 'quantmia status {folder.path}' says "
                "what it lacks"
            )
    order = sorted(folders, key=lambda each: manifests[each]["config"]["seed"])
    first = manifests[order[0]]
    for folder in order[1:]:
        _refuse_other(order[0], first, folder, manifests[folder])
    config = dict(first["config"])
    config["quantizer"] = {
        name: entry
        for folder in order
        for name, entry in manifests[folder]["config"]["quantizer"].items()
    }
    found: dict[tuple[int, int], dict[str, RunFolder]] = defaultdict(dict)
    for folder in order:
        mine = manifests[folder]["config"]
        for number in folder.numbers():
            held = found[mine["seed"], number]
            for name in mine["quantizer"]:
                if name in held:
                    raise FolderError(
                        f"{held[name].path} and {folder.path} hold the same runs (seed "
                        f"{mine['seed']}, run {number}) with {name}: name one of them."
                    )
                held[name] = folder
    runs = [Run(*key, held) for key, held in sorted(found.items(), key=lambda each: each[0])]
    complete = [run for run in runs if run.held.keys() == config["quantizer"].keys()]
    if not complete:
        raise FolderError("no run was measured with all of the quantizers of these folders.")
    notes = _absent(found, manifests.values())
    if len(complete) < len(runs):
        notes.append(
            f"{len(runs) - len(complete)} runs are left out: they lack some of the quantizers"
        )
    read = read_recording if is_recording(config) else read_recorded
    typed = read(config, str(order[0].path / "manifest.json"))
    return Merged(typed, first["dataset"], complete, notes)


def _refuse_other(
    folder: RunFolder, mine: Mapping[str, Any], other: RunFolder, its: Mapping[str, Any]
) -> None:
    here, there = (without_idle_bounds(each["config"], each["dataset"]) for each in (mine, its))
    differing = differing_keys(here, there, MERGED)
    shared = mine["config"]["quantizer"].keys() & its["config"]["quantizer"].keys()
    for name in sorted(shared):
        a, b = ({name: each["config"]["quantizer"][name]} for each in (mine, its))
        differing += [f"quantizer.{difference}" for difference in differing_keys(a, b, ())]
    differing += changed_since(mine, its)
    if differing:
        raise FolderError(
            f"{folder.path} and {other.path} hold different experiments and cannot be merged. "
            "They differ in\n  - " + "\n  - ".join(differing)
        )


def _absent(found, manifests) -> list[str]:
    """One sentence for every seed that has runs in no folder."""
    planned: dict[int, int] = {}
    for manifest in manifests:
        seed = manifest["config"]["seed"]
        planned[seed] = max(planned.get(seed, 0), manifest["runs"])
    notes = []
    for seed, runs in sorted(planned.items()):
        absent = [run for run in range(runs) if (seed, run) not in found]
        if absent:
            notes.append(
                f"runs {spans(absent)} of {runs} (seed {seed}) are in none of the folders: "
                "the ranking is over the others"
            )
    return notes
