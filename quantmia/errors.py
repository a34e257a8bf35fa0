"""What can go wrong for a user, the exit code each kind ends with, and words for messages."""

import difflib
from collections.abc import Iterable

DONE, FAILED, USER_MISTAKE, INTERRUPTED, PREEMPTED = 0, 1, 2, 130, 143


class QuantmiaError(Exception):
    """A mistake the user can mend: the message says which key, what is allowed and what to do."""

    exit_code = USER_MISTAKE


class ConfigError(QuantmiaError):
    """Every fault found in one configuration, listed together.

    Args:
        faults: one sentence a fault, each naming key, value and what is allowed.
    """

    def __init__(self, faults: list[str]):
        self.faults = faults
        lines = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(
            f"the configuration has {counted(len(faults), 'fault')}; nothing was run.\n{lines}\n"
            "  'quantmia run --cfg job' (with your overrides) prints the whole configuration."
        )


class DataError(QuantmiaError):
    """The data cannot be used: the message names the file or column and the rows."""


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
