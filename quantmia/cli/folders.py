"""`quantmia rank`, `report`, `efficiency` and `status`: what reads finished folders."""

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from quantmia.cli.arguments import Parser
from quantmia.errors import DONE, QuantmiaError, counted
from quantmia.progress import Progress


def cache_folder() -> Path:
    """Where embeddings and trajectories are kept: $QUANTMIA_CACHE or outputs/.cache."""
    return Path(os.environ.get("QUANTMIA_CACHE") or "outputs/.cache").absolute()


def rank(arguments: list[str]) -> int:
    """Rank finished runs again; of a sweep's folder, all that it finished."""
    parser = folders_parser("rank", "Tables from run folders or a sweep's, without training.")
    parser.add_argument(
        "--verbose", action="store_true", help="print r_Q and all that is to be known of it"
    )
    parsed = parser.parse_args(arguments)
    from quantmia.pipeline import finished
    from quantmia.report.terminal import show
    from quantmia.sweep.conclude import conclude
    from quantmia.sweep.plan import is_sweep, read_plan

    sweeps = [path for path in parsed.folders if is_sweep(path)]
    if sweeps:
        if len(parsed.folders) > 1 or parsed.output:
            raise QuantmiaError(
                f"{sweeps[0]} is the folder of a sweep: name it alone, without --output, or name "
                "the folders of its jobs."
            )
        return conclude(read_plan(sweeps[0]), cache_folder(), Progress(), parsed.verbose)
    results, path = finished.rank(parsed.folders, parsed.output, cache_folder(), Progress())
    show(results, path, parsed.verbose)
    return DONE


def report(arguments: list[str]) -> int:
    """Write the page of a ranking, or one that compares several."""
    parser = folders_parser(
        "report",
        "One page of a ranking, report.html, with its figures; of several folders, or of a sweep "
        "with several rankings, a page that compares them.",
        "where the page goes",
    )
    parser.add_argument(
        "--expose-samples",
        action="store_true",
        help="name the samples that are found beyond chance; the page is then as sensitive as they",
    )
    parsed = parser.parse_args(arguments)
    from quantmia.pipeline import finished
    from quantmia.sweep.conclude import rankings
    from quantmia.sweep.plan import is_sweep, read_plan

    folders, output = parsed.folders, parsed.output
    if any(map(is_sweep, folders)):
        if len(folders) > 1:
            sweep = next(filter(is_sweep, folders))
            raise QuantmiaError(f"{sweep}: name the folder of a sweep alone.")
        output = output or folders[0]
        labelled = rankings(read_plan(folders[0]))
    else:
        labelled = _labelled(folders)
    if parsed.expose_samples and len(labelled) > 1:
        raise QuantmiaError("--expose-samples: a comparison names no samples; name one folder.")
    finished.report(labelled, output, cache_folder(), Progress(), parsed.expose_samples)
    return DONE


def front(arguments: list[str]) -> int:
    """Draw the releases of several folders, or of a sweep, on one front."""
    parser = folders_parser(
        "front",
        "Releases of several folders on one front: other seeds of a training, weight decay, other "
        "models; on the same data, split alike.",
        "where the table and the figure go",
    )
    parser.add_argument(
        "--utility-loss", type=float, default=0.05, metavar="SHARE",
        help="of the best utility that may be given up (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--mis", type=float, metavar="MIS", help="or the least MIS to reach")
    parsed = parser.parse_args(arguments)
    for name, value in (("utility-loss", parsed.utility_loss), ("mis", parsed.mis)):
        if value is not None and not 0 <= value < 1:
            raise QuantmiaError(f"--{name} {value}: has to be from 0 to below 1.")
    from quantmia.pipeline import finished
    from quantmia.ranking.decision import Rule
    from quantmia.report.terminal import show_front
    from quantmia.sweep.conclude import rankings
    from quantmia.sweep.plan import is_sweep, read_plan

    found = [rankings(read_plan(each)) if is_sweep(each) else {"": each} for each in parsed.folders]
    paths = [path for its in found for path in its.values()]
    # Jobs of one sweep are known by what tells them apart, folders of any kind by their paths.
    alone = len(found) == 1 and is_sweep(parsed.folders[0])
    labelled = found[0] if alone else _labelled(paths)
    rule = Rule(parsed.utility_loss, parsed.mis)
    joined, path = finished.front(labelled, parsed.output, rule, Progress())
    show_front(joined.table, joined.decision, path)
    return DONE


