"""From SMILES to features: what comes along, and what users bring."""

import inspect
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from hydra.utils import instantiate
from numpy.typing import NDArray

from quantmia.data.extras import installed_version
from quantmia.data.minimol import MiniMol
from quantmia.errors import DataError
from quantmia.sources import sources, targets_of


@runtime_checkable
class Embedder(Protocol):
    """Turns molecules into numbers. `identity` names everything that the numbers depend on."""

    @property
    def identity(self) -> str:
        """Name, version and settings, part of the cache's address."""
        ...

    @property
    def batch_size(self) -> int | None:
        """Molecules a batch, on which no other batch's numbers depend; None: all in one."""
        ...

    def __call__(self, batches: Sequence[Sequence[str]]) -> Generator[NDArray, None, None]:
        """Features [molecules, features] of each batch, in order, as they are computed."""
        ...


class Ecfp:
    """Extended-connectivity fingerprints (Rogers and Hahn 2010) by RDKit's Morgan generator.

    Args:
        size: bits of the fingerprint.
        radius: bonds around each atom; 2 is known as ECFP4.
        count: how often each environment occurs, not only whether.
    """

    batch_size = 1000

    def __init__(self, size: int = 1024, radius: int = 2, count: bool = False):
        if size < 1 or radius < 0:
            raise ValueError(f"size={size} must be 1 or more and radius={radius} 0 or more")
        self.size, self.radius, self.count = size, radius, count

    @property
    def identity(self) -> str:
        """RDKit's version and the settings."""
        settings = f"size {self.size} radius {self.radius} count {self.count}"
        return f"ecfp rdkit {installed_version('rdkit')} {settings}"

    def __call__(self, batches: Sequence[Sequence[str]]) -> Generator[NDArray, None, None]:
        """float32 [molecules, size] of each batch."""
        from rdkit import Chem, rdBase
        from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

        generator = GetMorganGenerator(radius=self.radius, fpSize=self.size)
        compute = (
            generator.GetCountFingerprintAsNumPy if self.count else generator.GetFingerprintAsNumPy
        )
        for smiles in batches:
            rows = np.zeros((len(smiles), self.size), np.float32)
            with rdBase.BlockLogs():
                for row, text in zip(rows, smiles, strict=True):
                    row[:] = compute(Chem.MolFromSmiles(text))
            yield rows


class Own:
    """An embedder of the user's: any function or object that takes a list of SMILES.

    Args:
        function: returns numbers [molecules, features].
        entry: its configuration, part of the cache's address, with the files that it is written in.
    """

    batch_size = None  # its numbers may depend on all molecules

    def __init__(self, function: Callable[[list[str]], Any], entry: Mapping[str, Any]):
        self.function, self.entry = function, dict(entry)

    @property
    def identity(self) -> str:
        """Its own `identity` if it has one, else configuration and source files."""
        stated = getattr(self.function, "identity", None)
        if isinstance(stated, str):
            return stated
        return json.dumps([self.entry, sources(targets_of(self.entry))], sort_keys=True)

    def __call__(self, batches: Sequence[Sequence[str]]) -> Generator[NDArray, None, None]:
        """Whatever the function returns for each batch, as float32 [molecules, features].

        Raises:
            DataError: it is not that.
        """
        return (self._of(smiles) for smiles in batches)

    def _of(self, smiles: Sequence[str]) -> NDArray:
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
