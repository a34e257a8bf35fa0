"""Whether committed results are still what the code makes, and what other runs find."""

import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

from scripts.paper.numbers import KEYS, Numbers
from scripts.paper.record import FILE, changed, checksums, read_record
from scripts.paper.results import NUMBERS, draw_up

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
NEAR = 0.05  # points of a figure: what another processor may round in another way
OUTSIDE = 0.3  # share of numbers that may lie outside: those of one run go together
NAME = re.compile(r"\b[a-zA-Z][0-9a-f]{10}\b")  # matplotlib's, of shapes


def check(results: Path) -> list[str]:
    """Make tables, figures and claims again from the numbers, and compare.

    Args:
        results: the folder.

    Returns:
        What disagrees, a line each: files that are missing, changed or made otherwise by the code
        of today, and configurations that are no longer those that were run.

    Raises:
        FolderError: the manifest or the numbers are missing.
    """
    manifest = read_record(results)
    there = checksums(results)
    faults = [f"{name}: missing" for name in sorted(manifest["files"].keys() - there)]
    faults += [f"{name}: not in {FILE}" for name in sorted(there.keys() - manifest["files"])]
    faults += [
        f"{name}: changed since it was written"
        for name in sorted(there.keys() & manifest["files"])
        if there[name] != manifest["files"][name]
    ]
    faults += [f"configuration of {each}" for each in changed(manifest)]
    if not faults:
        faults = [f"{name}: the code makes another one" for name in _made_otherwise(results)]
    if faults:
        return [*faults, f"{len(faults)} faults; 'make tables' writes {results} anew."]
    print(f"{results}: {len(there)} files are what code and configurations make.")
    return []


def compare(results: Path, other: Path) -> list[str]:
    """Compare repetitions that both have, one for one.

    A number that is not the same must lie where the other repetitions of its setting foretell it
    (Student's prediction interval; r_Q, which has a heavy tail, by its logarithm).

    Args:
        results: the folder, with all repetitions of every setting.
        other: results of some of the same jobs, run again.

    Returns:
        A complaint for every study and every column of which too many numbers lie outside, or one
        if nothing is in both.

    Raises:
        FolderError: numbers are missing.
    """
    ours, theirs = (Numbers.read(each / NUMBERS).repetitions for each in (results, other))
    columns = [c for c in ours.columns.intersection(theirs.columns) if ours[c].dtype.kind == "f"]
    setting = [*KEYS, "quantizer"]
    known = {key: mine.set_index("repetition")[columns] for key, mine in ours.groupby(setting)}
    rows, alone = [], []
    for row in theirs.to_dict("records"):
        before = known.get(tuple(row[key] for key in setting))
        if before is None or row["repetition"] not in before.index:
            alone.append(row["study"])
            continue
        for column in columns:
            same, inside = _foretold(row[column], before[column], row["repetition"], column)
            rows.append((row["study"], column, same, inside))
    if not rows:
        return [f"{other} and {results} have no repetition in common."]
    table = pd.DataFrame(rows, columns=["study", "column", "same", "inside"])
    print(
        f"{len(table)} numbers of runs done again: {table['same'].sum()} the same, "
        f"{(~table['inside']).sum()} outside of what the other repetitions foretell."
    )
    if alone:
        print(f"In {other} alone, and not compared: {', '.join(sorted(set(alone)))}.")
    return [
        f"{other}: of {key} {name}, {1 - share:.0%} of the numbers lie outside."
        for key in ("study", "column")
        for name, share in table.groupby(key)["inside"].mean().items()
        if 1 - share > OUTSIDE
    ]


def _foretold(value: float, known: pd.Series, repetition: int, column: str) -> tuple[bool, bool]:
    """Whether a number is the same as before, and whether it is that or where it may be."""
    if np.isclose(value, known[repetition], rtol=1e-6, atol=0, equal_nan=True):
        return True, True
    scaled = np.log10 if column.startswith("r_q") else np.asarray
    rest = scaled(known.drop(repetition).to_numpy(float))
    if len(rest) < 2:
        return False, False
    reach = t.ppf(0.975, len(rest) - 1) * rest.std(ddof=1) * np.sqrt(1 + 1 / len(rest))
    return False, bool(abs(scaled(value) - rest.mean()) <= reach)


def _made_otherwise(results: Path) -> list[str]:
    """Names of files that come out differently from the same numbers."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copytree(results / NUMBERS, folder / NUMBERS)
        draw_up(folder, read_record(results))
        names = sorted(checksums(results).keys() | checksums(folder).keys())
        return [name for name in names if not _alike(results / name, folder / name)]


def _alike(one: Path, other: Path) -> bool:
    if not (one.exists() and other.exists()):
        return False
    if one.suffix == ".pdf":  # drawn by the same lines as the SVG
        return True
    if one.read_bytes() == other.read_bytes():
        return True
    return one.suffix == ".svg" and _drawn_alike(
        *(path.read_text(encoding="utf-8") for path in (one, other))
    )


def _drawn_alike(*texts: str) -> bool:
    """Whether two SVG differ in nothing but roundings, and the names that are made of these."""
    words = [re.findall(r">([^<>]+)</text>", text) for text in texts]
    named = [_numbered(text) for text in texts]
    if words[0] != words[1] or NUMBER.sub("", named[0]) != NUMBER.sub("", named[1]):
        return False
    first, second = (np.array([float(n) for n in NUMBER.findall(text)]) for text in named)
    return len(first) == len(second) and np.allclose(first, second, rtol=0, atol=NEAR)


def _numbered(svg: str) -> str:
    """An SVG whose shapes are named by their order, not by what they look like."""
    names: dict[str, str] = {}
    return NAME.sub(lambda found: names.setdefault(found[0], f"shape-{len(names)}"), svg)
