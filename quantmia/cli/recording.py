"""`quantmia plan`: who is a member of which run of somebody's own training."""

from collections.abc import Hashable
from pathlib import Path

from quantmia.cli.arguments import Parser
from quantmia.errors import DONE, OutputsError, did_you_mean


def plan(arguments: list[str]) -> int:
    """Write who is a member of which run."""
    parser = Parser(
        "quantmia plan",
        description="Draw who trains on what: a table, members.csv, and a file of row numbers a "
        "run. Train every run on its rows, record what its models answer on all rows "
        "(quantmia.Recorder, or quantmia import), and rank.",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--samples", type=int, metavar="N", help="rows that may be trained on")
    parser.add_argument("--runs", type=int, default=20, help="trainings (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: %(default)s)")
    parser.add_argument(
        "--coin", action="store_true",
        help="every row by a fair coin of its own, in place of half of the rows a run: allows a "
        "bound on epsilon",
    )  # fmt: skip
    parser.add_argument(
        "--groups", metavar="FILE:COLUMN",
        help="a table and what its rows belong to, such as a patient: rows of a group are members "
        "of the same runs",
    )  # fmt: skip
    parsed = parser.parse_args(arguments)
    from quantmia.recording.plan import Plan

    groups = _groups(parsed.groups) if parsed.groups else None
    samples = parsed.samples if groups is None else len(groups)
    if samples is None:
        raise OutputsError("--samples: how many rows there are has to be said")
    if parsed.samples not in (None, samples):
        raise OutputsError(f"--samples {parsed.samples}: {parsed.groups} has {samples} rows")
    if (parsed.output / "plan.json").exists():
        raise OutputsError(f"{parsed.output} holds a plan already; choose another folder")
    made = Plan.drawn(samples, parsed.runs, parsed.seed, parsed.coin, groups)
    made.write(parsed.output)
    for said in made.advice:
        print(said)
    print(f"Plan: {parsed.output} ({samples} rows, {parsed.runs} runs)")
    return DONE


def _groups(text: str) -> list[Hashable]:
    """Of every row of a table what it belongs to."""
    from quantmia.recording.tables import read_table

    file, _, column = text.rpartition(":")
    if not file:
        raise OutputsError(f"--groups {text}: FILE:COLUMN is wanted")
    table = read_table(Path(file))
    if column not in table:
        raise OutputsError(
            f"--groups {text}: there is no such column{did_you_mean(column, map(str, table))}"
        )
    return list(table[column])
