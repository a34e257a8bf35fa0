import json

import numpy as np
import pytest

from quantmia.files import (
    DamagedFileError,
    atomic,
    read_row,
    read_tensor,
    read_tensors,
    write_json,
    write_tensors,
    write_text,
)

TENSORS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3) - 2.5,
    "counts": np.array([[1], [2**40]]),
    "empty": np.zeros((0, 3)),
    "flags": np.array([True, False]),
    "half": np.array([1.5, np.inf], np.float16),
}
META = {"epoch": 3, "name": "µ-run", "nested": {"list": [1, 2.5, None]}}


def same(found, expected):
    return found.keys() == expected.keys() and all(
        found[name].dtype == value.dtype and np.array_equal(found[name], value)
        for name, value in expected.items()
    )


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "some.safetensors"
    write_tensors(path, TENSORS, META)
    return path


def test_what_was_written_is_read(written):
    tensors, meta = read_tensors(written)
    assert same(tensors, TENSORS)
    assert meta == META
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_a_scalar_keeps_its_shape(tmp_path):
    write_tensors(tmp_path / "scalar", {"x": np.array(2.5)}, {})
    assert read_tensors(tmp_path / "scalar")[0]["x"].shape == ()


def test_a_view_is_written_as_its_values(tmp_path):
    value = np.arange(12.0).reshape(3, 4).T[::2]
    write_tensors(tmp_path / "view", {"x": value}, {})
    assert np.array_equal(read_tensors(tmp_path / "view")[0]["x"], value)


def test_the_same_content_has_the_same_bits(written, tmp_path):
    other = tmp_path / "other.safetensors"
    for names in (list(TENSORS), list(reversed(TENSORS))):
        tensors = {name: TENSORS[name] for name in names}
        write_tensors(other, tensors, dict(reversed(META.items())))
        assert other.read_bytes() == written.read_bytes()


def test_other_content_has_other_bits(written, tmp_path):
    other = tmp_path / "other.safetensors"
    write_tensors(other, TENSORS, META | {"epoch": 4})
    assert other.read_bytes() != written.read_bytes()


def test_a_cut_file_is_damaged(written):
    content = written.read_bytes()
    for length in (*range(0, len(content), 5), len(content) - 1):
        written.write_bytes(content[:length])
        with pytest.raises(DamagedFileError):
            read_tensors(written)


def test_a_longer_file_is_damaged(written):
    written.write_bytes(written.read_bytes() + b"\0")
    with pytest.raises(DamagedFileError):
        read_tensors(written)


@pytest.mark.slow
def test_a_flipped_byte_is_found_or_harmless(written):
    content = written.read_bytes()
    body = 8 + int.from_bytes(content[:8], "little")
    harmless = 0
    for position in range(len(content)):
        for mask in (0x20, 0xFF):
            changed = bytearray(content)
            changed[position] ^= mask
            written.write_bytes(changed)
            try:
                tensors, meta = read_tensors(written)
            except DamagedFileError:
                continue
            assert position < body, "a changed byte of the values was not noticed"
            assert same(tensors, TENSORS)
            assert meta == META
            harmless += 1
    assert harmless < 0.02 * 2 * body  # padding and the case of an escape in JSON


def test_a_changed_meta_is_damaged(written):
    content = written.read_bytes()
    changed = content.replace(b'\\"epoch\\": 3', b'\\"epoch\\": 4')
    assert changed != content
    written.write_bytes(changed)
    with pytest.raises(DamagedFileError, match="checksum"):
        read_tensors(written)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"not a tensor file at all", b"\xff" * 64])
def test_what_is_not_ours_is_damaged(tmp_path, content):
    path = tmp_path / "strange"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="strange"):
        read_tensors(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    class Interrupted(BaseException):
        pass

    with pytest.raises(Interrupted), atomic(path) as temporary:
        temporary.write_text("new, but only half")
        assert path.read_text() == "old"
        raise Interrupted
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_atomic_write_replaces(tmp_path):
    path = tmp_path / "file"
    for text in ("first", "second: ü\n"):
        write_text(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_whole_or_absent(tmp_path):
    write_json(tmp_path / "good.json", {"b": [1, None], "a": "ü"})
    assert json.loads((tmp_path / "good.json").read_text()) == {"a": "ü", "b": [1, None]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "bad.json", {"a": float("nan")})
    assert [path.name for path in tmp_path.iterdir()] == ["good.json"]


def test_a_row_and_a_tensor_are_read_alone(tmp_path):
    path = tmp_path / "a.safetensors"
    value = np.arange(12, dtype=np.float32).reshape(4, 3)
    write_tensors(path, {"a": value, "b": -value}, {})
    np.testing.assert_array_equal(read_row(path, "a", -1), [9, 10, 11])
    np.testing.assert_array_equal(read_row(path, "b", -1), [-9, -10, -11])
    np.testing.assert_array_equal(read_row(path, "a", 1), value[1])
    np.testing.assert_array_equal(read_tensor(path, "b"), -value)
    with pytest.raises(DamagedFileError):
        read_tensor(path, "c")
    with pytest.raises(DamagedFileError):
        read_tensor(tmp_path / "absent.safetensors", "a")
    with pytest.raises(DamagedFileError):
        read_row(path, "c", -1)
    with pytest.raises(DamagedFileError):
        read_row(tmp_path / "absent.safetensors", "a", 0)


def test_a_file_that_took_the_place_of_another_is_read_anew(tmp_path):
    path = tmp_path / "a.safetensors"
    for value in (1.0, 2.0):
        write_tensors(path, {"a": np.full((2, 3), value, np.float32)}, {})
        np.testing.assert_array_equal(read_tensor(path, "a"), np.full((2, 3), value))
        np.testing.assert_array_equal(read_row(path, "a", -1), np.full(3, value))
