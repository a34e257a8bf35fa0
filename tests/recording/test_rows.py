import numpy as np
import pandas as pd
import pytest

from quantmia.errors import OutputsError
from quantmia.recording.rows import read_rows
from tests.recording.made import save

FEATURES = np.arange(12, dtype=np.float64).reshape(4, 3)
TARGET = np.array([0.5, 1.5, 2.5, 3.5])
TABLE = pd.DataFrame({"a": FEATURES[:, 0], "y": TARGET, "b": FEATURES[:, 1], "c": FEATURES[:, 2]})


def write(path, content):
    if isinstance(content, dict):
        return save(path, content)
    content.to_csv(path, index=False) if path.suffix == ".csv" else content.to_parquet(path)
    return path


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.npz"])
def test_they_are_as_the_file_has_them(tmp_path, name):
    arrays = {"features": FEATURES, "y": TARGET}
    rows = read_rows(write(tmp_path / name, arrays if name.endswith("npz") else TABLE), "y")
    np.testing.assert_array_equal(rows.features, FEATURES)
    np.testing.assert_array_equal(rows.target, TARGET)
    assert rows.features.dtype == np.float32


def test_whole_numbers_of_an_array_stay_what_embeddings_look_up(tmp_path):
    tokens = np.arange(24).reshape(4, 2, 3)
    rows = read_rows(save(tmp_path / "a.npz", {"features": tokens, "target": TARGET}))
    assert rows.features.dtype == np.int64
    np.testing.assert_array_equal(rows.features, tokens)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", TABLE, "lacks the column target"),
        ("a.csv", TABLE.rename(columns={"y": "targt"}), "did you mean targt"),
        ("a.csv", TABLE[["y"]].rename(columns={"y": "target"}), "no column of features"),
        ("a.csv", TABLE.assign(target=1.0, c="x"), "c holds object|c holds str"),
        ("a.csv", TABLE.assign(target=1.0, c=[1, np.nan, np.nan, 2]), r"row 1 .*\(2 rows\)"),
        ("a.csv", TABLE.assign(target=[1, 2, np.inf, 2]), "target: row 2 is inf"),
        ("a.npz", {"features": FEATURES}, "lacks the array target; there is features"),
        ("a.npz", {"features": FEATURES[:3], "target": TARGET}, r"\(3, 3\) and target \(4,\)"),
        ("a.npz", {"features": TARGET, "target": TARGET}, r"\(samples, \.\.\.\)"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, name, content, said):
    with pytest.raises(OutputsError, match=said):
        read_rows(write(tmp_path / name, content))


def test_a_file_that_is_not_there_or_of_another_kind_is_refused(tmp_path):
    with pytest.raises(OutputsError, match="there is no such file"):
        read_rows(tmp_path / "no.csv")
    (tmp_path / "a.txt").touch()
    with pytest.raises(OutputsError, match=r"has to be an \.npz, or a table"):
        read_rows(tmp_path / "a.txt")
