import pytest

from quantmia.errors import FolderError
from quantmia.runs.samples import read_names, write_names


def test_names_are_read_by_their_places(tmp_path):
    names = ["a", "", "b\r\nc", "ä,;", "0"]
    write_names(tmp_path, names)
    assert read_names(tmp_path, [4, 2, 3, 1]) == ["0", "b\r\nc", "ä,;", ""]


def test_without_names_there_are_places(tmp_path):
    write_names(tmp_path, [])
    assert read_names(tmp_path, [3, 0]) == ["3", "0"]


def test_a_damaged_file_is_named(tmp_path):
    write_names(tmp_path, ["a", "b"])
    with pytest.raises(FolderError, match=r"samples\.json cannot be read"):
        read_names(tmp_path, [7])
    (tmp_path / "samples.json").write_text("[")
    with pytest.raises(FolderError, match=r"samples\.json cannot be read"):
        read_names(tmp_path, [0])
