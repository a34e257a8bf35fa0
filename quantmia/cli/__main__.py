"""The command line: arguments in, exit code out."""

import difflib
import errno
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version

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
HELP = """\
quantmia: what should I ship, and what does it leak about who was in the training set?

  quantmia run [OVERRIDE...]            train, quantize, measure and rank
  quantmia run -m seed=0,1 [OVERRIDE...] a sweep, ranked at its end; hydra/launcher=slurm, local
  quantmia rank DIR... [--output DIR]   rank finished runs again, without training
  quantmia report DIR...                a page of a ranking, or one that compares several
  quantmia front DIR...                 releases of several folders or of a sweep on one front
  quantmia status DIR                   how the jobs of a sweep stand, what a recording lacks
  quantmia efficiency DIR...            how many runs each estimator needs, from many runs
  quantmia list [GROUP]                 what there is to choose from, your own included
  quantmia check quantizer=NAME         whether a quantizer obeys what the method needs

  quantmia gate DIR --advantage 0.1     for scripts: exit code 0 below the limit, 3 above, 4 unclear
  quantmia certificate DIR              what one released model gives away about its own members
  quantmia export DIR                   the audited model as a file, with its hash and its figures
  quantmia plan -o DIR --samples N      who trains on what, for trainings of your own
  quantmia import FILE -o DIR           what models of others answered, made a folder to rank

  quantmia run --help                   every key and choice
  quantmia run --cfg job                the configuration that would be run
  quantmia --version

  eval "$(quantmia -sc install=bash)"   completion for bash
"""


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
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return DONE if arguments else USER_MISTAKE
    command, rest = arguments[0], arguments[1:]
    if command == "--version":
        print(f"quantmia {version('quantmia')}")
        return DONE
    if command == "-sc":
        return _complete(arguments)
    if command in COMMANDS:
        return _command(command)(rest)
    near = difflib.get_close_matches(command, COMMANDS, n=1)
    hint = f"did you mean 'quantmia {near[0]}'?" if near else f"there are {', '.join(COMMANDS)}."
    if "=" in command or command in ("-m", "--multirun", "--cfg"):
        hint = f"did you mean 'quantmia run {command}'?"
    raise QuantmiaError(f"unknown command {command}; {hint} 'quantmia --help' shows more.")


def _command(name: str) -> Callable[[list[str]], int]:
    """Imported when it is wanted: completion and `list` have no use for PyTorch."""
    module, function = COMMANDS[name]
    return getattr(import_module(f"quantmia.cli.{module}"), function)


def _complete(arguments: list[str]) -> int:
    """Hydra's completion, for what follows `run`; otherwise the commands."""
    words = os.environ.get("COMP_LINE", "").split(" ")
    if "query" in "".join(arguments):
        if words[1:2] != ["run"] or len(words) == 2:
            start = words[1] if len(words) == 2 else ""
            print(" ".join(each for each in COMMANDS if each.startswith(start)))
            return DONE
        os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
    return _command("run")(arguments)


def _mistake(error: QuantmiaError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
