"""Files that know when they were damaged."""

import numpy as np
import pytest

from quantmia.files import DamagedFileError, atomic, read_tensors, write_tensors

CONTENT = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([1, 2], np.uint8)}


def test_what_is_written_is_read(tmp_path):
    write_tensors(tmp_path / "x", CONTENT, {"run": 3})
    tensors, meta = read_tensors(tmp_path / "x")
    assert meta == {"run": 3}
    for name, value in CONTENT.items():
        np.testing.assert_array_equal(tensors[name], value)
    write_tensors(tmp_path / "y", dict(reversed(CONTENT.items())), {"run": 3})
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_every_flipped_byte_is_found_or_harmless(tmp_path):
    write_tensors(tmp_path / "x", CONTENT, {"run": 3})
    content = (tmp_path / "x").read_bytes()
    found = 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 4
        (tmp_path / "x").write_bytes(changed)
        try:
            tensors, meta = read_tensors(tmp_path / "x")
        except DamagedFileError:
            found += 1
        else:
            assert meta == {"run": 3}
            for name, value in CONTENT.items():
                np.testing.assert_array_equal(tensors[name], value)
    assert found > 0.9 * len(content)


@pytest.mark.parametrize("length", [0, 5, 100, -1])
def test_a_cut_file_is_found(tmp_path, length):
    write_tensors(tmp_path / "x", CONTENT, {})
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:length])
    with pytest.raises(DamagedFileError):
        read_tensors(tmp_path / "x")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "x").write_text("old")
    with pytest.raises(RuntimeError), atomic(tmp_path / "x") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "x").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
