"""What a fault says: where a target is, what a type allows, what was probably meant."""

import difflib
import importlib
import inspect
from collections.abc import Iterable, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def locate(path: str) -> tuple[Any, str]:
    """The class or function at a dotted path, or None and what is wrong with the path."""
    parts = path.split(".")
    if len(parts) < 2 or not all(parts):
        return None, "has to be a dotted path, package.module.name"
    found: Any = None
    for count, part in enumerate(parts):
        here = ".".join(parts[: count + 1])
        if found is not None and hasattr(found, part):
            found = getattr(found, part)
            continue
        try:
            found = importlib.import_module(here)
        except ModuleNotFoundError as error:
            if error.name and not here.startswith(error.name):
                return None, f"importing {here} needs {error.name}, which is not installed"
            if found is None:
                return None, f"there is no module {here}"
            known = [name for name in dir(found) if not name.startswith("_")]
            return None, f"{'.'.join(parts[:count])} has no {part}{did_you_mean(part, known)}"
        except Exception as error:  # whatever a user's module does when imported
            return None, f"importing {here} failed: {type(error).__name__}: {error}"
    return (found, "") if callable(found) else (None, "cannot be called")


def literal_choices(annotation: Any) -> tuple:
    """Values of a Literal, also within a union with None or another Literal."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        parts = [(None,) if a is NoneType else literal_choices(a) for a in get_args(annotation)]
        return tuple(choice for part in parts for choice in part) if all(parts) else ()
    return ()


def checkable(annotation: Any) -> Any:
    """The annotation as OmegaConf knows it: sequences are lists."""
    if annotation is inspect.Parameter.empty or isinstance(annotation, str):
        return Any
    if get_origin(annotation) in (Sequence, tuple):
        inner = [each for each in get_args(annotation) if each is not Ellipsis]
        return list[checkable(inner[0])] if len(set(inner)) == 1 else Any
    return annotation


def describe(wanted: Any) -> str:
    """A type in words."""
    words = {
        int: "an integer",
        float: "a number",
        str: "a text",
        bool: "true or false",
        list[int]: "a list of integers, e.g. [1,2]",
        list[float]: "a list of numbers",
        list[str]: "a list of texts",
    }
    if wanted in words:
        return words[wanted]
    if get_origin(wanted) is dict:
        return "a mapping of keys to values"
    if get_origin(wanted) in (Union, UnionType):
        return " or ".join(
            "null" if each is NoneType else describe(each) for each in get_args(wanted)
        )
    return getattr(wanted, "__name__", str(wanted))


def show(value: Any) -> str:
    """A value as it is written on the command line."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def first_line(error: BaseException) -> str:
    """The first line of an error, or its name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
