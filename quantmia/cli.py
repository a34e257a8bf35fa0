"""The command line: arguments in, exit code out."""

import argparse
import difflib
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig

from quantmia import __version__
from quantmia.config import resolvers
from quantmia.config.callback import Refused
from quantmia.config.check import check
from quantmia.config.overrides import DOES_NOT_COMPOSE, conf_dir, explain
from quantmia.errors import DONE, FAILED, INTERRUPTED, USER_MISTAKE, ConfigError, QuantmiaError
from quantmia.progress import Progress

COMMANDS = ("run", "rank", "efficiency")
HELP = """\
quantmia: which quantizer leaks least about who was in the training set?

  quantmia run [OVERRIDE...]            train, quantize, measure and rank
  quantmia rank DIR... [--output DIR]   rank finished runs again, without training
  quantmia efficiency DIR...            how many runs each estimator needs, from many runs

  quantmia run --help                   every key and choice
  quantmia run --cfg job                the configuration that would be run
  quantmia --version

  eval "$(quantmia -sc install=bash)"   completion for bash
"""

_job_started = False


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 our failure, 2 a mistake, 130 stopped."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(arguments)
    except QuantmiaError as error:
        return _mistake(error)
    except Refused as refused:
        return _mistake(refused.error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as stop:  # argparse has said why
        return stop.code if isinstance(stop.code, int) else (FAILED if stop.code else DONE)
    except Exception:
        traceback.print_exc()
        return FAILED


def run_job(config: DictConfig) -> None:
    """One job of Hydra's, in the process that Hydra chose for it."""
    global _job_started
    _job_started = True
    from quantmia import pipeline

    pipeline.run(
        check(config),
        Path(HydraConfig.get().runtime.output_dir),
        cache_folder(),
        Progress(),
        command=list(HydraConfig.get().overrides.task),
    )


def cache_folder() -> Path:
    """Where embeddings and trajectories are kept: $QUANTMIA_CACHE or outputs/.cache."""
    return Path(os.environ.get("QUANTMIA_CACHE") or "outputs/.cache").absolute()


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return DONE if arguments else USER_MISTAKE
    command, rest = arguments[0], arguments[1:]
    if command == "--version":
        print(f"quantmia {__version__}")
        return DONE
    if command == "-sc":
        return _complete(arguments)
    if command == "run":
        return _run(rest)
    if command == "rank":
        return _rank(rest)
    if command == "efficiency":
        return _efficiency(rest)
    near = difflib.get_close_matches(command, COMMANDS, n=1)
    hint = f"did you mean 'quantmia {near[0]}'?" if near else f"there are {', '.join(COMMANDS)}."
    if "=" in command or command in ("-m", "--multirun", "--cfg"):
        hint = f"did you mean 'quantmia run {command}'?"
    raise QuantmiaError(f"unknown command {command}; {hint} 'quantmia --help' shows more.")


def _run(overrides: list[str]) -> int:
    global _job_started
    _job_started = False
    resolvers.register()
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # so that _target_ finds the user's own modules
    own_argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    # argv[0] stays: shell completion is bound to its name. Without the variable Hydra would
    # print the error itself and leave with 1.
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = ["quantmia", *overrides], "1"
    GlobalHydra.instance().clear()
    try:
        with warnings.catch_warnings():
            # A folder that is not there is refused by the callback.
            warnings.filterwarnings("ignore", r"provider=hydra\.searchpath")
            start = hydra.main(
                version_base="1.3", config_path=str(conf_dir()), config_name="config"
            )
            start(run_job)()
    except (*DOES_NOT_COMPOSE, OSError) as error:
        if _job_started or full_error is not None:
            raise
        if isinstance(error, OSError) and not isinstance(error, HydraException):
            raise QuantmiaError(
                f"hydra.run.dir: the folder cannot be made: {error}; choose another one."
            ) from None
        faults = explain(overrides) or [" ".join(str(error).split())]
        raise ConfigError(faults) from None
    finally:
        sys.argv = own_argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error
    return DONE


def _rank(arguments: list[str]) -> int:
    parser = _folders_parser("rank", "Tables from run folders, without training.")
    parsed = parser.parse_args(arguments)
    from quantmia import pipeline

    pipeline.rank(parsed.folders, parsed.output, cache_folder(), Progress())
    return DONE


def _efficiency(arguments: list[str]) -> int:
    from quantmia import pipeline
    from quantmia.efficiency import Plan

    parser = _folders_parser(
        "efficiency",
        "Rank on random subsets of the runs, and compare with the ranking by one attack on runs "
        "that were set apart.",
    )
    default = Plan()
    # Each is a field of the plan.
    for name, options in {
        "counts": {"type": _at_least(2), "nargs": "+", "help": "sizes of the subsets"},
        "draws": {"type": _at_least(1), "help": "subsets of each size"},
        "reference": {"metavar": "ATTACK", "help": "ranks on the runs set apart"},
        "reference_runs": {"type": _at_least(2), "help": "runs set apart, None: half of them"},
        "seed": {"type": _at_least(0), "help": "draws the subsets"},
    }.items():
        flag = "--runs" if name == "counts" else f"--{name.replace('_', '-')}"
        options = {"metavar": "N"} | options | {"help": options["help"] + " (default: %(default)s)"}
        parser.add_argument(flag, dest=name, default=getattr(default, name), **options)
    chosen = vars(parser.parse_args(arguments))
    folders, output = chosen.pop("folders"), chosen.pop("output")
    pipeline.measure_efficiency(folders, output, cache_folder(), Plan(**chosen), Progress())
    return DONE


def _folders_parser(command: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(f"quantmia {command}", description=description)
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where the tables go")
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.removeprefix("-").isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text}: has to be an integer of {least} or more")
        return int(text)

    return number


def _complete(arguments: list[str]) -> int:
    """Hydra's completion, for what follows `run`; otherwise the commands."""
    words = os.environ.get("COMP_LINE", "").split(" ")
    if "query" in "".join(arguments):
        if words[1:2] != ["run"] or len(words) == 2:
            start = words[1] if len(words) == 2 else ""
            print(" ".join(each for each in COMMANDS if each.startswith(start)))
            return DONE
        os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
    return _run(arguments)


def _mistake(error: QuantmiaError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
