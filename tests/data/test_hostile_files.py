"""Files as users have them: each is read with every drop counted, or refused in one sentence."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pytest

from quantmia.data import Dataset
from quantmia.data.tabular import csv, npz
from quantmia.errors import DataError
from quantmia.progress import Progress

ROWS = [f"{row},{row % 7 + 0.5},{'ab'[row % 2]},{row * 0.1:.1f}" for row in range(12)]
GOOD = "id,x,kind,y\n" + "\n".join(ROWS) + "\n"
SMILES = ["C", "CC", "CCC", "CCCC", "CCO", "CCN", "CCCO", "CCCN"]
MOLECULES = "mol,y\n" + "".join(f"{text},{row}.5\n" for row, text in enumerate(SMILES))


class Carbons:
    identity = "carbons"
    batch_size = None

    def __call__(self, batches):
        for smiles in batches:
            # All of a molecule but its stereochemistry.
            flat = [each.replace("@", "") for each in smiles]
            ends = [(each, each[::-1]) for each in flat]
            yield np.array(
                [[len(each[0]), *(crc32(part.encode()) for part in each)] for each in ends],
                np.float32,
            )


def changed(line: int, text: str, content: str = GOOD) -> str:
    """The file with another line; the header is line 0."""
    lines = content.splitlines()
    lines[line] = text
    return "\n".join(lines) + "\n"


def read(path: Path, **arguments: Any) -> Dataset:
    if path.suffix in (".npz", ".npy"):
        return npz("mine", str(path), Progress(), **arguments)
    arguments = {"target": "y", "embedder": Carbons(), "cache": path.parent} | arguments
    if arguments.get("smiles") is None and "features" not in arguments:
        arguments.setdefault("identifier", "id")
    return csv("mine", str(path), progress=Progress(), **arguments)


MOL = {"smiles": "mol", "identifier": None}
READ: dict[str, tuple[str, str | bytes, dict, int, dict[int, str]]] = {
    "as it should be": ("a.csv", GOOD, {}, 12, {}),
    "byte order mark": ("a.csv", "\ufeff" + GOOD, {}, 12, {}),
    "Windows line ends": ("a.csv", GOOD.replace("\n", "\r\n"), {}, 12, {}),
    "old Macintosh line ends": ("a.csv", GOOD.replace("\n", "\r"), {}, 12, {}),
    "no line end at the end": ("a.csv", GOOD.rstrip("\n"), {}, 12, {}),
    "blank lines": ("a.csv", GOOD.replace("\n", "\n\n"), {}, 12, {}),
    "UTF-16 of a spreadsheet": ("a.csv", GOOD.encode("utf-16"), {}, 12, {}),
    "Latin-1, and said so": (
        "a.csv", changed(3, "2,1.5,ü,0.2").encode("latin-1"), {"encoding": "latin-1"}, 12, {}
    ),
    "tabs": ("a.tsv", GOOD.replace(",", "\t"), {}, 12, {}),
    "capital ending": ("A.CSV", GOOD, {}, 12, {}),
    "semicolons and decimal commas": (
        "a.csv", GOOD.replace(",", ";").replace(".", ","), {"separator": ";", "decimal": ","},
        12, {},
    ),
    "compressed": ("a.csv.gz", gzip.compress(GOOD.encode()), {}, 12, {}),
    "spaces around names and values": (
        "a.csv", GOOD.replace("id,x,kind,y", " id , x,kind ,y ").replace("a,", " a ,"), {}, 12, {}
    ),
    "quoted separators and line ends": ("a.csv", changed(2, '1,1.5,"b, or\nc",0.1'), {}, 12, {}),
    "an empty column at the end": ("a.csv", GOOD.replace("\n", ",\n"), {}, 12, {}),
    "row numbers of a data frame": (
        "a.csv", pd.DataFrame({"x": [1.5, 2, 3.5], "y": [1.5, 2.5, 3]}).to_csv(),
        {"identifier": None, "features": None}, 3, {},
    ),
    "UTF-32": ("a.csv", GOOD.encode("utf-32"), {}, 12, {}),
    "missing values": (
        "a.csv", changed(3, "2,,a,0.2", changed(5, "4,4.5, ,0.4", changed(7, "6,1.5,a,"))), {}, 9,
        {2: "missing x", 4: "missing kind", 6: "missing target"},
    ),
    "texts among numbers": (
        "a.csv", changed(3, "2,<5,a,0.2", changed(7, "6,1.5,a,high")), {}, 10,
        {2: "x is no number: <5", 6: "target is no number: high"},
    ),
    "infinite and huge numbers": (
        "a.csv", changed(3, "2,inf,a,0.2", changed(4, "3,1e300,b,.3", changed(7, "6,1.5,a,-inf"))),
        {}, 9,
        {2: "x is infinite or too large", 3: "x is infinite or too large", 6: "infinite target"},
    ),
    "rows that are there twice": (
        "a.csv", GOOD + "12,0.5,a,9\n13,1.5,b,0.1\n", {}, 12,
        {12: "same features as row 0", 13: "same features as row 1"},
    ),
    "rows that are there twice, kept": (
        "a.csv", GOOD + "12,0.5,a,9\n13,1.5,b,0.1\n", {"duplicates": "keep"}, 14, {}
    ),
    "unreadable and missing structures": (
        "a.csv", MOLECULES + "C(,1\n,2\nnot a molecule,3\n", MOL, 8,
        {8: "unreadable SMILES", 9: "unreadable SMILES", 10: "unreadable SMILES"},
    ),
    "a molecule drawn twice": (
        "a.csv", MOLECULES + "OCC,1\nC(C)O,7\n", MOL, 8,
        {8: "same molecule as row 4", 9: "same molecule as row 4"},
    ),
    "salts": ("a.csv", MOLECULES + "CCCCO.Cl,1\n", MOL, 8, {8: "salt or mixture"}),
    "salts, kept": ("a.csv", MOLECULES + "CCCCO.Cl,1\n", MOL | {"mixtures": "keep"}, 9, {}),
    "salts of a molecule that is there": (
        "a.csv", MOLECULES + "CCO.Cl,1\nCl.CCCCN,2\n", MOL | {"mixtures": "largest"}, 9,
        {8: "same molecule as row 4"},
    ),
    "structures that are numbers": (
        "a.csv", MOLECULES + "123,1\n", MOL, 8, {8: "unreadable SMILES"}
    ),
    "numbers that are labels": (
        "a.csv", "x,y\n" + "".join(f"{row}.5,{row % 3}\n" for row in range(12)),
        {"identifier": None}, 12, {},
    ),
    "semicolons": ("a.csv", GOOD.replace(",", ";"), {}, 12, {}),
    "tabs in a .csv": ("a.csv", GOOD.replace(",", "\t"), {}, 12, {}),
    "an identifier among the features": (
        "a.csv", "code,x,y\n" + "".join(f"QM{r},{r}.5,{r}.1\n" for r in range(60)),
        {"identifier": None}, 60, {},
    ),
    "enantiomers": (
        "a.csv", MOLECULES + "C[C@H](N)F,1\nC[C@@H](N)F,2\n", MOL, 9,
        {9: "same features as row 8"},
    ),
    "enantiomers, kept": (
        "a.csv", MOLECULES + "C[C@H](N)F,1\nC[C@@H](N)F,2\n", MOL | {"duplicates": "keep"}, 10, {},
    ),
    "truth values": (
        "a.csv", "x,b,y\n" + "".join(f"{row}.5,{row > 3},{row % 2 > 0}\n" for row in range(12)),
        {"identifier": None}, 12, {},
    ),
}  # fmt: skip
REFUSED: dict[str, tuple[str, str | bytes, dict, str]] = {
    "empty": ("a.csv", "", {}, "is empty"),
    "blank": ("a.csv", "\n\n \n", {}, "a.csv: .*(empty|no rows)"),
    "a header alone": ("a.csv", "id,x,kind,y\n", {}, "header and no rows"),
    "binary": ("a.csv", bytes(range(128, 256)) * 9, {}, "is not utf-8.*dataset.encoding=latin-1"),
    "Latin-1": ("a.csv", changed(3, "2,1,ü,0").encode("latin-1"), {}, "dataset.encoding=latin-1"),
    "an encoding that is none": ("a.csv", GOOD, {"encoding": "utf-9"}, "dataset.encoding=utf-9"),
    "NUL bytes": ("a.csv", changed(3, "2,1.5,\0,0.2"), {}, "NUL bytes"),
    "Parquet by the name of CSV": ("a.csv", b"PAR1\xff\xfe", {}, "is it a .parquet file"),
    "an archive by the name of CSV": (
        "a.csv", gzip.compress(GOOD.encode()), {}, "is it a .gz file",
    ),
    "a decimal mark that is a word": ("a.csv", GOOD, {"decimal": "comma"}, "decimal=comma"),
    "a quote that never ends": ("a.csv", changed(3, '2,"1.5,a,0.2'), {}, "separator.*quoted"),
    "rows that are too long": ("a.csv", changed(3, "2,1.5,a,b,0.2"), {}, "same columns.*separator"),
    "all rows longer than the header": ("a.csv", GOOD.replace("id,", "", 1), {}, "same columns"),
    "a name twice": ("a.csv", GOOD.replace("kind", "x", 1), {}, "column 'x' is there twice"),
    "another ending": ("a.dat", "x y\n1 2\n", {}, "ends in none of .csv.*dataset.separator"),
    "a word as separator": ("a.csv", GOOD, {"separator": "bar"}, "separator=bar: .*semicolon"),
    "no Excel file": ("a.xlsx", GOOD, {}, "a.xlsx: cannot be read"),
    "a damaged archive": ("a.csv.gz", gzip.compress(GOOD.encode())[:-9], {}, "file whole"),
    "no archive": ("a.csv.gz", GOOD, {}, "Not a gzipped file"),
    "Parquet that is none": ("a.parquet", GOOD, {}, "a.parquet: cannot be read"),
    "another target": ("a.csv", GOOD, {"target": "Y"}, r"dataset.target=Y: .*id, x, kind, y"),
    "another feature": ("a.csv", GOOD, {"features": ["xx"]}, "dataset.features=xx.*did you mean x"),
    "another structure": ("a.csv", GOOD, {"smiles": "SMILES"}, "smiles=SMILES: there is no"),
    "both": ("a.csv", GOOD, {"smiles": "kind", "features": ["x"]}, "choose one"),
    "no target at all": ("a.csv", "x,y\n1,\n2,\n", {"identifier": None}, "missing target: 2"),
    "a constant target": ("a.csv", "x,y\n1,2\n2,2\n3,2\n", {"identifier": None}, "single class"),
    "a constant number": ("a.csv", "x,y\n1,.5\n2,.5\n", {"identifier": None}, "target is constant"),
    "dates as a target": (
        "a.csv", "x,y\n" + "".join(f"{r},2024-0{r // 28 + 1}-{r % 28 + 1:02}\n" for r in range(80)),
        {"identifier": None}, "y: the column holds dates or times, such as '2024-01-01'",
    ),
    "five labels for two classes": (
        "a.csv", "x,y\n" + "".join(f"{r}.5,l{r % 5}\n" for r in range(20)),
        {"identifier": None, "task": "binary"}, "5 labels.*dataset.task=multiclass",
    ),
    "a label that is not there": (
        "a.csv", "x,y\n1,yes\n2,no\n3,yes\n", {"identifier": None, "positive": "ja"},
        "dataset.positive=ja.*no, yes",
    ),
    "a text in every row, chosen": (
        "a.csv", "code,x,y\n" + "".join(f"QM{r},{r}.5,{r}.1\n" for r in range(60)),
        {"identifier": None, "features": ["code", "x"]}, "'code' has a text of its own in every",
    ),
    "many texts": (
        "a.csv", "code,x,y\n" + "".join(f"QM{r // 2},{r}.5,{r}.1\n" for r in range(120)),
        {"identifier": None}, "'code' holds 60 different texts.*dataset.categorical=.code",
    ),
    "decimal commas": (
        "a.csv", "x;y\n" + "".join(f"{r},5;{r}.1\n" for r in range(60)),
        {"identifier": None, "separator": ";"}, "before decimals.*'dataset.decimal=\",\"'",
    ),
    "a column chosen that is empty": (
        "a.csv", GOOD.replace("\n", ",\n").replace("y,", "y,z", 1), {"features": ["x", "z"]},
        "'z' is empty",
    ),
    "a category that is no feature": (
        "a.csv", GOOD, {"features": ["x"], "categorical": ["kind"]}, "categorical=kind: is not",
    ),
    "the target alone": ("a.csv", "y\n1\n2\n3\n", {"identifier": None}, "no columns but"),
    "structures alone that cannot be read": (
        "a.csv", "mol,y\nq,1\nz,2\n", MOL, "none of 2 rows can be used .unreadable SMILES: 2",
    ),
}  # fmt: skip


def test_there_are_thirty_of_them():
    assert len(READ) + len(REFUSED) + len(ARRAYS) >= 30


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("case", READ)
def test_what_can_be_read_is_read_and_drops_are_counted(case, tmp_path):
    name, content, arguments, size, dropped = READ[case]
    data = read(written(tmp_path, name, content), **arguments)
    assert {each.row: each.reason for each in data.dropped} == dropped
    assert data.size == size


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_message(case, tmp_path):
    name, content, arguments, words = REFUSED[case]
    with pytest.raises(DataError, match=words) as caught:
        read(written(tmp_path, name, content), **arguments)
    assert len(str(caught.value).splitlines()) == 1


def test_files_that_are_not_there(tmp_path):
    written(tmp_path, "measured.csv", GOOD)
    with pytest.raises(DataError, match=r"does not exist; did you mean measured.csv\?"):
        read(tmp_path / "mesured.csv")
    with pytest.raises(DataError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / "nowhere" / "a.csv")
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / "arrays.npz")


def save(**arrays: Any) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **arrays)


X, Y = np.random.default_rng(0).normal(size=(10, 3)), np.arange(10) + 0.5
ARRAYS: dict[str, tuple[str, Callable[[Path], Any], dict, str]] = {
    "another name": ("a.npz", save(features=X, y=Y), {}, "no array X .there are features, y"),
    "unequal lengths": ("a.npz", save(X=X, y=Y[:9]), {}, r"X has shape \[10, 3\].*y \[9\]"),
    "a vector of features": ("a.npz", save(X=X[:, 0], y=Y), {}, r"X has shape \[10\]"),
    "texts as features": ("a.npz", save(X=X.astype(str), y=Y), {}, "wanted are numbers"),
    "pickles": ("a.npz", save(X=X, y=np.array([{}] * 10)), {}, "without pickles"),
    "one array": ("a.npy", lambda path: np.save(path, X), {}, "holds one array"),
    "no archive": ("a.npz", lambda path: path.write_text(GOOD), {}, "cannot be read as arrays"),
    "cut short": (
        "a.npz",
        lambda path: (np.savez(path, X=X, y=Y), path.write_bytes(path.read_bytes()[:-40])),
        {},
        "cannot be read as arrays",
    ),
    "nothing but NaN": ("a.npz", save(X=X * np.nan, y=Y), {}, "missing or infinite feature: 10"),
    "one array as both": (
        "a.npz",
        save(X=Y[:, None], y=Y),
        {"target": "X"},
        "the target 'X' is among them",
    ),
    "complex numbers": ("a.npz", save(X=X * 1j, y=Y), {}, "wanted are numbers"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_cannot_be_used_are_refused_in_one_message(case, tmp_path):
    name, write, arguments, words = ARRAYS[case]
    write(tmp_path / name)
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path / name, **arguments)
    assert len(str(caught.value).splitlines()) == 1


def test_arrays_with_gaps_and_repetitions(tmp_path):
    x, y = np.vstack([X, X[:1]]), np.append(Y, 3)
    x[2, 1], x[3, 0], y[4] = np.nan, 1e300, np.nan
    np.savez(tmp_path / "a.npz", X=x, y=y, names=[f"n{row}" for row in range(11)])
    data = read(tmp_path / "a.npz", identifier="names")
    assert {(each.row, each.identifier): each.reason for each in data.dropped} == {
        (2, "n2"): "missing or infinite feature",
        (3, "n3"): "missing or infinite feature",
        (4, "n4"): "missing target",
        (10, "n10"): "same features as row 0",
    }
    assert data.identifiers == ("n0", "n1", "n5", "n6", "n7", "n8", "n9")


def test_parquet_with_types_of_its_own(tmp_path):
    table = pd.DataFrame(
        {
            "x": pd.array([1, 2, None, 4, 5, 6], "Int64"),
            "kind": pd.Categorical(["a", "b", "a", None, "b", "a"]),
            "y": [0.5, 1.5, 2.5, 3.5, 4.5, 5.5],
        }
    )
    table.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    plain, packed = (read(tmp_path / f"a.parquet{end}", identifier=None) for end in ("", ".gz"))
    assert {each.row: each.reason for each in plain.dropped} == {2: "missing x", 3: "missing kind"}
    assert plain.fingerprint == packed.fingerprint
    np.testing.assert_array_equal(plain.features[:2], [[1, 1, 0], [2, 0, 1]])
