import numpy as np
import pandas as pd
import pytest

from quantmia.data import twins
from quantmia.data.dataset import Dropped
from quantmia.data.twins import first_of_its_kind, once

ROWS = np.array([1, 3, 4, 6, 8])
FEATURES = np.array([[1, 2], [0.0, 5], [1, 2], [-0.0, 5], [7, 7]], np.float32)
NAMES = pd.Series([f"n{row}" for row in range(9)])
BEFORE = [Dropped(2, "n2", "missing target"), Dropped(7, "n7", "missing target")]


def test_the_first_of_its_kind_stays_and_the_others_name_it():
    rows, features, dropped = once(ROWS, FEATURES, FEATURES, NAMES, BEFORE, "drop")
    assert rows.tolist() == [1, 3, 8]
    np.testing.assert_array_equal(features, FEATURES[[0, 1, 4]])
    assert dropped == [
        BEFORE[0],
        Dropped(4, "n4", "same features as row 1"),
        Dropped(6, "n6", "same features as row 3"),  # -0 is 0
        BEFORE[1],
    ]


def test_what_is_compared_may_be_less_than_the_features():
    rows, features, _ = once(ROWS, FEATURES, FEATURES[:, 1:], NAMES, [], "drop")
    assert rows.tolist() == [1, 3, 8]
    assert features.shape == (3, 2)


@pytest.mark.parametrize("duplicates", ["keep", "molecules"])
def test_all_may_stay(duplicates):
    rows, features, dropped = once(ROWS, FEATURES, FEATURES, NAMES, BEFORE, duplicates)
    assert rows is ROWS
    assert features is FEATURES
    assert dropped == BEFORE


def test_molecules_are_compared_with_a_tolerance_if_they_are_bound_alike():
    smiles = ["CC(O)CN", "OCC", "NC[C@H](O)C", "CCN", "[13CH3]CO"]
    features = np.array([[5.0], [5.001], [5.0001], [5.0001], [5.1]], np.float32)
    rows, _, dropped = once(ROWS, features, features, NAMES, [], "drop", smiles)
    assert [each.row for each in dropped] == [4, 6]  # 6 has the bits of 4
    assert dropped[0].reason == "same features as row 1"
    assert rows.tolist() == [1, 3, 8]  # 8 is bound as 3 is, and too far from it


def test_positions_of_the_first():
    images = np.stack([FEATURES[:4].reshape(2, 4), FEATURES[1:].reshape(2, 4)])
    assert first_of_its_kind(images).tolist() == [0, 1]
    assert first_of_its_kind(FEATURES).tolist() == [0, 1, 0, 1, 4]


@pytest.mark.parametrize("block", [2, 100])
def test_samples_of_the_same_hash_are_no_twins_by_that(monkeypatch, block):
    monkeypatch.setattr(twins, "xxh3_64_intdigest", lambda row: 0)
    monkeypatch.setattr(twins, "BLOCK", block)
    assert first_of_its_kind(FEATURES).tolist() == [0, 1, 0, 1, 4]
