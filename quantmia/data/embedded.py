"""Features of molecules, computed once for each content and kept batch by batch."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from quantmia.data.cache import folder_in
from quantmia.data.embedders import Embedder
from quantmia.files import DamagedFileError, read_tensors, write_tensors
from quantmia.progress import Progress


def embed(
    embedder: Embedder, smiles: Sequence[str], cache: Path, progress: Progress
) -> NDArray[np.float32]:
    """Features of a list of molecules, computed once for each content.

    Batches are cut by position, and each has a file: where molecules were added at the end, or
    the embedding was interrupted, only the batches that are not there yet are computed, with the
    same bits. A damaged file is computed again. Processes that want the same molecules wait for
    the one that is at work; the lock ends with its owner.

    Args:
        embedder: what computes them.
        smiles: the molecules, in order.
        cache: the cache folder.
        progress: shows rate and time left.
    """
    folder = folder_in(cache, "embeddings")
    smiles, identity = list(smiles), embedder.identity
    whole = _path(folder, identity, smiles)
    with FileLock(whole.with_suffix(".lock")):
        # Earlier versions kept a list in one file, at the address that its only batch would have.
        if (features := _read(whole)) is not None:
            return features
        size = embedder.batch_size or max(len(smiles), 1)
        batches = [smiles[at : at + size] for at in range(0, max(len(smiles), 1), size)]
        paths = [_path(folder, identity, batch) for batch in batches]
        read = {number: _read(path) for number, path in enumerate(paths)}
        kept = {number: features for number, features in read.items() if features is not None}
        missing = [number for number in read if number not in kept]
        if missing:
            wanted = [batches[number] for number in missing]
            with (
                progress.stage("embedding", sum(map(len, wanted)), "molecules") as advance,
                closing(embedder(wanted)) as computed,
            ):
                for number, features in zip(missing, computed, strict=True):
                    kept[number] = np.ascontiguousarray(features, dtype=np.float32)
                    write_tensors(paths[number], {"features": kept[number]}, {"embedder": identity})
                    advance(len(batches[number]))
    return np.concatenate([kept[number] for number in range(len(batches))])


def _path(folder: Path, identity: str, smiles: list[str]) -> Path:
    address = hashlib.sha256(json.dumps([identity, smiles]).encode()).hexdigest()
    return folder / f"{address}.safetensors"


def _read(path: Path) -> NDArray[np.float32] | None:
    try:
        return read_tensors(path)[0]["features"]
    except DamagedFileError:
        return None
