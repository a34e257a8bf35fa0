"""The command line: arguments in, exit code out."""

import errno
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module

from quantmia.cli.completion import complete
from quantmia.cli.help import FIRST, HELP, meant
from quantmia.cli.imports import uncollected
from quantmia.errors import (
    DONE,
    FAILED,
    INTERRUPTED,
    PREEMPTED,
    USER_MISTAKE,
    QuantmiaError,
    Refused,
)
from quantmia.preemption import Preempted
from quantmia.threads import wait_asleep

# Module below `quantmia.cli` and function of each.
COMMANDS = {
    "run": ("run", "run"),
    "rank": ("folders", "rank"),
    "report": ("folders", "report"),
    "front": ("folders", "front"),
    "status": ("folders", "status"),
    "efficiency": ("folders", "efficiency"),
    "list": ("choose", "list_choices"),
    "check": ("choose", "check_quantizers"),
    "gate": ("shipping", "gate"),
    "certificate": ("shipping", "certificate"),
    "export": ("shipping", "export"),
    "plan": ("recording", "plan"),
    "import": ("importing", "import_files"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0: done, 1: our failure, 2: a mistake, 130: interrupted, 143: told to stop.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    spare_grammars()
    wait_asleep()
    try:
        try:
            return _dispatch(arguments)
        except Refused as refused:
            raise refused.error from None
    except QuantmiaError as error:
        return _mistake(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Preempted:
        return PREEMPTED
    except SystemExit as stop:  # argparse has said why
        return stop.code if isinstance(stop.code, int) else (FAILED if stop.code else DONE)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            print(
                f"error: {error}; what was finished is kept. Make room, and go on with the same "
                "command and resume=true.",
                file=sys.stderr,
            )
        else:
            traceback.print_exc()
        return FAILED


def spare_grammars() -> None:
    """Keep jsonschema, by which Altair checks charts, from compiling the grammars of IRIs.

    It does so for seconds wherever their package is installed, as it is with Jupyter; no chart
    holds one.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # pyright: ignore[reportArgumentType]


def _dispatch(arguments: list[str]) -> int:
    if not arguments:
        print(FIRST, end="")
        return USER_MISTAKE
    if arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return DONE
    command, rest = arguments[0], arguments[1:]
    if command == "--version":
        from importlib.metadata import version  # which takes longer than all else here

        print(f"quantmia {version('quantmia')}")
        return DONE
    if command == "-sc":
        return complete(arguments, COMMANDS, _command("run"))
    if command in COMMANDS:
        return _command(command)(rest)
    raise QuantmiaError(f"unknown command {command}; {meant(command, COMMANDS)}")


def _command(name: str) -> Callable[[list[str]], int]:
    """Imported when it is wanted: completion and `list` have no use for PyTorch."""
    module, function = COMMANDS[name]
    with uncollected():
        return getattr(import_module(f"quantmia.cli.{module}"), function)


def _mistake(error: QuantmiaError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
