import numpy as np
import pandas as pd
import pytest

from quantmia.data.numbering import may_number, named_so, names_rows, numbers_rows

SHUFFLED = pd.Series(np.random.default_rng(0).permutation(12) + 5.0)


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        (SHUFFLED, "x", True),  # no gap
        (SHUFFLED[:9], "x", False),  # too few to tell
        (SHUFFLED * 2, "x", False),
        (SHUFFLED * 2, "id", True),
        (SHUFFLED + 0.5, "id", False),
        (SHUFFLED.where(SHUFFLED != 7, 8), "x", False),  # one twice
        (SHUFFLED.where(SHUFFLED != 7, 8), "mol_id", True),
        (SHUFFLED % 3, "id", False),  # most are repeated
        (SHUFFLED.sort_values() ** 2, "x", True),  # upward
        (pd.Series(10**18 + np.arange(12)), "x", True),  # beyond float64
    ],
)
def test_numbers_of_rows(values, name, expected):
    assert numbers_rows(values, name) == expected


def test_numbers_that_may_name_rows_differ_in_every_row():
    assert may_number(SHUFFLED * 7)
    assert not may_number(SHUFFLED[:9])
    assert not may_number(SHUFFLED + 0.5)
    assert not may_number(SHUFFLED % 3)


@pytest.mark.parametrize(
    "name", ["id", "ID", "Index", "compound_id", "patientID", "CID", "row", "Unnamed: 0.1", "key2"]
)
def test_names_that_say_so(name):
    assert named_so(name)


@pytest.mark.parametrize("name", ["age", "grid", "period", "rows", "acid", "PAID", "indexed", "no"])
def test_names_that_do_not(name):
    assert not named_so(name)


def test_texts_name_rows_if_nearly_all_differ():
    assert names_rows(3, 3)
    assert names_rows(28, 30)
    assert not names_rows(20, 30)
    assert not names_rows(7, 8)  # of a few, all have to
    assert not names_rows(1, 1)
