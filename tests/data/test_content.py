import codecs

import pytest

from quantmia.data import content as module
from quantmia.data.content import recoded
from quantmia.errors import DataError


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "ä,€\n1,😀\n"])
def test_utf8_is_not_copied(monkeypatch, text):
    monkeypatch.setattr(module, "BLOCK", 2)  # cuts characters
    content = text.encode()
    assert recoded("a", content, None) is content
    assert recoded("a", content, "utf-8") is content
    assert recoded("a", codecs.BOM_UTF8 + content, None) == content
    assert recoded("a", text.encode("utf-16"), None) == content


def test_other_encodings_are_written_anew():
    assert recoded("a", "ä".encode("latin-1"), "latin-1") == "ä".encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\n\xe4\n", "line 2 is not utf-8"),
        ("a\nä".encode()[:-1], "line 2 is not utf-8"),  # which ends within a character
        (b"a\0b", "NUL bytes"),
    ],
)
def test_what_is_no_text_is_refused(content, said):
    with pytest.raises(DataError, match=said):
        recoded("a", content, None)
