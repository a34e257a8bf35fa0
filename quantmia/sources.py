"""Code of the user's own, told by its content."""

import ast
import hashlib
import inspect
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

PACKAGED = [
    Path(__file__).parent,
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
]


def targets_of(entry: Any) -> Iterator[str]:
    """Every `_target_` in a part of a configuration, however deep.

    Args:
        entry: mappings, sequences and plain values.
    """
    if isinstance(entry, Mapping):
        if isinstance(target := entry.get("_target_"), str):
            yield target
        for each in entry.values():
            yield from targets_of(each)
    elif isinstance(entry, list | tuple):
        for each in entry:
            yield from targets_of(each)


def sources(targets: Iterable[str]) -> dict[str, str]:
    """SHA-256 of every file that targets are written in, and of those that these import.

    What is installed and what is ours is left out: versions tell of it.

    Args:
        targets: dotted paths, each importable.
    """
    found: dict[str, str] = {}
    waiting = [_module_of(target) for target in targets]
    while waiting:
        name = waiting.pop()
        file = None if name in found else _own_file(name)
        if file is not None:
            found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
            waiting += _imported(name, file)
    return dict(sorted(found.items()))


def _module_of(target: str) -> str:
    """The longest part of a dotted path that is an imported module."""
    parts = target.split(".")
    paths = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((path for path in paths if path in sys.modules), parts[0])


def _imported(name: str, file: Path) -> Iterator[str]:
    """Names in the import statements of a module, each a module or something in one."""
    package = name if file.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            base = resolve_name(relative, package)
            yield base
            yield from (f"{base}.{each.name}" for each in node.names)


def _called(call: ast.Call) -> str | None:
    """The last name of what is called."""
    return getattr(call.func, "attr", getattr(call.func, "id", None))


def _own_file(name: str) -> Path | None:
    """The file of a module, imported or to be imported later; None if it is no user's."""
    try:
        if name in sys.modules:
            place = inspect.getsourcefile(sys.modules[name])
        else:  # looking for a part of a package that is not imported would import the package
            parent = name.rpartition(".")[0]
            spec = find_spec(name) if not parent or parent in sys.modules else None
            place = spec.origin if spec else None
    except (TypeError, ImportError, ValueError):  # built in, nowhere, or no name of a module
        return None
    file = Path(place or "").resolve()
    packaged = any(file.is_relative_to(folder.resolve()) for folder in PACKAGED)
    return file if file.suffix == ".py" and file.is_file() and not packaged else None
