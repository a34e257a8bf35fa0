"""One table out of one run folder a data set: how well models learn it and how much they leak.

python scripts/datasets.py FOLDER...
"""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from quantmia.report.tables import markdown


def row(folder: Path) -> dict[str, str]:
    """What the table says of one data set.

    Args:
        folder: of a finished run.
    """
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    ranking = pd.read_csv(folder / "ranking.csv").set_index("quantizer")
    early = pd.read_csv(folder / "diagnostics.csv").set_index("quantizer")["best_is_last"]
    utility = pd.read_csv(folder / "utility.csv")
    rows = ranking.to_dict("index")
    full, name = rows["full_precision"], str(ranking.index[0])
    own = (utility["quantizer"] == "full_precision") & (utility["metric"] == full["utility_metric"])
    values = utility["value"][own]
    error = 1.96 * values.std() / len(values) ** 0.5
    dataset = manifest["dataset"]
    return {
        "data set": dataset["name"],
        "task": dataset["task"],
        "runs": str(len(values)),
        "members": str(dataset["pool"] // 2),
        "dropped": str(sum(dataset["dropped"].values())),
        "full precision": f"{full['utility_metric']} {values.mean():.3f} ± {error:.3f}",
        "best is last": f"{early['full_precision']:.2f}",
        "MIS, full precision": mis(full),
        "MIS, most private": f"{name} {mis(rows[name])}",
        "seconds": f"{manifest['timings']['total_seconds']:.0f}",
    }


def mis(row: dict[Any, Any]) -> str:
    """MIS by lira_eb with its interval, of a row of a ranking."""
    low, high = row["mis_lira_eb_low"], row["mis_lira_eb_high"]
    return f"{row['mis_lira_eb']:.2f} [{low:.2f}, {high:.2f}]"


def main(arguments: list[str]) -> None:
    """Print a Markdown table, a row a folder."""
    rows = [row(Path(each)) for each in arguments]
    print(markdown(pd.DataFrame(rows)))


if __name__ == "__main__":
    main(sys.argv[1:])
