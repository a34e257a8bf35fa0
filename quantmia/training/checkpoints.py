"""Checkpoints of a stack on disk, for later commands with more quantizers."""

import hashlib
import json
import shutil
from collections.abc import Generator, Iterable
from pathlib import Path

import torch

from quantmia.config.schema import OF_A_TRAJECTORY, recorded
from quantmia.experiment import Experiment
from quantmia.files import DamagedFileError, read_tensors, write_json, write_tensors
from quantmia.models.stack import Params
from quantmia.sources import sources, targets_of

Checkpoint = tuple[int, Params]  # epoch, and parameters [runs, *shape] of every run after it


class Trajectory:
    """The kept checkpoints of one block of runs, addressed by the hash of what made them.

    Args:
        cache: the cache folder.
        address: hash of data, split, model, training, seed and runs.
        epochs: the epochs of the checkpoints, in order.
    """

    def __init__(self, cache: Path, address: str, epochs: list[int]):
        self.folder = cache / "trajectories" / address
        self.epochs = epochs

    @classmethod
    def of_block(cls, experiment: Experiment, block: range) -> "Trajectory":
        """That of a block of runs, addressed by everything that its bits depend on.

        Args:
            experiment: fitted to its data and device.
            block: the runs.
        """
        config = recorded(experiment.config)
        made_of = {
            "data": experiment.dataset.fingerprint,
            "config": {key: config[key] for key in OF_A_TRAJECTORY},
            "runs": list(block),
            "sources": sources(targets_of(config["model"])),
            "torch": torch.__version__,
        }
        if experiment.config.training.qat:  # the one quantizer that is left is in every step
            made_of |= {key: config[key] for key in ("quantizer", "quantization")}
            made_of["quantizer_sources"] = sources(targets_of(config["quantizer"]))
        address = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
        return cls(experiment.cache, address, experiment.config.training.checkpoints)

    @property
    def complete(self) -> bool:
        """Whether every checkpoint was kept."""
        return (self.folder / "complete.json").exists()

    def read(self, device: str = "cpu") -> Generator[Checkpoint, None, None]:
        """The kept checkpoints in order.

        Args:
            device: where they are wanted.

        Raises:
            DamagedFileError: one of them was damaged.
        """
        for epoch in self.epochs:
            tensors, _ = read_tensors(self._path(epoch))
            # A copy, because torch aligns its memory and bits can depend on alignment.
            yield epoch, {name: torch.tensor(value).to(device) for name, value in tensors.items()}

    def intact(self) -> bool:
        """Whether every checkpoint is there and undamaged; a damaged trajectory is removed."""
        if not self.complete:
            return False
        try:
            for _ in self.read():
                pass
        except DamagedFileError:
            shutil.rmtree(self.folder)
            return False
        return True

    def keep(self, checkpoints: Iterable[Checkpoint]) -> Generator[Checkpoint, None, None]:
        """Pass checkpoints on and keep a copy of each."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for epoch, params in checkpoints:
            arrays = {name: value.numpy(force=True) for name, value in params.items()}
            write_tensors(self._path(epoch), arrays, {"epoch": epoch})
            yield epoch, params
        write_json(self.folder / "complete.json", {"epochs": self.epochs})

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:05d}.safetensors"
