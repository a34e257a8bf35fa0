import pandas as pd
import pytest

from quantmia.data import parquet as module
from quantmia.data.layout import Written
from quantmia.data.table import read_table
from quantmia.progress import Progress

TABLE = pd.DataFrame({"x": [1.5, 2.5], " z ": ["a", "b"], "2": [1, 2], "y": [0, 1]})


def columns(tmp_path, table: pd.DataFrame, wanted) -> list[str]:
    path = tmp_path / "a.parquet"
    table.to_parquet(path)
    return [str(each) for each in read_table(str(path), Written(), Progress(), (), wanted)]


@pytest.mark.parametrize(
    ("wanted", "read"),
    [
        (None, ["x", "z", "2", "y"]),
        (["y", "z"], ["z", "y"]),  # in the order of the file
        (["y", 2], ["2", "y"]),  # as a command line writes its name
        (["y", "w"], ["x", "z", "2", "y"]),  # the message lists all
    ],
)
def test_no_others_are_read_than_are_wanted(tmp_path, wanted, read):
    assert columns(tmp_path, TABLE, wanted) == read


def test_a_named_index_is_a_column(tmp_path):
    indexed = TABLE.set_index(pd.Index(["r1", "r2"], name="id"))
    assert columns(tmp_path, indexed, ["id", "y"]) == ["id", "y"]
    assert columns(tmp_path, indexed, None) == ["id", "x", "z", "2", "y"]


def test_where_names_are_in_doubt_all_are_read():
    assert module._among(["a", "a ", "y"], ["y"]) is None
    assert module._among(["a.b", "y"], ["y"]) is None  # a field of a column, to Arrow
    assert module._among(["x", "Unnamed: 0", "y"], ["Unnamed: 0", "y"]) is None
