"""What a number of runs costs: time, memory and disk, measured at some and extrapolated.

python scripts/scaling.py [--runs 20 200 2000] [--to 100000] OVERRIDE...
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def measure(overrides: list[str], runs: int) -> dict[str, float]:
    """Run an experiment in a folder that is removed again.

    Args:
        overrides: of the experiment.
        runs: how many.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "quantmia.cli", "run", *overrides]
        subprocess.run(
            [*command, f"runs={runs}", f"hydra.run.dir={folder}/run"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        path = Path(folder, "run")
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        timings = manifest["timings"]
        return {
            "runs": runs,
            "training": timings["measuring_seconds"],
            "ranking": timings["total_seconds"] - timings["measuring_seconds"],
            "memory": manifest["peak_memory_mib"],
            "disk": sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) / 2**20,
        }


def extrapolate(rows: list[dict[str, float]], runs: int) -> dict[str, float]:
    """The line through the two largest numbers of runs, continued."""
    few, many = rows[-2:]
    share = (runs - many["runs"]) / (many["runs"] - few["runs"])
    return {key: many[key] + share * (many[key] - few[key]) for key in many} | {"runs": runs}


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
