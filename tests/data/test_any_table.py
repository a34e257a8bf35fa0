"""Whatever table is written: it is read as it was written, or refused in words."""

import csv as writer
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantmia.data.tabular import csv
from quantmia.errors import QuantmiaError
from quantmia.progress import Progress

DECIMALS = [(".", None), (".", ","), (",", None), (",", "."), (",", " ")]
NAMES = ["x", "x 1", "IC50 [nM]", "1", "0.5", "true", "None", "a,b", "a;b", "ö", "[/a]", "id", "y;"]
MARKERS = ["", "NA", "nan", "None", "-", "n/a"]
UNFIT = ["5 nM", ">10", "1-2", "2024-01-31", "$5", "3 ± 1", "high", "1,5", "1.500", "[/b]", "x"]


def shown(number: float, decimal: str, thousands: str | None) -> str:
    text = f"{number:,.3f}" if thousands is not None else f"{number:.3f}"
    marks = {",": thousands or "", ".": decimal}
    return "".join(marks.get(each, each) for each in text)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """A table of numbers and categories, how it is written, and what somebody says of that."""
    rows = draw(st.integers(5, 16))
    decimal, thousands = draw(st.sampled_from(DECIMALS))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=4, unique=True))
    numbers = st.integers(-4_000_000, 4_000_000).map(lambda each: each / 1000)
    columns = {
        name: draw(st.lists(numbers, min_size=rows, max_size=rows, unique=True)) for name in names
    }
    cells = {
        name: [shown(each, decimal, thousands) for each in values]
        for name, values in columns.items()
    }
    for name, row, text in draw(
        st.lists(
            st.tuples(
                st.sampled_from(names),
                st.integers(0, rows - 1),
                st.sampled_from(MARKERS) | st.sampled_from(UNFIT),
            ),
            max_size=6,
        )
    ):
        cells[name][row] = text
    told = draw(st.booleans())
    return {
        "columns": columns,
        "cells": cells,
        "separator": draw(st.sampled_from([",", ";", "\t", "|"])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])),
        "quoting": draw(st.sampled_from([writer.QUOTE_MINIMAL, writer.QUOTE_ALL])),
        "ending": draw(st.sampled_from([".csv", ".tsv", ".txt"])),
        "marks": (decimal, thousands),
        "said": {"decimal": decimal, "thousands": thousands} if told else {},
    }


def written(table: dict[str, Any]) -> bytes:
    text = io.StringIO()
    lines = writer.writer(
        text, delimiter=table["separator"], quoting=table["quoting"], lineterminator="\n"
    )
    lines.writerow(table["cells"])
    lines.writerows(zip(*table["cells"].values(), strict=True))
    return text.getvalue().encode(table["encoding"])


@pytest.mark.slow
@given(tables())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_number_is_the_one_that_was_written(tmp_path: Path, table: dict[str, Any]):
    path = tmp_path / f"a{table['ending']}"
    path.write_bytes(written(table))
    names = list(table["columns"])
    target = names[-1]
    try:
        data = csv("a", str(path), target, tmp_path, Progress(), **table["said"])
    except QuantmiaError:
        return
    dropped = {each.row for each in data.dropped}
    kept = [row for row in range(len(table["cells"][target])) if row not in dropped]
    assert len(kept) == data.size
    if data.task_name == "regression":
        compare(data.target, target, kept, table)
    # Columns that were left out are said so; those of numbers stand first to last.
    numeric = [name for name in names[:-1] if data.features.shape[1] == len(names) - 1]
    for position, name in enumerate(numeric):
        compare(data.features[:, position], name, kept, table)


def compare(found, name: str, kept: list[int], table: dict[str, Any]) -> None:
    """Every value is that of its cell, or, of a column that was centred, as far from the others."""
    decimal, thousands = table["marks"]
    written_there = [table["cells"][name][row] for row in kept]
    if not all(_is_number(each) for each in written_there):
        return  # a category
    expected = np.array([_value(each, decimal, thousands) for each in written_there])
    close = np.allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert close or np.allclose(np.diff(found), np.diff(expected), rtol=1e-4, atol=1e-4)


def _is_number(text: str) -> bool:
    return bool(text) and text.strip("-0123456789.,' ") == "" and any(c.isdigit() for c in text)


def _value(text: str, decimal: str, thousands: str | None) -> float:
    plain = text.replace(thousands, "") if thousands else text
    return pd.to_numeric(plain.replace(decimal, "."))
