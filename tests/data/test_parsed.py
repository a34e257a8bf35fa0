import io
import warnings
from functools import partial

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmia.data import parsed as module
from quantmia.data.parsed import parsed

CELLS = ["1", "-0", "2.5", "1e3", "9007199254740993", "18446744073709551615", "1" * 25]
CELLS += ["", "NA", "None", "True", "False", "true", "inf", "x", "0x1f", '"a,b"', " 7", "1_0"]
CELLS += ["0.1234567890123456789", "4.35", "1,5", "ä", '"l\nm"']


def reader(text: str):
    def read(**how):
        return pd.read_csv(
            io.BytesIO(text.encode()), index_col=False, low_memory=False, header=0, **how
        )

    return read


def outcome(make):
    """What is read, or the kind of what is raised and its words."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return make()
        except (ValueError, pd.errors.ParserWarning) as error:
            return type(error), str(error)


def same(one, other) -> bool:
    if not isinstance(one, pd.DataFrame) or not isinstance(other, pd.DataFrame):
        return isinstance(one, tuple) and one == other
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    return [[repr(cell) for cell in row] for row in one.to_numpy(object)] == [
        [repr(cell) for cell in row] for row in other.to_numpy(object)
    ]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 3)


@given(
    st.integers(1, 3).flatmap(
        lambda width: st.lists(
            st.lists(st.sampled_from(CELLS), min_size=width, max_size=width), max_size=10
        ).map(lambda rows: [[f"c{n}" for n in range(width)], *rows])
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_blocks_give_what_the_whole_text_gives(rows, end):
    read = reader(end.join(",".join(row) for row in rows) + end)
    assert same(outcome(partial(parsed, read)), outcome(read))


@given(st.lists(st.integers(1, 4), max_size=10))
def test_ragged_rows_are_refused_as_of_the_whole_text(lengths):
    read = reader("\n".join(["a,b", *(",".join("1" * length) for length in lengths)]))
    assert same(outcome(partial(parsed, read)), outcome(read))


def test_a_block_of_whole_numbers_does_not_change_those_of_the_others():
    table = parsed(reader("a,b\n1,x\n2,y\n-0,z\n2.5,1\n7,2\n8,3\n"))
    assert str(table["a"].tolist()) == "[1.0, 2.0, -0.0, 2.5, 7.0, 8.0]"
    assert table["b"].tolist() == ["x", "y", "z", "1", "2", "3"]
