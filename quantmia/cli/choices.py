"""What there is to choose from, told by the configurations themselves."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from quantmia.config.places import conf_dir

# Group, and what several of it are called.
GROUPS = {
    "experiment": "experiments",
    "dataset": "datasets",
    "embedder": "embedders",
    "model": "models",
    "training": "training",
    "recipe": "recipes",
    "study": "studies",
    "quantizer": "quantizers",
    "indicator": "indicators",
    "attack": "attacks",
}
PACKAGE = "pkg://"


def find_own_modules() -> None:
    """Let `_target_` name modules of the user's in the folder that the command is called in."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def choices(group: str, folders: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Name and explanation of every configuration of a group, by name.

    The explanation is the comment that a file begins with, or the first line of the docstring of
    its `_target_`.

    Args:
        group: one of `GROUPS`.
        folders: of the user, after ours; also `file://...` and `pkg://...`.
    """
    found: dict[str, Path] = {}
    for folder in (conf_dir(), *map(folder_of, folders)):
        for path in sorted((folder / group).rglob("*.yaml")):
            found.setdefault(path.relative_to(folder / group).with_suffix("").as_posix(), path)
    for name in sorted(found):
        yield name, _explanation(found[name])


def hidden(folders: Sequence[str]) -> Iterator[str]:
    """A sentence on every file of the user's that has the name of one of ours, which Hydra takes.

    Args:
        folders: of the user, as for `choices`.
    """
    for folder in map(folder_of, folders):
        for group in GROUPS:
            for path in sorted((folder / group).rglob("*.yaml")):
                ours = conf_dir() / path.relative_to(folder)
                if ours.exists() and not ours.samefile(path):
                    name = path.relative_to(folder / group).with_suffix("").as_posix()
                    yield f"{path}: there is a built-in {group} {name} already; rename yours"


def folder_of(entry: str) -> Path:
    """The folder of an entry of Hydra's search path, which need not be there.

    Args:
        entry: a path, `file://...` or `pkg://...`.
    """
    if not entry.startswith(PACKAGE):
        return Path(entry.removeprefix("file://"))
    from importlib.resources import files  # here, because few name a package

    package, *below = entry.removeprefix(PACKAGE).split("/")
    try:
        return Path(str(files(package).joinpath(*below)))
    except ModuleNotFoundError:
        return Path(entry)


def _explanation(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    words = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):
            words.append(line.lstrip("# ").rstrip())
    if words:
        return " ".join(words)
    import yaml  # here, because none of our own files is without a comment

    from quantmia.config.wording import locate

    try:
        target = next(_targets(yaml.safe_load(text)), None)
    except yaml.YAMLError:
        return "(cannot be read)"
    called, fault = locate(target) if target else (None, "")
    if fault:
        return f"({fault})"
    if called is None:  # which has a docstring of its own from Python 3.13 on
        return ""
    lines = (getattr(called, "__doc__", None) or "").strip().splitlines()
    return lines[0] if lines else ""


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"]
        for value in node.values():
            yield from _targets(value)
