"""Code of the user's own, told by its content."""

import ast
import hashlib
import inspect
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType

PACKAGED = [
    Path(__file__).parent,
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
]


def sources(targets: Iterable[str]) -> dict[str, str]:
    """SHA-256 of every file that targets are written in, and of those that these import.

    What is installed and what is ours is left out: versions tell of it.

    Args:
        targets: dotted paths, each importable.
    """
    found: dict[str, str] = {}
    waiting = [_module_of(target) for target in targets]
    while waiting:
        module = waiting.pop()
        file = _own_file(module)
        if file is None or module.__name__ in found:
            continue
        found[module.__name__] = hashlib.sha256(file.read_bytes()).hexdigest()
        waiting += [sys.modules[each] for each in _imported(module, file) if each in sys.modules]
    return dict(sorted(found.items()))


def _module_of(target: str) -> ModuleType:
    """The longest part of a dotted path that is an imported module."""
    parts = target.split(".")
    paths = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return sys.modules[next(path for path in paths if path in sys.modules)]


def _imported(module: ModuleType, file: Path) -> Iterator[str]:
    """Names in the import statements of a file, each a module or something in one."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            name = resolve_name(relative, module.__spec__.parent if module.__spec__ else None)
            yield name
            yield from (f"{name}.{each.name}" for each in node.names)


def _own_file(module: ModuleType) -> Path | None:
    try:
        file = Path(inspect.getsourcefile(module) or "").resolve()
    except TypeError:  # built in
        return None
    packaged = any(file.is_relative_to(folder.resolve()) for folder in PACKAGED)
    return file if file.is_file() and not packaged else None
