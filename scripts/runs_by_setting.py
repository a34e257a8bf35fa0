"""One table out of several efficiency measurements: runs needed, estimator by setting.

python scripts/efficiency.py FOLDER...
"""

import sys
from pathlib import Path

import pandas as pd

from quantmia.ranking.efficiency import COUNTS, LEVELS


def needed(folders: list[Path], level: float) -> pd.DataFrame:
    """Runs from which on the mean Spearman with the reference ranking is at least `level`.

    Args:
        folders: each with the `efficiency_needed.csv` of one setting.
        level: of Spearman's correlation.
    """
    columns = {}
    for folder in folders:
        table = pd.read_csv(folder / "efficiency_needed.csv", index_col="estimator").astype("Int64")
        column = table[f"runs_for_{level}"].astype(object)
        columns[folder.name] = column.where(column.notna(), f"> {max(COUNTS)}")
    return pd.DataFrame(columns)


def main(arguments: list[str]) -> None:
    """Print a Markdown table for every level."""
    for level in LEVELS:
        table = needed([Path(each) for each in arguments], level)
        print(f"Runs for Spearman {level} with LiRA on 150 other runs:\n")
        print("| estimator | " + " | ".join(table.columns) + " |")
        print("| --- |" + " ---: |" * len(table.columns))
        for row in table.itertuples():
            print("| " + " | ".join(str(cell) for cell in row) + " |")
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
