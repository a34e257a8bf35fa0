"""What real files hold in place of plain numbers, names and rows: read rightly, or refused."""

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from quantmia.data import Dataset
from quantmia.data.tabular import csv, npz
from quantmia.errors import DataError, as_override
from quantmia.progress import Progress
from tests.configurations import composed


class Said(Progress):
    def __init__(self):
        super().__init__()
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


def read(path: Path, text: str, **given: Any) -> tuple[Dataset, str]:
    """A file by that content, and what was said of it."""
    path = path / given.pop("file", "a.csv")
    path.write_text(text, encoding="utf-8")
    said = Said()
    arguments: dict[str, Any] = {"target": "y"} | given
    return csv("a", str(path), cache=path.parent, progress=said, **arguments), "\n".join(said.lines)


ROWS = 24


def table(x: list[str] | None = None, y: list[str] | None = None) -> str:
    """Two columns, one of them as it should be."""
    plain = [str(row * 37 % 101) for row in range(ROWS)]
    columns = zip(cycled(x) or plain, cycled(y) or plain, strict=True)
    return "x;y\n" + "".join(f'"{a}";"{b}"\n' for a, b in columns)


def cycled(values: list[str] | None) -> list[str]:
    return [values[row % len(values)] for row in range(ROWS)] if values else []


DECIMAL = "before decimals", "dataset.decimal", ","
OTHERWISE = {
    "decimal commas": (["0,5", "1,25", "3,0"], *DECIMAL),
    "decimal commas without a zero": ([",5", "1,2", "-,75"], *DECIMAL),
    "some decimal commas": (["5", "7", "1,25"], *DECIMAL),
    "decimal commas of three digits": (["0,125", "0,250", "12,5"], *DECIMAL),
    "thousands": (["1,432", "980", "12,001"], "thousands", "dataset.thousands", ","),
    "thousands and decimals": (["1,432.5", "2,001.25"], "thousands", "dataset.thousands", ","),
    "Swiss thousands": (["1'432", "980", "12'001.5"], "thousands", "dataset.thousands", "'"),
    "French thousands": (["1 432", "980", "12 001"], "thousands", "dataset.thousands", " "),
    "millions": (["1,432,000", "2,980,123"], "thousands", "dataset.thousands", ","),
    "units": (["5 nM", "3.5 nM", "120 nM"], "a unit", "", ""),
    "units without a blank": (["5mg/mL", "3mg/mL", "0.4mg/mL"], "a unit", "", ""),
    "percent": (["5%", "3.5 %", "80%"], "a unit", "", ""),
    "degrees": (["25 °C", "37 °C", "-4 °C"], "a unit", "", ""),
    "errors": (["3 ± 0.1", "2.5 ± 0.3", "7 ± 1"], "an error", "", ""),
    "errors of ASCII": (["3 +/- 0.1", "2.5+-0.3", "7 +/- 1"], "an error", "", ""),
    "errors in brackets": (["3.1(2)", "2.5 (3)", "7(1)"], "an error", "", ""),
    "ranges": (["1-2", "3-5.5", "10 - 12"], "ranges", "", ""),
    "ranges of words": (["1 to 2", "3 to 5.5", "10 to 12"], "ranges", "", ""),
    "dollars": (["$1,432", "$980", "$12"], "a currency", "", ""),
    "euros": (["1.432,50 €", "980 €", "12,00 €"], "a currency", "", ""),
    "pounds": (["£5", "£7.50", "£0.99"], "a currency", "", ""),
    "censored": ([">10", ">10", "<0.1"], "censored", "", ""),
    "censored with units": ([">10 µM", "≥ 5 µM", "<0.1 µM"], "censored", "", ""),
    "about": (["~10", "~5.5", "~0.1"], "censored", "", ""),
}  # fmt: skip


