"""Whether committed results are still what the code makes, and what other runs find."""

import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
from scipy.stats import t

from scripts.paper.numbers import KEYS, Numbers
from scripts.paper.record import FILE, changed, checksums, read_record
from scripts.paper.results import NUMBERS, draw_up

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
NEAR = 0.05  # points of a figure: what another processor may round in another way
OUTSIDE = 0.2  # share of numbers that may lie outside of the 95 % that the repetitions foretell


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

    Args:
        results: the folder, with five repetitions of every setting.
        other: results of some of the same jobs, run again.

    Returns:
        A complaint if too many numbers lie outside of what the repetitions foretell for another
        one (Student's prediction interval), or nothing is in both.

    Raises:
        FolderError: numbers are missing.
    """
    key = [*KEYS, "repetition", "quantizer"]
    ours, theirs = (Numbers.read(each / NUMBERS).repetitions for each in (results, other))
    both = theirs.merge(ours, on=key, suffixes=("", "_ours"))
    if both.empty:
        return [f"{other} and {results} have no repetition in common."]
    same, outside, total = 0, 0, 0
    for column in ours.columns.intersection(theirs.columns).difference(key):
        if ours[column].dtype.kind != "f":
            continue
        scaled = np.log10 if column.startswith("r_q") else np.asarray  # r_Q has a heavy tail
        spread = ours.assign(x=scaled(ours[column])).groupby([*KEYS, "quantizer"])["x"]
        table = both.merge(spread.agg(["mean", "std", "count"]), on=[*KEYS, "quantizer"])
        equal = np.isclose(
            table[column], table[f"{column}_ours"], rtol=1e-6, atol=0, equal_nan=True
        )
        reach = t.ppf(0.975, table["count"] - 1) * table["std"] * np.sqrt(1 + 1 / table["count"])
        far = ~equal & ~(np.abs(scaled(table[column]) - table["mean"]) <= reach)
        same, outside, total = same + equal.sum(), outside + far.sum(), total + len(table)
    print(
        f"{total} numbers of {len(both[[*KEYS, 'repetition']].drop_duplicates())} repetitions run "
        f"again: {same} the same, {outside} outside of what the others foretell."
    )
    if outside > OUTSIDE * total:
        return [f"{other}: more than {OUTSIDE:.0%} of the numbers lie outside."]
    return []


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
    if one.suffix == ".pdf":  # of the same definition as the SVG
        return True
    if one.read_bytes() == other.read_bytes():
        return True
    if one.suffix != ".svg":
        return False
    texts = [path.read_text(encoding="utf-8") for path in (one, other)]
    if len({NUMBER.sub("", text) for text in texts}) > 1:
        return False
    first, second = (np.array([float(n) for n in NUMBER.findall(text)]) for text in texts)
    return bool(np.allclose(first, second, rtol=0, atol=NEAR))
