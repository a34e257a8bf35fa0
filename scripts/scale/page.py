"""The page that code makes of the measurements: tables, exponents, and a cluster's bill."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from quantmia.files import write_text
from quantmia.report.tables import markdown
from scripts.paper.drawing import label, line, panels, save, styled
from scripts.scale.axes import AXES
from scripts.scale.growth import Growth, growth, together

NAME = "growth"
ACROSS = 2  # panels of the figure
FIGURES = {
    "training": "training and measuring, s",
    "ranking": "ranking, s",
    "memory": "peak memory, MiB",
    "disk": "disk, MiB",
}
LEAST = {"training": 0.01, "ranking": 0.01, "memory": 0.1, "disk": 0.01}  # told apart from nothing
ROWS, RUNS, JOBS = 10**8, 10_000, 100  # of the last part
RUNS_OF_ROWS = 8  # in the axis of rows


def read(results: Path) -> pd.DataFrame:
    """The measurements: `axis, point, cores, seconds` and those of FIGURES.

    Args:
        results: the folder.
    """
    return pd.read_csv(results / f"{NAME}.csv")


def write(results: Path, table: pd.DataFrame) -> None:
    """The numbers, the page, and its figure.

    Args:
        results: where to.
        table: of measurements.
    """
    results.mkdir(parents=True, exist_ok=True)
    write_text(results / f"{NAME}.csv", table.to_csv(index=False, float_format="%.6g"))
    table = read(results)
    draw(table, results / NAME)
    write_text(results / f"{NAME}.md", page(table))
    print(f"{len(table)} points in {results / NAME}.csv, the page in {results / NAME}.md")


def check(results: Path) -> list[str]:
    """What is wrong with the page, a line each.

    Args:
        results: the folder.
    """
    absent = [each for each in ("csv", "md", "svg") if not (results / f"{NAME}.{each}").exists()]
    if absent:
        return [f"{results}: {NAME}.{', .'.join(absent)} missing; 'make scale' writes it."]
    if (results / f"{NAME}.md").read_text(encoding="utf-8") != page(read(results)):
        return [f"{NAME}.md: the code makes another one; 'make scale' writes it anew."]
    print(f"{results / NAME}.md is what its numbers and the code make.")
    return []


def page(table: pd.DataFrame) -> str:
    """Everything as Markdown.

    Args:
        table: of measurements.
    """
    cores = int(table["cores"].max())
    parts = [
        "# How it grows\n",
        f"Written by `make scale` out of `{NAME}.csv`; do not edit. Each line is one `quantmia "
        f"run` in a process of its own, on {cores} cores: seconds by the clock, the most memory it "
        "held (with 0.4 GiB of imports), and the size of the folder it left. Training counts "
        "reading, embedding and measuring too. An exponent is the slope of logarithms by least "
        "squares over the upper half of an axis: 1 grows in proportion, 0 not at all; in brackets "
        "the least and the largest between neighbours.\n",
        f"![Time, memory and disk on every axis]({NAME}.svg)\n",
    ]
    for axis in AXES:
        mine = table[table["axis"] == axis.key]
        if len(mine):
            parts += [
                f"## {axis.name[0].upper()}{axis.name[1:]}\n",
                f"{axis.about[0].upper()}{axis.about[1:]}.\n",
            ]
            parts.append(markdown(_shown(mine, axis.name)))
    return "\n".join([*parts, *_cluster(table, cores)])


def _shown(table: pd.DataFrame, name: str) -> pd.DataFrame:
    shown = pd.DataFrame({name: [f"{point:,}" for point in table["point"]]})
    for key, title in FIGURES.items():
        shown[title] = table[key].map(_number).tolist()
    if len(table) > 1:
        found = {key: of(table, key) for key in FIGURES}
        first, last = (f"{each:,.0f}" for each in (found["disk"].first, found["disk"].last))
        slopes = [
            f"{each.exponent:z.2f} [{each.low:z.2f}, {each.high:z.2f}]" for each in found.values()
        ]
        shown.loc[len(shown)] = [f"exponent, {first} to {last}", *slopes]
    return shown


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def of(table: pd.DataFrame, key: str) -> Growth:
    """Growth of one figure along an axis.

    Args:
        table: its rows, of at least two points.
        key: of FIGURES.
    """
    table = table.sort_values("point")
    return growth(table["point"].tolist(), table[key].clip(lower=LEAST[key]).tolist())


def _cluster(table: pd.DataFrame, cores: int) -> Sequence[str]:
    """What much more would take, where both axes were measured at two points at least."""
    rows, runs = (table[table["axis"] == key] for key in ("rows", "runs"))
    if len(rows) < 2 or len(runs) < 2:
        return ()
    by_rows, by_runs = ({key: of(each, key) for key in FIGURES} for each in (rows, runs))
    factor = RUNS / RUNS_OF_ROWS
    last = int(by_rows["training"].last)
    ways = {
        "by the exponents": {key: each.at(ROWS) for key, each in by_rows.items()},
        "in proportion": {key: each.straight(ROWS) for key, each in by_rows.items()},
    }
    shown = pd.DataFrame()
    for way, alone in ways.items():
        found = {key: together(alone[key], {by_runs[key]: factor}) for key in FIGURES}
        hours = {key: found[key] * cores / 3600 for key in ("training", "ranking")}
        bill = {
            "core hours, training": hours["training"],
            f"hours, training on {JOBS} jobs of {cores} cores": hours["training"] / JOBS / cores,
            f"hours, ranking in one job of {cores} cores": hours["ranking"] / cores,
            "GiB of memory, a job": alone["memory"] / 1024,
            "GiB of memory, ranking": found["memory"] / 1024,
            "GiB of disk": found["disk"] / 1024,
        }
        shown[""] = list(bill)
        shown[way] = list(map(_number, bill.values()))
    return [
        f"## {ROWS:,} rows and {RUNS:,} runs\n",
        f"Nobody measured this. It is the point of {last:,} rows and {RUNS_OF_ROWS} runs, times "
        f"{ROWS / last:,.0f} to the exponent of rows, times {factor:,.0f} to that of runs. An "
        "exponent below 1 is of costs that are fixed or bounded, which matter less the more rows "
        "there are: in proportion, every row beyond adds what the last ones added, which is nearer "
        "to what will be. Both "
        "assume that this holds so far beyond what was measured; that runs multiply it "
        "by theirs, whatever else stays (12 numbers a row, a linear model, 4 epochs, 4 quantizers, "
        "the defaults of what is kept of losses); that jobs of a sweep, which share the runs, do "
        "not slow each other down; that a cluster's cores are those of this machine; and that "
        "what falls with size stays as it is.\n",
        markdown(shown),
    ]


def draw(table: pd.DataFrame, path: Path) -> None:
    """A panel a figure, a line an axis, both axes logarithmic.

    Args:
        table: of measurements.
        path: of the figure, without an ending.
    """
    with styled():
        figure, axes = panels(len(FIGURES), share=False, across=ACROSS)
        for panel, (key, title) in zip(axes, FIGURES.items(), strict=True):
            for number, axis in enumerate(AXES):
                mine = table[table["axis"] == axis.key].sort_values("point")
                if len(mine):
                    ends = mine.assign(**{f"{key}_low": mine[key], f"{key}_high": mine[key]})
                    line(panel, mine["point"], ends, number, axis.name, key, interval="none")
            panel.set_xscale("log")
            panel.set_yscale("log")
            panel.set_title(title)
        label(figure, axes, "how many", None, ACROSS)
        save(figure, path)
