"""What a fault says: what a key may be, where a target is, what was probably meant."""

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

from quantmia.errors import did_you_mean

ONE = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}
MANY = {int: "integers", float: "numbers", str: "texts", bool: "flags"}


@dataclass(frozen=True)
class Says:
    """Words for an annotation that has none of its own.

    Args:
        text: what is allowed, after "has to be".
    """

    text: str


def allowed(annotation: Any) -> str:
    """What a value of a type may be, in words.

    Args:
        annotation: a type, with limits where it is `Annotated`.
    """
    base, limits = _parts(annotation)
    said = next((each.text for each in limits if isinstance(each, Says)), None)
    if said:
        return said
    if base in (None, NoneType):
        return "null"
    origin = get_origin(base)
    if origin is Literal:
        values = [show(each) for each in get_args(base)]
        return values[0] if len(values) == 1 else f"one of {', '.join(values)}"
    if origin in (Union, UnionType):
        return ", or ".join(allowed(each) for each in get_args(base))
    if origin in (list, tuple, Sequence):
        inner, its = _parts(next(iter(get_args(base)), Any))
        return f"a list of {MANY.get(inner, 'values')}{_within(its)}"
    if dict in (origin, base):
        return "a mapping of keys to values"
    return f"{ONE.get(base, getattr(base, '__name__', base))}{_within(limits)}"


def choices(annotation: Any) -> list[str]:
    """The words that a value may be, of every `Literal` in a type."""
    base, _ = _parts(annotation)
    if get_origin(base) is Literal:
        return [show(each) for each in get_args(base)]
    if get_origin(base) in (Union, UnionType):
        return [word for each in get_args(base) for word in choices(each)]
    return []


def has_to_be(key: str, value: Any, annotation: Any) -> str:
    """The fault of a value that its type does not allow.

    Args:
        key: dotted.
        value: as it was given.
        annotation: the type.
    """
    near = did_you_mean(str(value), choices(annotation))
    return f"{key}={show(value)}: has to be {allowed(annotation)}{near}"


def _parts(annotation: Any) -> tuple[Any, list[Any]]:
    """A type and the limits it is annotated with."""
    if get_origin(annotation) is Annotated:
        base, *limits = get_args(annotation)
        return base, limits
    return annotation, []


def _within(limits: Sequence[Any]) -> str:
    """Limits of a number in words; what is below infinity is finite."""
    low = next((each for each in limits if isinstance(each, Ge | Gt)), None)
    high = next((each for each in limits if isinstance(each, Le | Lt)), None)
    if low is None:
        return ""
    least = f" of {low.ge} or more" if isinstance(low, Ge) else f" above {low.gt}"
    if high is None:
        return least
    if high == Lt(math.inf):
        return f"{least}, and finite"
    if isinstance(low, Gt) and isinstance(high, Lt):
        return f" between {low.gt} and {high.lt}, both excluded"
    if isinstance(low, Ge) and isinstance(high, Lt):
        return f" from {low.ge} to below {high.lt}"
    return f"{least}, at most {high.le if isinstance(high, Le) else high.lt}"


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


def show(value: Any) -> str:
    """A value as it is written on the command line."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
