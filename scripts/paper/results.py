"""The results folder: numbers, tables, figures, claims and their manifest."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from quantmia.files import write_json, write_text
from quantmia.report.numbers import plain, with_interval
from quantmia.report.tables import latex, markdown
from quantmia.sweep.plan import is_sweep
from scripts.paper import ablations, tables
from scripts.paper.claims import judged
from scripts.paper.drawing import save, styled
from scripts.paper.figures import FIGURES
from scripts.paper.gains import gains
from scripts.paper.numbers import Numbers, collect
from scripts.paper.page import page, table_of
from scripts.paper.record import FILE, checksums, record
from scripts.paper.studies import has_front, read_settings, short

NUMBERS = "numbers"
TABLES: dict[str, Callable[[Numbers], pd.DataFrame]] = {
    "ranking": tables.ranking,
    "agreement": tables.agreement,
    "runs": tables.runs,
    "needed": tables.needed,
    "gains": gains,
    "tradeoff": tables.tradeoff,
    "validation": ablations.validation,
    "grid": ablations.grid,
    "low_loss": ablations.low_loss,
    "regime": ablations.regime,
    "scale": ablations.scale,
}
OF_NO_STUDY = ("needed", "gains")  # which the others cannot do without
LONG = 40  # rows, from which on a LaTeX table runs over several pages


def write(results: Path, folders: Sequence[Path]) -> None:
    """Collect finished sweeps, and write everything that is made of them.

    Args:
        results: where to; made if it is not there.
        folders: of sweeps over the paper's release, of `quantmia efficiency`, and of runs or sweeps
            with a front.

    Raises:
        FolderError: a sweep is not finished.
    """
    fronts = [folder for folder in folders if has_front(folder)]
    studies = [folder for folder in folders if is_sweep(folder) and folder not in fronts]
    measured = [folder for folder in folders if folder not in (*studies, *fronts)]
    settings, with_front = (
        [setting for folder in some for setting in read_settings(folder)]
        for some in (studies, fronts)
    )
    collect(settings, measured, with_front).write(results / NUMBERS)
    manifest = record(studies, measured, fronts)
    draw_up(results, manifest)
    files = checksums(results)
    write_json(results / FILE, manifest | {"files": files})
    verdicts = f", the verdicts in {results / 'claims.md'}" if studies else ""
    print(f"{len(files)} files in {results}{verdicts}")


def draw_up(results: Path, manifest: dict[str, Any]) -> None:
    """Tables, figures and claims from the collected numbers.

    Args:
        results: with the numbers in it.
        manifest: of the studies.
    """
    numbers = Numbers.read(results / NUMBERS)
    studies = len(numbers.repetitions) > 0
    for folder in ("tables", "figures"):  # nothing of studies that are no longer among them
        shutil.rmtree(results / folder, ignore_errors=True)
        (results / folder).mkdir()
    for name, make in TABLES.items():
        if (studies or name in OF_NO_STUDY) and len(table := make(numbers)):
            _write_table(results / "tables" / name, table)
    with styled():
        for name, draw in FIGURES.items():
            if (studies or name in OF_NO_STUDY) and (figure := draw(numbers)) is not None:
                save(figure, results / "figures" / name)
    if not studies:
        return
    cases = judged(numbers)
    write_text(results / "claims.csv", table_of(cases).to_csv(index=False, float_format="%.6g"))
    write_text(results / "claims.md", page(cases, manifest))


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
        elif name == "setting":
            shown[name] = [short(each) for each in column]
        elif column.dtype.kind == "f":
            shown[name] = [plain(each) for each in column]
        else:
            shown[name] = column.astype(object).where(column.notna(), "").astype(str)
    return pd.DataFrame(shown)


def _write_table(path: Path, table: pd.DataFrame) -> None:
    shown = readable(table)
    texts = [table[name].dtype.kind in "OT" and f"{name}_low" not in table for name in shown]
    columns = "".join("l" if text else "r" for text in texts)
    write_text(path.with_suffix(".csv"), table.to_csv(index=False, float_format="%.6g"))
    write_text(path.with_suffix(".md"), markdown(shown))
    write_text(path.with_suffix(".tex"), latex(shown, columns, several_pages=len(shown) > LONG))
