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
from hydra.types import RunMode
from omegaconf import DictConfig

from quantmia import __version__
from quantmia.config import resolvers
from quantmia.config.callback import Refused
from quantmia.config.check import check
from quantmia.config.overrides import DOES_NOT_COMPOSE, conf_dir, explain
from quantmia.errors import DONE, FAILED, INTERRUPTED, USER_MISTAKE, ConfigError, QuantmiaError
from quantmia.progress import Progress

COMMANDS = ("run", "rank", "efficiency", "list", "check")
HELP = """\
quantmia: which quantizer leaks least about who was in the training set?

  quantmia run [OVERRIDE...]            train, quantize, measure and rank
  quantmia rank DIR... [--output DIR]   rank finished runs again, without training
  quantmia efficiency DIR...            how many runs each estimator needs, from many runs
  quantmia list [GROUP]                 what there is to choose from, your own included
  quantmia check quantizer=NAME         whether a quantizer obeys what the method needs

  quantmia run --help                   every key and choice
  quantmia run --cfg job                the configuration that would be run
  quantmia --version

  eval "$(quantmia -sc install=bash)"   completion for bash
"""

OWN = "a folder of your own configurations, with folders quantizer/, dataset/, ..."

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

    try:
        pipeline.run(
            check(config),
            Path(HydraConfig.get().runtime.output_dir),
            cache_folder(),
            Progress(),
            command=list(HydraConfig.get().overrides.task),
        )
    except QuantmiaError as error:
        if HydraConfig.get().mode == RunMode.RUN:
            raise Refused(error) from None  # past Hydra, which would print a line of its own
        raise


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
    if command == "list":
        return _list(rest)
    if command == "check":
        return _check(rest)
    near = difflib.get_close_matches(command, COMMANDS, n=1)
    hint = f"did you mean 'quantmia {near[0]}'?" if near else f"there are {', '.join(COMMANDS)}."
    if "=" in command or command in ("-m", "--multirun", "--cfg"):
        hint = f"did you mean 'quantmia run {command}'?"
    raise QuantmiaError(f"unknown command {command}; {hint} 'quantmia --help' shows more.")


def _run(overrides: list[str]) -> int:
    global _job_started
    _job_started = False
    _prepare()
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


def _prepare() -> None:
    """What composing a configuration needs."""
    resolvers.register()
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # so that _target_ finds the user's own modules


def _list(arguments: list[str]) -> int:
    from rich.console import Console
    from rich.table import Table

    from quantmia.config.choices import GROUPS, choices

    parser = argparse.ArgumentParser(
        "quantmia list", description="What there is to choose from, with one line each."
    )
    parser.add_argument("group", nargs="?", metavar="GROUP", help=", ".join(GROUPS.values()))
    parser.add_argument("--config-dir", action="append", default=[], metavar="DIR", help=OWN)
    parsed = parser.parse_args(arguments)
    _refuse_absent(parsed.config_dir)
    _prepare()
    groups = [each for each, many in GROUPS.items() if parsed.group in (None, each, many)]
    if not groups:
        near = difflib.get_close_matches(str(parsed.group), list(GROUPS.values()), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise QuantmiaError(f"{parsed.group}: there are {', '.join(GROUPS.values())}{hint}")
    console = Console() if sys.stdout.isatty() else Console(width=120)
    for group in groups:
        table = Table.grid(padding=(0, 2, 0, 2))
        for name, explanation in choices(group, parsed.config_dir):
            table.add_row(name, explanation)
        option = {"experiment": "+experiment=NAME"}.get(group, f"{group}=NAME")
        if group in ("quantizer", "attack"):
            option = f"'{group}=[NAME,NAME]'"
        title = f"{GROUPS[group]}: quantmia run {option}"
        console.print(title, style="bold", highlight=False, markup=False)
        console.print(table, highlight=False, markup=False)
    return DONE


def _check(arguments: list[str]) -> int:
    from quantmia.config.overrides import composed
    from quantmia.quantizers import make
    from quantmia.quantizers.contract import verdicts

    parser = argparse.ArgumentParser(
        "quantmia check", description="Try quantizers on rows of weights that are hard to quantize."
    )
    parser.add_argument("overrides", nargs="+", metavar="OVERRIDE", help="e.g. quantizer=mine")
    parser.add_argument("--config-dir", metavar="DIR", help=OWN)
    parsed = parser.parse_args(arguments)
    _refuse_absent([parsed.config_dir] if parsed.config_dir else [])
    _prepare()
    broken = []
    for name, entry in composed(parsed.overrides, parsed.config_dir).quantizer.items():
        print(name)
        for rule, found in verdicts(make(entry)):
            if found is None:
                print(f"  ok    {rule.law}")
                continue
            print(f"  {'FAIL' if rule.required else 'note'}  {rule.law}: {found}; {rule.why}")
            if rule.required and name not in broken:
                broken.append(name)
    if broken:
        raise QuantmiaError(f"{', '.join(broken)}: cannot be relied on; mend what FAIL names.")
    return DONE


def _refuse_absent(folders: Sequence[str]) -> None:
    for folder in folders:
        if not Path(folder).is_dir():
            raise QuantmiaError(f"--config-dir={folder}: there is no such folder.")


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
