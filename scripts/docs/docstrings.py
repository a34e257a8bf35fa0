"""What a docstring says: its first sentence, and the meaning of every argument."""

import inspect
import re
from typing import Any

ARGUMENT = re.compile(r"    (\w+): (.*)")


def summary(thing: Any) -> str:
    """The first paragraph of a docstring, in one line.

    Args:
        thing: a class or a function.
    """
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def meanings(thing: Any) -> dict[str, str]:
    """What every argument means, by the docstring of a function, or of a class and its bases.

    Args:
        thing: a class or a function.
    """
    found: dict[str, str] = {}
    for each in reversed(inspect.getmro(thing) if inspect.isclass(thing) else (thing,)):
        found |= _arguments(inspect.cleandoc(each.__doc__ or ""))
    return found


def _arguments(text: str) -> dict[str, str]:
    """Those below `Args:`, which are indented; what is indented further goes on."""
    found: dict[str, str] = {}
    name = ""
    for line in text.partition("Args:\n")[2].splitlines():
        if line and not line.startswith("    "):
            break
        begun = ARGUMENT.fullmatch(line)
        if begun:
            name = begun[1]
            found[name] = begun[2]
        elif name:
            found[name] += f" {line.strip()}"
    return {name: " ".join(said.split()) for name, said in found.items()}
