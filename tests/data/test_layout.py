import pytest

from quantmia.data.layout import LOOKED_AT, Written, layout_of
from quantmia.errors import DataError


def laid_out(text: str, ending: str = ".csv", **said):
    return layout_of("a", text.encode(), ending, Written(**said))


@pytest.mark.parametrize(
    ("text", "ending", "separator", "told"),
    [
        ("a,b\n1,2\n", ".csv", ",", False),
        ("a;b\n1;2\n", ".csv", ";", True),
        ("a\tb\n1\t2\n", ".csv", "\t", True),
        ("a,b\n1,2\n", ".tsv", ",", True),
        ("a;b;c, d\n1;2;3\n", ".csv", ";", True),
        ("a;b;c, d\n1;2;0,5\n", ".csv", ";", True),  # commas cut it too, into fewer columns
        ('a;"b\n;c"\n1;2\n', ".csv", ";", True),  # a line end in quotes
        ("a\n1\n", ".csv", ",", False),  # a single column
        ("a;b\n1;2\n", ".txt", ";", True),  # a name that says nothing
        ("a,b\n1,2,3\n", ".csv", ",", False),  # which the reader refuses in its own words
    ],
)
def test_what_cuts_every_line_into_equally_many_columns_separates_them(
    text, ending, separator, told
):
    found = laid_out(text, ending)
    assert found.separator == separator
    assert bool(found.note) == told


def test_the_first_line_may_say_it():
    found = laid_out("sep=|\na|b,c\n1|2,3\n")
    assert (found.separator, found.content) == ("|", b"a|b,c\n1|2,3\n")
    assert laid_out('"sep=;"\na;b\n1;2\n').separator == ";"
    assert laid_out("sep=|\na;b\n", separator=";") == laid_out("a;b\n", separator=";")


def test_comments_and_lines_before_the_header_are_left_out_and_nothing_else():
    text = "made; by; us\n# a, b\na,b\nC#N,2\n#3,4\n"
    found = laid_out(text, skip=1, comment="#")
    assert (found.separator, found.content) == (",", b"a,b\nC#N,2\n")


@pytest.mark.parametrize("columns", [3, 9000])
def test_a_long_file_is_looked_at_from_its_beginning(columns):
    line = ";".join(["0.123"] * columns) + "\n"
    text = line * (2 * LOOKED_AT // len(line) + 3)
    assert laid_out(text).separator == ";"


@pytest.mark.parametrize("name", ["tab", "comma", "semicolon", "pipe", "space"])
def test_a_separator_has_a_name(name):
    marks = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
    assert laid_out("", separator=name).separator == marks[name]


@pytest.mark.parametrize("separator", ["", "a", "7", ";;", '"', "tabs"])
def test_what_cannot_separate_is_refused(separator):
    with pytest.raises(DataError, match=r"has to be one character.*semicolon"):
        laid_out("a,b\n", separator=separator)


def test_a_name_that_says_nothing_of_lines_that_say_nothing():
    with pytest.raises(DataError, match=r"ends in none of \.csv, \.tsv, \.tab"):
        laid_out("a b\n1 2\n", ".dat")
    with pytest.raises(DataError, match=r"dataset\.comment=//: has to be"):
        laid_out("a,b\n", comment="//")