@pytest.mark.parametrize("where", ["x", "y"])
@pytest.mark.parametrize("name", OTHERWISE)
def test_numbers_written_otherwise_are_refused_with_the_setting_that_reads_them(
    name, where, tmp_path
):
    values, what, key, mark = OTHERWISE[name]
    text = table(x=values) if where == "x" else table(y=values)
    with pytest.raises(DataError) as refused:
        read(tmp_path, text)
    message = str(refused.value)
    assert what in message
    assert values[0] in message or values[-1] in message
    assert f"'{where}'" in message or f"={where}:" in message
    if not key:
        assert "dataset.decimal" not in message
        return
    advice = as_override(key, mark)
    assert f"set {advice}" in message
    data, _ = read(tmp_path, text, task="regression", **pasted(advice))
    numbers = data.target if where == "y" else data.features[:, 0]
    assert not data.dropped or all("same features" in each.reason for each in data.dropped)
    expected = {_number(value, key, mark) for value in values}
    assert set(np.round(numbers.astype(float), 4)) <= {round(each, 4) for each in expected}


def pasted(advice: str) -> dict[str, Any]:
    """The setting of the data that a shell and Hydra make of an advice."""
    (override,) = shlex.split(advice)
    config = composed("dataset=csv", "dataset.path=a.csv", "dataset.target=y", override)
    key = override.removeprefix("dataset.").partition("=")[0]
    return {key: config.dataset[key]}


def _number(value: str, key: str, mark: str) -> float:
    return float(value.replace(mark, "." if key == "dataset.decimal" else ""))


@pytest.mark.parametrize(
    ("values", "decimal", "thousands"),
    [
        (["1.432,5", "980", "0,25"], ",", "."),
        (["1.432", "12.001", "980"], ",", "."),
        (["1 432,5", "980,1", "12 001"], ",", " "),
    ],
)
def test_points_are_no_decimals_where_commas_are(values, decimal, thousands, tmp_path):
    text = table(x=values, y=["0,5", "1,5", "2,25", "7"])
    with pytest.raises(DataError, match=r"thousands grouped by") as refused:
        read(tmp_path, text, decimal=decimal)
    assert as_override("dataset.thousands", thousands) in str(refused.value)
    data, _ = read(tmp_path, text, decimal=decimal, thousands=thousands)
    expected = {float(v.replace(thousands, "").replace(",", ".")) for v in values}
    assert set(data.features[:, 0].astype(float)) == {np.float32(each) for each in expected}


@pytest.mark.parametrize(
    ("decimal", "thousands", "words"),
    [(".", ".", "is dataset.decimal too"), (".", "''", "one mark"), ("1", None, "one mark")],
)
def test_marks_that_cannot_be(decimal, thousands, words, tmp_path):
    with pytest.raises(DataError, match=words):
        read(tmp_path, table(), decimal=decimal, thousands=thousands)


DATES = {
    "ISO": ["2024-01-31", "2024-02-01", "2023-12-24"],
    "with a time": ["2024-01-31T12:00:00", "2024-02-01 08:30", "2024-02-01 08:30:11.5"],
    "American": ["1/31/2024", "12/24/23", "2/1/2024"],
    "German": ["31.1.2024", "24.12.2023", "01.02.2024"],
    "words": ["31 Jan 2024", "24-Dec-2023", "February 1, 2024"],
    "times": ["12:30", "08:15:30", "9:00 pm"],
}


@pytest.mark.parametrize("name", DATES)
def test_dates_are_left_out_or_refused(name, tmp_path):
    values = DATES[name]
    plain = [f"{row};{row * 0.7 % 1:.2f};{values[row % 3]}\n" for row in (3, 1, 7, 5, 9, 2, 11, 30)]
    data, said = read(tmp_path, "x;y;when\n" + "".join(plain))
    assert data.features.shape == (8, 1)
    assert "the column 'when' holds dates or times" in said
    assert "left out" in said
    with pytest.raises(DataError, match=r"'when' holds dates or times.*leave it out"):
        read(tmp_path, "x;y;when\n" + "".join(plain), features=["x", "when"])
    with pytest.raises(DataError, match=r"dataset.target=when: the column holds dates or times"):
        read(tmp_path, "x;y;when\n" + "".join(plain), target="when")


def test_timestamps_of_parquet_are_dates(tmp_path):
    pytest.importorskip("pyarrow")
    when = pd.date_range("2024-01-01", periods=12, freq="h")
    frame = pd.DataFrame({"x": np.arange(12)[::-1] * 1.5, "when": when, "y": np.arange(12) % 5 / 7})
    frame.to_parquet(tmp_path / "a.parquet")
    said = Said()
    data = csv("a", str(tmp_path / "a.parquet"), "y", tmp_path, said)
    assert data.features.shape == (12, 1)
    assert "'when' holds dates or times" in "\n".join(said.lines)


