"""What a number of runs costs: time, memory and disk, measured at some and extrapolated.

python -m scripts.scaling [--runs 20 200 2000] [--to 100000] OVERRIDE...
"""

import argparse
import os
import tempfile
from pathlib import Path

from quantmia.cli.folders import cache_folder
from scripts.scale.growth import growth
from scripts.scale.measured import run


def measure(overrides: list[str], runs: int) -> dict[str, float]:
    """Run an experiment in a folder that is removed again.

    Args:
        overrides: of the experiment.
        runs: how many.
    """
    with tempfile.TemporaryDirectory() as folder:
        return {"runs": runs} | run([*overrides, f"runs={runs}"], Path(folder), cache_folder())


def extrapolate(rows: list[dict[str, float]], runs: int) -> dict[str, float]:
    """Every further run adds what those between the two largest numbers of runs did."""
    numbers = [row["runs"] for row in rows]
    keys = ("training", "ranking", "memory", "disk")
    found = {key: growth(numbers, [row[key] for row in rows]).straight(runs) for key in keys}
    return {"runs": runs} | found


def line(row: dict[str, float], cores: int, note: str = "") -> str:
    """A row of the table, in hours of all cores."""
    hours = {key: row[key] * cores / 3600 for key in ("training", "ranking")}
    cells = [
        f"{row['runs']:,.0f}{note}",
        *(f"{value:.3g}" for value in hours.values()),
        f"{row['memory']:,.0f}",
        f"{row['disk']:,.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[20, 200, 2000])
    parser.add_argument("--to", type=int, default=100_000)
    chosen, overrides = parser.parse_known_args()
    cores = len(os.sched_getaffinity(0))
    rows = []
    print("| runs | core hours, training | core hours, ranking | peak memory, MiB | disk, MiB |")
    print("| ---: |" + " ---: |" * 4)
    for runs in sorted(chosen.runs):
        rows.append(measure(overrides, runs))
        print(line(rows[-1], cores), flush=True)
    print(line(extrapolate(rows, chosen.to), cores, ", extrapolated"))
    hundreds = (rows[-1]["runs"] - rows[-2]["runs"]) / 100
    more = {key: (rows[-1][key] - rows[-2][key]) / hundreds for key in ("memory", "disk")}
    print(f"\nper 100 runs: {more['memory']:.1f} MiB of memory, {more['disk']:.1f} MiB of disk")


if __name__ == "__main__":
    main()
