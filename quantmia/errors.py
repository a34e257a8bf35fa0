"""What can go wrong for a user, the exit code each kind ends with, and words for messages."""

import difflib
import re
import shlex
from collections.abc import Iterable, Sequence

DONE, FAILED, USER_MISTAKE, INTERRUPTED, PREEMPTED = 0, 1, 2, 130, 143
LEAKS, TOO_FEW = 3, 4  # what a gate ends with

WORD = re.compile(r"/?[A-Za-z_][A-Za-z0-9_./-]*")  # what Hydra reads as a text without quotes
OTHER_THAN_TEXT = {"true", "false", "null", "nan", "inf"}


class QuantmiaError(Exception):
    """A mistake the user can mend: the message says which key, what is allowed and what to do."""

    exit_code = USER_MISTAKE


class ConfigError(QuantmiaError):
    """Every fault found in one configuration, listed together; a single one stands by itself.

    Args:
        faults: one sentence a fault, each naming key, value and what is allowed.
    """

    def __init__(self, faults: list[str]):
        self.faults = faults
        lines = "\n".join(f"  - {fault}" for fault in faults)
        several = (
            f"the configuration has {len(faults)} faults; nothing was run.\n{lines}\n"
            "  'quantmia run --cfg job' (with your overrides) prints the whole configuration."
        )
        super().__init__(faults[0] if len(faults) == 1 else several)


class DataError(QuantmiaError):
    """The data cannot be used: the message names the file or column and the rows."""


class OutputsError(QuantmiaError, ValueError):
    """Outputs, members or targets of models that others trained cannot be used."""


class FolderError(QuantmiaError):
    """A run folder is missing, locked, damaged or belongs to another configuration."""


class Refused(BaseException):
    """Carries an error past Hydra, which prints lines of its own or makes a warning of it.

    Args:
        error: what the user is told.
    """

    def __init__(self, error: Exception):
        super().__init__(str(error))
        self.error = error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def first_line(error: BaseException) -> str:
    """The first line of an error, or its name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def counted(number: int, what: str) -> str:
    """A number of things: `1 run`, `20 runs`.

    Args:
        number: how many.
        what: one of them.
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def as_override(key: str, value: str | Sequence[str]) -> str:
    """An override that can be pasted into a shell, whatever its value is made of.

    Args:
        key: dotted.
        value: a text, or several for a list.
    """
    text = f"[{','.join(map(_quoted, value))}]" if not isinstance(value, str) else _quoted(value)
    return shlex.quote(f"{key}={text}")


def _quoted(text: str) -> str:
    """As Hydra's grammar reads a text that is to stay one."""
    if WORD.fullmatch(text) and text.lower() not in OTHER_THAN_TEXT:
        return text
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text).replace("${", r"\${")
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f'"{escaped}{chr(92) * trailing}"'