@pytest.mark.parametrize("name", ["id", "index", "Unnamed: 0.1", "entry"])
@pytest.mark.parametrize("start", [0, 1, 1000])
def test_a_number_of_the_row_is_no_feature_and_hides_no_duplicate(name, start, tmp_path):
    rows = [(0.5 + row % 11, row * 0.31 % 1) for row in range(14)]
    text = f"{name};x;y\n" + "".join(f"{n};{x};{y:.2f}\n" for n, (x, y) in enumerate(rows, start))
    data, said = read(tmp_path, text)
    assert data.features.shape == (11, 1)
    assert [each.reason for each in data.dropped] == [f"same features as row {n}" for n in range(3)]
    assert (
        f"the column '{name}' numbers the rows ({as_override('dataset.identifier', name)})" in said
    )
    data, said = read(tmp_path, text, features=[name, "x"])
    assert data.features.shape == (11, 2)  # as it was asked for, and compared without it
    assert "rows are compared without it" in said
    data, _ = read(tmp_path, text, identifier=name)
    assert data.identifiers[0] == str(start)


GAPPED = {
    "rows were left out": ("index", [r + r // 5 for r in range(24)]),
    "tens": ("nr", [10 * r for r in range(24)]),
    "started anew": ("id", [r % 12 for r in range(24)]),
    "in any order": ("compound_id", [(r * 7919) % 99991 for r in range(24)]),
    "long": ("key", [1234567890123456789 + r for r in range(24)]),
    "a name that ends so": ("sampleID", [5 * r + 3 for r in range(24)]),
    "no name but order": ("n", [r * r + 1 for r in range(24)]),
    "a blank": ("cid", ["" if r == 7 else 3 * r for r in range(24)]),
    "a total": ("entry", ["total" if r == 23 else 3 * r for r in range(24)]),
}


@pytest.mark.parametrize("name", GAPPED)
def test_numbers_of_rows_may_have_gaps(name, tmp_path):
    column, numbers = GAPPED[name]
    x = [f"{r * 37 % 101}.5" for r in range(24)]
    x[20] = x[3]
    text = f"{column},x,y\n" + "".join(
        f"{number},{x[r]},{r * 0.3:.2f}\n" for r, number in enumerate(numbers)
    )
    data, said = read(tmp_path, text)
    assert f"the column '{column}' numbers the rows" in said
    assert f"dataset.identifier={column}" in said
    assert data.features.shape == (23, 1)
    assert [each.reason for each in data.dropped] == ["same features as row 3"]


def test_numbers_that_differ_in_every_row_stay_and_are_told(tmp_path):
    text = "mass,x,y\n" + "".join(
        f"{(r * 7919) % 99991},{r % 5}.5,{r * 0.3:.2f}\n" for r in range(24)
    )
    data, said = read(tmp_path, text)
    assert data.features.shape == (24, 2)
    assert "the column 'mass' has another whole number in every row" in said
    assert "dataset.identifier=mass" in said


@pytest.mark.parametrize("name", ["age", "rows", "grid", "period", "idea", "no"])
def test_names_that_only_look_like_numbers_of_rows(name, tmp_path):
    text = f"{name},y\n" + "".join(f"{r * 5 % 9},{r * 0.3:.2f}\n" for r in range(24))
    data, said = read(tmp_path, text, duplicates="keep")
    assert data.features.shape == (24, 1)
    assert "numbers the rows" not in said


@pytest.mark.parametrize(
    "values",
    [
        ["5 months", "3 months", "12 months", "6 months"],
        ["10+", "65+", "18+", "3+"],
        ["1.5x10^-5", "2x10^-7", "3x10^-6", "1.1x10^-5"],
        ["USD 5", "USD 7.5", "CHF 12.50", "EUR 3"],
        ["less than 5", "more than 7", "less than 3", "about 9"],
        ["pH 7.4", "pH 6", "pH 5.5", "pH 8"],
        ["120/80", "130/85", "110/70", "140/90"],
        ["1 nM - 5 nM", "2 nM - 7 nM", "3 nM - 9 nM", "1 nM - 2 nM"],
        ["5 nM", ">10", "3 ± 0.1", "7"],
        ["80 rpm", "4 GB", "150 lbs", "36 hours"],
        ["5.1 [4.2, 6.0]", "4.4 [3.9, 5.0]", "7.7 [7, 8]", "6 [5, 7]"],
        [f"{m} 20{y}" for m in ("Jan", "Feb", "Mar") for y in range(10, 14)],
        [f"Q{q} 20{y}" for q in (1, 2) for y in range(10, 16)],
    ],
)
@pytest.mark.parametrize("where", ["x", "y"])
def test_texts_about_numbers_are_no_categories(values, where, tmp_path):
    values = (values * 6)[:24]
    columns = {"x": values, "y": values} | {
        ("y" if where == "x" else "x"): [f"{r * 37 % 101}.5" for r in range(24)]
    }
    text = "x;y\n" + "".join(f"{a};{b}\n" for a, b in zip(*columns.values(), strict=True))
    with pytest.raises(
        DataError, match=rf"'?{where}'?: the column|the column '{where}'"
    ) as refused:
        read(tmp_path, text)
    advice = "dataset.task=multiclass" if where == "y" else "dataset.categorical=[x]"
    assert advice in str(refused.value)


@pytest.mark.parametrize(
    "values", [["phase 1", "phase 2", "phase 3"], ["1st", "2nd", "3rd"], ["2a", "2b", "IIIc"]]
)
def test_a_few_texts_with_a_number_may_be_categories(values, tmp_path):
    text = "x;y\n" + "".join(f"{values[r % 3]};{r * 0.3:.2f}\n" for r in range(24))
    data, _ = read(tmp_path, text, duplicates="keep")
    assert data.features.shape == (24, 3)


def test_a_text_of_its_own_in_nearly_every_row_is_no_feature_and_no_target(tmp_path):
    names = [f"CMP{max(r, 1):04d}" for r in range(30)]
    text = "name,x,y\n" + "".join(f"{n},{r}.5,{r * 0.3:.2f}\n" for r, n in enumerate(names))
    data, said = read(tmp_path, text)
    assert data.features.shape == (30, 1)
    assert "'name' has a text of its own in nearly every row" in said
    with pytest.raises(DataError, match="29 different texts in 30 rows"):
        read(tmp_path, text, target="name")


def test_the_number_of_the_row_may_be_the_only_feature(tmp_path):
    text = "id;y\n" + "".join(f"{row};{row * 0.31 % 1:.2f}\n" for row in range(14))
    data, _ = read(tmp_path, text, features="id")
    assert data.features.shape == (14, 1)


@pytest.mark.parametrize("minus", ["-", "\u2212"])
def test_a_minus_is_one_as_typesetters_write_it_too(minus, tmp_path):
    data, _ = read(tmp_path, table(x=[f"{minus}0.5", "1.5", f"{minus}2e1", "4"]), duplicates="keep")
    assert set(data.features[:, 0].tolist()) == {-0.5, 1.5, -20.0, 4.0}


@pytest.mark.parametrize("values", [["S1", "S2"], ["a@x.org", "b@x.org"], ["anna", "berta"]])
def test_a_text_of_its_own_in_every_row_is_left_out(values, tmp_path):
    rows = [f"{values[0]}{row};{row * 1.7 % 3:.2f};{row * 0.3 % 1:.2f}\n" for row in range(20)]
    data, said = read(tmp_path, "who;x;y\n" + "".join(rows))
    assert data.features.shape == (20, 1)
    assert "the column 'who' has a text of its own in every row" in said


def test_a_category_may_be_anything_that_is_named_so(tmp_path):
    text = table(x=["5 nM", "7 nM", "1-2"], y=["0.5", "0.7", "1.9", "2.5"])
    data, _ = read(tmp_path, text, categorical=["x"], duplicates="keep")
    assert data.features.shape == (24, 3)


@pytest.mark.parametrize(
    ("name", "target", "features"),
    [
        ("y", "y", ["x", "y"]),
        ("y", "y", "y"),
        ("1", 1, [1, "x"]),
        ("true", True, ["x", "true"]),
        ("IC50 (nM)", "IC50 (nM)", ["IC50 (nM)", "x"]),
    ],
)
def test_the_target_is_no_feature(name, target, features, tmp_path):
    text = f"x,{name}\n" + "".join(f"{r}.5,{r * 0.3:.2f}\n" for r in range(12))
    with pytest.raises(DataError, match=re.escape(f"the target '{name}' is among them")):
        read(tmp_path, text, target=target, features=features)


def test_a_text_is_one_name(tmp_path):
    text = "x;z;xz;y\n" + "".join(f"{r}.5;{r % 3};{r % 5}.5;{r * 0.3:.2f}\n" for r in range(12))
    data, _ = read(tmp_path, text, features="xz", duplicates="keep")
    np.testing.assert_allclose(data.features[:, 0], [r % 5 + 0.5 for r in range(12)])


@pytest.mark.parametrize(
    ("names", "arguments"),
    [
        (("1", "0", "2"), {"target": 1, "features": [0, 2]}),
        (("0.5", "7", "id"), {"target": 0.5, "features": 7, "identifier": "id"}),
        (("true", "7", "false"), {"target": True, "features": [7, False]}),
        (("True", "x", "y"), {"target": True}),
    ],
)
def test_columns_may_be_called_like_numbers_and_truth_values(names, arguments, tmp_path):
    text = ",".join(names) + "\n"
    text += "".join(f"{r * 0.3:.1f},{r}.5,{r * 7 % 4}.25\n" for r in range(12))
    data, _ = read(tmp_path, text, **arguments)
    np.testing.assert_allclose(data.target, [round(r * 0.3, 1) for r in range(12)], rtol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        [1_700_000_001 + r for r in (5, 1, 9, 3, 7, 22, 40, 11, 90, 4)],
        [1e9 + r / 8 for r in range(10)],
        [-(2**40) - r * 3 for r in (5, 1, 9, 3, 7, 22, 40, 11, 90, 4)],
    ],
)
def test_numbers_that_32_bits_would_make_equal_are_centred(values, tmp_path):
    text = "x;y\n" + "".join(f"{x!r};{r * 0.31 % 1:.2f}\n" for r, x in enumerate(values))
    data, said = read(tmp_path, text)
    assert not data.dropped
    np.testing.assert_allclose(np.diff(data.features[:, 0]), np.diff(np.array(values, float)))
    assert "the column 'x' is centred" in said
    flipped = "y;x\n" + "".join(f"{x!r};{r * 0.31 % 1:.2f}\n" for r, x in enumerate(values))
    data, said = read(tmp_path, flipped, task="regression")
    np.testing.assert_allclose(np.diff(data.target), np.diff(np.array(values, float)))
    assert "target y is centred" in said


SEPARATED = {
    "semicolons by the name of commas": ("a;b;value, nM\n", "{0};{1};{2}\n", "value, nM", "';'"),
    "tabs": ("a\tb\tc\n", "{0}\t{1}\t{2}\n", "c", "tab"),
    "pipes": ("a|b|c, d\n", "{0}|{1}|{2}\n", "c, d", "'|'"),
    "Excel says it": ("sep=;\na;b;c\n", "{0};{1};{2}\n", "c", "sep=;"),
    "quoted commas": ('a;b;"c, d, e, f"\n', '{0};{1};{2}\n', "c, d, e, f", "';'"),
}  # fmt: skip


@pytest.mark.parametrize("name", SEPARATED)
def test_a_separator_other_than_the_name_says_is_found_and_told(name, tmp_path):
    head, line, target, told = SEPARATED[name]
    text = head + "".join(line.format(r * 7 % 5 + 0.5, r * 3 % 7 + 0.25, r * 0.3) for r in range(9))
    data, said = read(tmp_path, text, target=target)
    assert data.features.shape[1] == 2
    assert told in said


def test_european_files_say_which_setting_reads_their_decimals(tmp_path):
    text = "a;b;c\n" + "".join(
        f"{r},5;{r * 3 % 7},25;{r * 0.3:.1f}\n".replace(".", ",") for r in range(9)
    )
    with pytest.raises(DataError, match="before decimals") as refused:
        read(tmp_path, text, target="c")
    assert as_override("dataset.decimal", ",") in str(refused.value)
    data, said = read(tmp_path, text, target="c", decimal=",")
    assert data.features.tolist()[:2] == [[0.5, 0.25], [1.5, 3.25]]
    assert "separated by ';'" in said


@pytest.mark.parametrize("word", ["tab", "\\t", "\t"])
def test_separators_have_names(word, tmp_path):
    text = "a,b\ty\n" + "".join(f"{r}.5\t{r * 0.3:.2f}\n" for r in range(9))
    data, _ = read(tmp_path, text, separator=word)
    assert data.features.shape == (9, 1)


def test_files_without_a_header_and_with_lines_before_it(tmp_path):
    rows = "".join(f"{r * 7 % 5}.5,{r * 0.3:.2f}\n" for r in range(9))
    with pytest.raises(DataError, match=r"dataset.header=false"):
        read(tmp_path, rows)
    with pytest.raises(DataError, match=r"there twice.*dataset.header=false"):
        read(tmp_path, "1,1\n" + rows)
    data, _ = read(tmp_path, rows, header=False, target="column 2", duplicates="keep")
    assert data.size == 9
    data, _ = read(
        tmp_path, "made by us\n\n#x,y\nx,y\n" + rows, skip=2, comment="#", duplicates="keep"
    )
    assert data.size == 9


def test_markers_of_what_is_missing(tmp_path):
    rows = "".join(f"{r}.5,{'None' if r % 2 else 'some'}\n" for r in range(8))
    with pytest.raises(DataError, match="a single class"):
        read(tmp_path, "x,y\n" + rows)
    data, _ = read(tmp_path, "x,y\n" + rows, missing=[""])
    assert data.classes == 2
    rows = "".join(f"{'-' if r % 4 == 0 else r},{r * 0.3:.1f}\n" for r in (3, 4, 1, 9, 8, 5))
    data, _ = read(tmp_path, "x,y\n" + rows, missing=["-", ""])
    assert {each.reason for each in data.dropped} == {"missing x"}


@pytest.mark.parametrize("words", [("None",), ("NA",), ("null", "n/a")])
def test_labels_that_are_read_as_missing_are_told_with_the_setting_that_keeps_them(tmp_path, words):
    labels = ["high", "low", *words]
    text = "x,y\n" + "".join(f"{r}.5,{labels[r % len(labels)]}\n" for r in range(12))
    _, said = read(tmp_path, text)
    advice = as_override("dataset.missing", [])
    assert "column 'y'" in said
    assert advice in said
    assert all(f"'{word}' ({12 // len(labels)})" in said for word in words)
    data, said = read(tmp_path, text, **pasted(advice))
    assert data.classes == len(labels)
    assert "read as missing" not in said


@pytest.mark.parametrize(
    "values",
    [
        [0] + [1_700_000_000 + 3 * r * r for r in range(1, 30)],
        [-120.0] + [52.5 + 1e-7 * r for r in range(1, 30)],
        [1_700_000_000 + 60 * (r * 7 % 30) for r in range(30)],
    ],
)
def test_one_far_value_makes_the_others_not_equal(values, tmp_path):
    order = np.random.default_rng(0).permutation(30)
    text = "x,y\n" + "".join(f"{values[n]!r},{r * 0.3:.2f}\n" for r, n in enumerate(order))
    data, said = read(tmp_path, text)
    assert len(np.unique(data.features)) == 30
    assert "'x' is centred" in said


def test_what_32_bits_cannot_hold_is_said(tmp_path):
    text = "x,z,y\n" + "".join(f"{r}e-50,{r % 7}.5,{r * 0.3:.2f}\n" for r in range(30))
    _, said = read(tmp_path, text, duplicates="keep")
    assert "'x' holds 30 different numbers, 29 of which 32-bit floats make equal" in said
    assert "scale them up" in said


def test_arrays_are_centred_too(tmp_path):
    x = np.column_stack([1_700_000_001 + 3 * np.arange(30), np.arange(30) % 7])
    np.savez(tmp_path / "a.npz", X=x, y=np.arange(30) * 0.3)
    said = Said()
    data = npz("a", str(tmp_path / "a.npz"), said)
    assert data.size == 30
    assert not data.dropped
    np.testing.assert_array_equal(np.diff(data.features[:, 0]), 3)
    assert "column 0 of X is centred" in "\n".join(said.lines)


@pytest.mark.parametrize("names", [["compound 7", "compound 3"], ["a b", "c"], ["x", "y z"]])
def test_names_in_smiles_files_may_hold_blanks_where_tabs_separate(names, tmp_path):
    pytest.importorskip("rdkit.Chem")
    from tests.data.test_hostile_files import Carbons

    lines = "".join(f"{'C' * (n + 1)}O\t{names[n % 2]}\t{n * 0.7:.1f}\n" for n in range(6))
    data, _ = read(
        tmp_path, lines, file="a.smi", target="column 3", smiles="SMILES", embedder=Carbons()
    )
    np.testing.assert_allclose(data.target, [n * 0.7 for n in range(6)], rtol=1e-6)


def test_levels_that_are_read_as_missing_are_told(tmp_path):
    text = "c,x,y\n" + "".join(
        f"{('NA', 'TA98', 'TA100')[r % 3]},{'NA' if r == 4 else r * r}.5,{r * 0.3:.1f}\n"
        for r in range(12)
    )
    for given in ({}, {"features": ["c", "x"]}, {"features": "c"}):
        _, said = read(tmp_path, text, duplicates="keep", **given)
        assert "the column 'c' has texts that are read as missing: 'NA' (4)" in said
    data, said = read(tmp_path, text, missing=[], duplicates="keep")
    assert "read as missing" not in said
    assert data.size == 11


def test_rows_with_a_name_more_than_the_header_has(tmp_path):
    with pytest.raises(DataError, match=r"rows have more\. Is tab the separator") as refused:
        read(tmp_path, "x\ty\n" + "".join(f"{r}\t{r}.5\t{r * 2}\n" for r in range(9)), file="a.tsv")
    assert "index_col" not in str(refused.value)


def test_labels_in_files_of_molecules_are_told_too(tmp_path):
    pytest.importorskip("rdkit.Chem")
    from tests.data.test_hostile_files import Carbons

    labels = ["high", "None", "low"]
    lines = "".join(f"{'C' * (n + 1)}O m{n} {labels[n % 3]}\n" for n in range(9))
    given = {"file": "a.smi", "target": "column 3", "smiles": "SMILES", "embedder": Carbons()}
    data, said = read(tmp_path, lines, **given)
    assert (data.size, data.classes) == (6, 2)
    assert "'None' (3)" in said
    assert read(tmp_path, lines, missing=[], **given)[0].classes == 3


def test_a_comma_that_stands_before_decimals_separates_nothing(tmp_path):
    rows = "".join(f"{r},5;{r * 3 % 7},25\n" for r in range(24))
    data, _ = read(tmp_path, rows, header=False, decimal=",", target="column 2", duplicates="keep")
    assert set(data.target) <= {r + 0.25 for r in range(7)}
    data, _ = read(tmp_path, rows, header=False, decimal=",", target=2, duplicates="keep")
    assert data.features.shape == (24, 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a;b;y\n" + "1;2;3\n" * 8 + "1;2;3;\n", 10),
        ("a;b;y\n" + "1;2;3\n" * 3 + "1;2\n" + "1;2;3\n" * 5, 5),
        ("of our lab\na;b;y\n" + "1;2;3\n" * 8, 1),
    ],
)
def test_a_ragged_file_names_the_line_and_the_separator(text, line, tmp_path):
    with pytest.raises(DataError, match=rf"';' cuts most .* 3 columns, but line {line} into") as no:
        read(tmp_path, text)
    assert as_override("dataset.separator", ";") in str(no.value)


