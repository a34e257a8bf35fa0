"""Files that are whole or absent, and that know when they were damaged."""

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import load, save_file

Tensors = dict[str, NDArray]
# safetensors writes several metadata keys in random order: one key keeps the bits the same.
META = "quantmia"
KEPT_OPEN = 256  # files of which single tensors are read, often many of each


class DamagedFileError(Exception):
    """A file is cut, changed or not one of ours."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without error."""
    # The host, because folders may be shared among machines.
    temporary = path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file at once or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON at once or not at all."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; an empty one where there is none, or where it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_tensors(path: Path, tensors: Tensors, meta: dict[str, Any]) -> None:
    """Write a safetensors file that carries the SHA-256 of everything in it.

    Args:
        path: where to.
        tensors: arrays by name.
        meta: facts that JSON can hold.
    """
    tensors = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    sealed = {"meta": meta, "sha256": _digest(tensors, meta)}
    with atomic(path) as temporary:
        save_file(tensors, temporary, {META: json.dumps(sealed, sort_keys=True)})


def read_tensors(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read and verify what `write_tensors` wrote.

    Raises:
        DamagedFileError: the file is absent, cut, changed or of another origin.
    """
    try:
        content = path.read_bytes()
        tensors = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        sealed = json.loads(header["__metadata__"][META])
        meta, recorded = sealed["meta"], sealed["sha256"]
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"{path}: {error}") from error
    if _digest(tensors, meta) != recorded:
        raise DamagedFileError(f"{path}: the checksum does not match the content")
    return tensors, meta


def read_row(path: Path, name: str, row: int) -> NDArray:
    """One row of one tensor, without reading or verifying the rest.

    Args:
        path: the file.
        name: of the tensor.
        row: its place; -1 is the last.

    Raises:
        DamagedFileError: the file is absent or cannot be read.
    """
    try:
        rows = _opened(path).get_slice(name)
        start = row % rows.get_shape()[0]
        return rows[start : start + 1][0]
    except (OSError, safetensors.SafetensorError) as error:
        raise DamagedFileError(f"{path}: {error}") from error


def read_tensor(path: Path, name: str) -> NDArray:
    """One tensor, without reading or verifying the rest.

    Raises:
        DamagedFileError: the file is absent or cannot be read.
    """
    try:
        return _opened(path).get_tensor(name)
    except (OSError, safetensors.SafetensorError) as error:
        raise DamagedFileError(f"{path}: {error}") from error


def _opened(path: Path) -> safetensors.safe_open:
    """The file as it is now: one that has taken its place since is another."""
    now = path.stat()
    return _kept_open(path, now.st_ino, now.st_size, now.st_mtime_ns)


@lru_cache(KEPT_OPEN)
def _kept_open(path: Path, *identity: int) -> safetensors.safe_open:
    return safetensors.safe_open(path, "numpy")


def _digest(tensors: Tensors, meta: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(meta, sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(repr((name, value.shape, value.dtype.str)).encode())
        digest.update(value.data if value.size else b"")
    return digest.hexdigest()