def _labelled(folders: list[Path]) -> dict[str, Path]:
    """The folders by the shortest end of their path that tells them apart."""
    paths = list(dict.fromkeys(folder.absolute() for folder in folders))
    for parts in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            return dict(zip(names, paths, strict=True))
    raise AssertionError("different paths have different names")


def status(arguments: list[str]) -> int:
    """Say how the jobs of a sweep stand, or what a recording lacks."""
    parser = Parser(
        "quantmia status",
        description="Which jobs of a sweep are done, running, failed, missing; of a recording, "
        "what it lacks.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="of a sweep or a recording")
    parsed = parser.parse_args(arguments)
    from quantmia.config.recorded import is_recording
    from quantmia.files import read_json
    from quantmia.sweep.plan import read_plan
    from quantmia.sweep.status import show_status, standings

    manifest = read_json(parsed.folder / "manifest.json")
    if is_recording(manifest.get("config", {})):
        return _of_recording(parsed.folder, manifest)
    plan = read_plan(parsed.folder)
    show_status(plan, standings(plan))
    return DONE


def _of_recording(folder: Path, manifest: Mapping[str, Any]) -> int:
    """Say what a recording has, and what it lacks."""
    from quantmia.recording.checks import lacking
    from quantmia.recording.recorder import kept

    runs, variants = manifest["runs"], ", ".join(manifest["config"]["quantizer"])
    if manifest["state"] == "finished":
        print(f"{folder}: {counted(runs, 'run')} of {variants}. To rank: quantmia rank {folder}")
        return DONE
    found = kept(folder, runs)
    begun = sum(1 for each in found.values() if each)
    print(
        f"{folder}: outputs of {begun} of {counted(runs, 'run')} are kept; "
        f"{lacking(found) or 'nothing is lacking'}. Go on with the script that records them."
    )
    return DONE


def efficiency(arguments: list[str]) -> int:
    """Measure how many runs each estimator needs."""
    from quantmia.pipeline import finished
    from quantmia.ranking.efficiency import Budget

    parser = folders_parser(
        "efficiency",
        "Rank on random subsets of the runs, and compare with the ranking by one attack on runs "
        "that were set apart.",
    )
    default = Budget()
    # Each is a field of the budget.
    for name, options in {
        "counts": {"type": at_least(2), "nargs": "+", "help": "sizes of the subsets"},
        "draws": {"type": at_least(1), "help": "subsets of each size"},
        "reference": {"metavar": "ATTACK", "help": "ranks on the runs set apart"},
        "reference_runs": {"type": at_least(2), "help": "runs set apart, None: half of them"},
        "seed": {"type": at_least(0), "help": "draws the subsets"},
    }.items():
        flag = "--runs" if name == "counts" else f"--{name.replace('_', '-')}"
        options = {"metavar": "N"} | options | {"help": options["help"] + " (default: %(default)s)"}
        parser.add_argument(flag, dest=name, default=getattr(default, name), **options)
    chosen = vars(parser.parse_args(arguments))
    folders, output = chosen.pop("folders"), chosen.pop("output")
    finished.measure_efficiency(folders, output, cache_folder(), Budget(**chosen), Progress())
    return DONE


def folders_parser(command: str, description: str, output: str = "where the tables go") -> Parser:
    """That of a command that reads folders.

    Args:
        command: its name.
        description: what it does.
        output: what `--output` is for.
    """
    parser = Parser(f"quantmia {command}", description=description)
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--output", type=Path, metavar="DIR", help=output)
    return parser


def at_least(least: int) -> Callable[[str], int]:
    """The type of an argument that is an integer.

    Args:
        least: that it may be.
    """

    def number(text: str) -> int:
        if not text.removeprefix("-").isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text}: has to be an integer of {least} or more")
        return int(text)

    return number