@pytest.mark.parametrize("start", ["SEP=;\n", "\n\nsep=;\n", "Sep=;\r\n"])
def test_the_line_that_says_the_separator_may_be_written_otherwise(start, tmp_path):
    rows = "".join(f"{r * r}.5;{r}.5\n" for r in range(9))
    assert read(tmp_path, start + "x;y\n" + rows)[0].size == 9


@pytest.mark.parametrize(
    ("file", "setting"),
    [("a.parquet", {"skip": 1}), ("a.xlsx", {"comment": "#"}), ("a.sdf", {"header": False})],
)
def test_settings_that_a_kind_of_file_leaves_no_choice_of_are_refused(file, setting, tmp_path):
    pd.DataFrame({"x": [1.5, 2.5], "y": [1.0, 2.0]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"x": [1.5, 2.5], "y": [1.0, 2.0]}).to_excel(tmp_path / "a.xlsx", index=False)
    (tmp_path / "a.sdf").write_text("")
    key = next(iter(setting))
    with pytest.raises(DataError, match=rf"dataset\.{key}=.* says nothing of a file such as"):
        csv("a", str(tmp_path / file), "y", tmp_path, Progress(), **setting)


def test_a_sheet_takes_the_settings_of_its_header_and_of_what_is_missing(tmp_path):
    labels = ["high", "None", "low"] * 4
    sheet = pd.DataFrame({"x": [r + 0.5 for r in range(12)], "y": labels})
    path = tmp_path / "a.xlsx"
    sheet.to_excel(path, index=False)
    said = Said()
    assert csv("a", str(path), "y", tmp_path, said).size == 8
    assert "'None' (4)" in "\n".join(said.lines)
    assert csv("a", str(path), "y", tmp_path, said, missing=[]).classes == 3
    sheet.to_excel(path, index=False, header=False)
    data = csv("a", str(path), "column 2", tmp_path, said, header=False, missing=[])
    assert (data.size, data.classes) == (12, 3)
    sheet.to_excel(path, index=False, startrow=2)
    assert csv("a", str(path), "y", tmp_path, said, skip=2, missing=[]).size == 12


