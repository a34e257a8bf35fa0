"""Tables of the paper's studies, out of their finished sweeps.

python -m scripts.paper RESULTS SWEEP...
"""

import sys
from pathlib import Path

import pandas as pd

from quantmia.errors import QuantmiaError
from quantmia.files import write_text
from quantmia.report.numbers import plain, with_interval
from quantmia.report.tables import latex, markdown
from scripts.paper import tables
from scripts.paper.studies import read_settings

TABLES = {"ranking": tables.ranking, "agreement": tables.agreement, "regime": tables.regime}


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """A table as text: numbers with their intervals, as many digits as these allow.

    Args:
        table: `X_low, X_high` are the interval of `X`.
    """
    shown = {}
    for name in map(str, table):
        column = table[name]
        if name.endswith(("_low", "_high")):
            continue
        if f"{name}_low" in table:
            ends = zip(column, table[f"{name}_low"], table[f"{name}_high"], strict=True)
            shown[name] = [with_interval(*each) for each in ends]
        elif column.dtype.kind == "f":
            shown[name] = [plain(each) for each in column]
        else:
            shown[name] = column.fillna("").astype(str)
    return pd.DataFrame(shown)


def write(results: Path, sweeps: list[Path]) -> None:
    """Every table as CSV, Markdown and LaTeX.

    Args:
        results: where to; made if it is not there.
        sweeps: finished.

    Raises:
        FolderError: a sweep is not finished.
    """
    settings = [setting for sweep in sweeps for setting in read_settings(sweep)]
    results.mkdir(parents=True, exist_ok=True)
    for name, make in TABLES.items():
        table = make(settings)
        shown = readable(table)
        write_text(results / f"{name}.csv", table.to_csv(index=False))
        write_text(results / f"{name}.md", markdown(shown))
        write_text(results / f"{name}.tex", latex(shown, "ll" + "r" * (shown.shape[1] - 2)))
        print(results / name)


def main(arguments: list[str]) -> int:
    """Write the tables of the sweeps named, and say where they are."""
    if len(arguments) < 2:
        print("usage: python -m scripts.paper RESULTS SWEEP...", file=sys.stderr)
        return 2
    try:
        write(Path(arguments[0]), [Path(each) for each in arguments[1:]])
    except QuantmiaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
