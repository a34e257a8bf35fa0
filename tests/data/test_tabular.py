"""The way from a sound file to a dataset; faulty ones are in test_hostile_files."""

import bz2
import gzip
import lzma
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder

from quantmia.data.tabular import csv
from quantmia.progress import Progress

TABLE = pd.DataFrame(
    {
        "id": [f"s{row}" for row in range(20)],
        "x": np.random.default_rng(0).normal(size=20).round(3),
        "kind": ["red", "blue", "green", "blue"] * 5,
        "dose": [1, 2, 5, 10] * 5,
        "y": np.random.default_rng(1).normal(size=20).round(3),
    }
)


def read(path, **arguments):
    return csv("mine", str(path), "y", path.parent, Progress(), identifier="id", **arguments)


@pytest.fixture
def plain(tmp_path):
    TABLE.to_csv(tmp_path / "a.csv", index=False)
    return read(tmp_path / "a.csv")


def test_numbers_stay_and_categories_get_a_column_a_level(plain):
    encoded = OneHotEncoder(sparse_output=False).fit_transform(TABLE[["kind"]])
    expected = np.column_stack([TABLE["x"], encoded, TABLE["dose"]])
    np.testing.assert_allclose(plain.features, expected, rtol=1e-6)
    np.testing.assert_allclose(plain.target, TABLE["y"], rtol=1e-6)
    assert plain.identifiers == tuple(TABLE["id"])
    assert plain.name == "mine"


def test_every_feature_has_the_name_of_its_column_and_level(plain, tmp_path):
    assert plain.columns == ("x", "kind=blue", "kind=green", "kind=red", "dose")
    for number, name in enumerate(plain.columns):
        column, _, level = name.partition("=")
        expected = TABLE[column] == level if level else TABLE[column]
        np.testing.assert_allclose(plain.features[:, number], expected.astype(float), rtol=1e-6)
    TABLE.to_csv(tmp_path / "b.csv", index=False)
    numbered = read(tmp_path / "b.csv", features=["dose", "x"], categorical=["dose"])
    assert numbered.columns == ("dose=1", "dose=10", "dose=2", "dose=5", "x")


def test_numbers_can_be_categories_and_columns_can_be_chosen(tmp_path):
    TABLE.to_csv(tmp_path / "a.csv", index=False)
    data = read(tmp_path / "a.csv", features=["dose", "x"], categorical=["dose"])
    encoded = OneHotEncoder(sparse_output=False).fit_transform(TABLE[["dose"]].astype(str))
    np.testing.assert_allclose(data.features, np.column_stack([encoded, TABLE["x"]]), rtol=1e-6)


def test_every_format_holds_the_same(plain, tmp_path):
    text = TABLE.to_csv(index=False).encode()
    TABLE.to_csv(tmp_path / "b.tsv", index=False, sep="\t")
    TABLE.to_csv(tmp_path / "c.txt", index=False, sep="|")
    TABLE.to_parquet(tmp_path / "d.parquet")
    (tmp_path / "e.csv.gz").write_bytes(gzip.compress(text))
    (tmp_path / "f.csv.bz2").write_bytes(bz2.compress(text))
    (tmp_path / "g.csv.xz").write_bytes(lzma.compress(text))
    with zipfile.ZipFile(tmp_path / "h.csv.zip", "w") as archive:
        archive.writestr("h.csv", text)
    for path in sorted(tmp_path.glob("[b-h].*")):
        separator = "|" if path.suffix == ".txt" else None
        assert read(path, separator=separator).fingerprint == plain.fingerprint, path


def test_levels_of_rows_that_are_dropped_make_no_column(tmp_path):
    table = TABLE.copy()
    table.loc[0, "kind"], table.loc[0, "x"] = "violet", np.nan
    table.to_csv(tmp_path / "a.csv", index=False)
    data = read(tmp_path / "a.csv")
    assert [(each.row, each.identifier, each.reason) for each in data.dropped] == [
        (0, "s0", "missing x")
    ]
    assert data.features.shape == (19, 5)


def test_what_was_found_is_said(tmp_path, capsys):
    TABLE.assign(y=["low", "high"] * 10).to_csv(tmp_path / "a.csv", index=False)
    data = read(tmp_path / "a.csv")
    assert data.task_name == "binary"
    said = capsys.readouterr().err
    assert "mine: target y: binary (2 different labels; dataset.task overrides)" in said
    assert "0 = high, 1 = low" in said