def test_a_number_may_mean_that_there_is_nothing(tmp_path):
    text = "x,y\n" + "".join(f"{-999 if r % 4 == 0 else r % 5},{r * 0.3:.1f}\n" for r in range(16))
    data, _ = read(tmp_path, text, missing=[-999], duplicates="keep")
    assert {each.reason for each in data.dropped} == {"missing x"}
    assert data.size == 12


def test_structures_of_their_own_formats(tmp_path):
    Chem = pytest.importorskip("rdkit.Chem")
    from tests.data.test_hostile_files import Carbons

    smiles = ["CCO", "CCN", "CCC", "CCCl", "c1ccccc1"]
    lines = "".join(f"{text} m{n} {n * 0.7:.1f}\n" for n, text in enumerate(smiles))
    kept = {"smiles": "SMILES", "embedder": Carbons()}
    data, _ = read(tmp_path, lines, file="a.smi", target="column 3", identifier="name", **kept)
    assert data.identifiers == ("m0", "m1", "m2", "m3", "m4")
    with Chem.SDWriter(str(tmp_path / "b.sdf")) as writer:
        for n, text in enumerate(smiles):
            molecule = Chem.MolFromSmiles(text)
            molecule.SetProp("_Name", f"m{n}")
            molecule.SetProp("pIC50", f"{n * 0.7:.1f}")
            writer.write(molecule)
    text = (tmp_path / "b.sdf").read_text()
    data, _ = read(tmp_path, text, file="a.sdf", target="pIC50", identifier="name", **kept)
    np.testing.assert_allclose(data.target, [n * 0.7 for n in range(5)], rtol=1e-6)
    assert data.structures == tuple(smiles)


def test_a_sheet_of_excel(tmp_path):
    pytest.importorskip("openpyxl")
    frame = pd.DataFrame({"x": [3.5, 1, 2.5, 7], "y": [0.1, 0.2, 0.4, 0.3]})
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    data = csv("a", str(tmp_path / "a.xlsx"), "y", tmp_path, Said())
    np.testing.assert_allclose(data.features[:, 0], frame["x"])
    with pd.ExcelWriter(tmp_path / "b.xlsx") as both:
        frame.to_excel(both, sheet_name="one", index=False)
        frame.to_excel(both, sheet_name="two", index=False)
    with pytest.raises(DataError, match=r"has 2 sheets with content .one, two."):
        csv("a", str(tmp_path / "b.xlsx"), "y", tmp_path, Said())
