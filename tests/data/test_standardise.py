import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from quantmia.data import Dataset, split, standardise
from quantmia.data.standardise import FARTHEST
from quantmia.vocabulary import Winsorise

WAYS: list[bool | Winsorise] = ["winsorise", True]


def dataset(features=None, target=None, columns=(), n=500) -> Dataset:
    random = np.random.default_rng(0)
    features = random.normal(size=(n, 3)) if features is None else features
    target = random.normal(size=n) if target is None else target
    names = tuple(f"mol {each}" for each in range(n))
    return Dataset(
        "mine", features.astype(np.float32), target, "regression", names, (), (), columns
    )


def spiked(feature: int, rows: list[int], value: float) -> Dataset:
    """Normal features, one of which is far out in a few samples."""
    features = dataset().features.copy()
    features[rows, feature] = value
    return dataset(features, columns=("a", "b", "c"))


@pytest.mark.parametrize("how", WAYS)
def test_scale_is_that_of_the_held_out_samples(how):
    data = dataset(n=20)
    parts = split(data, 0.4, 0)
    scaled = standardise(data, parts, how)
    np.testing.assert_allclose(scaled.values[parts.validation].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.values[parts.validation].std(0), 1, rtol=1e-5)
    assert scaled.extreme.empty
    assert scaled.facts() == {
        "values": 0, "samples": 0, "features": 0, "farthest": 0.0,
        "winsorised": how == "winsorise", "targets": 0, "farthest_target": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize("how", WAYS)
def test_a_constant_feature_is_only_centred(how):
    constant = dataset(np.ones((500, 3)))
    np.testing.assert_array_equal(standardise(constant, split(constant, 0.4, 0), how).values, 0)


def test_ordinary_data_keep_their_bits():
    data = dataset()
    parts = split(data, 0.4, 0)
    one, other = (standardise(data, parts, how).values for how in WAYS)
    np.testing.assert_array_equal(one, other)


def test_features_are_left_as_they_are_where_asked_to_and_looked_at_all_the_same():
    data = spiked(1, [7], 1e4)
    found = standardise(data, split(data, 0.4, 0), False)
    assert found.values is data.features
    assert list(found.extreme["sample"]) == ["mol 7"]
    assert not found.facts()["winsorised"]


def test_what_lies_far_out_is_named_and_brought_in():
    data = spiked(1, [7, 9], -1e4)
    parts = split(data, 0.4, 0)
    found = standardise(data, parts)
    assert np.abs(found.values).max() == FARTHEST
    assert (found.values[[7, 9], 1] == -FARTHEST).all()
    assert list(found.extreme["sample"]) == ["mol 7", "mol 9"]
    assert set(found.extreme["feature"]) == {"b"}
    np.testing.assert_array_equal(found.extreme["value"], -1e4)
    assert found.extreme["deviations"].between(-2e4, -5e3).all()
    assert found.facts()["values"] == found.facts()["samples"] == 2


def test_a_held_out_sample_that_is_far_out_does_not_hide_the_others():
    held_out = int(split(dataset(), 0.4, 0).validation[0])
    data, plain = spiked(0, [held_out], 1e6), dataset()
    parts = split(data, 0.4, 0)
    robust, moments = (standardise(data, parts, how).values[:, 0] for how in WAYS)
    usual = standardise(plain, parts).values[:, 0]
    others = np.delete(np.arange(500), held_out)
    assert 0.8 < robust[others].std() / usual[others].std() < 1
    assert moments[others].std() < 1e-3  # one value made the deviation


def test_a_nearly_constant_feature_does_not_become_hundreds():
    features = np.zeros((500, 1))
    features[:, 0] = np.random.default_rng(1).normal(size=500) * 1e-3
    features[split(dataset(), 0.4, 0).pool[0]] = 5.0
    data = dataset(features)
    found = standardise(data, split(data, 0.4, 0))
    assert found.values.max() == FARTHEST
    assert found.extreme["feature"].tolist() == ["feature 0"]
    assert standardise(data, split(data, 0.4, 0), True).values.max() > 1000


def test_a_target_that_lies_far_out_is_named_and_stays():
    target = np.random.default_rng(2).normal(size=500)
    target[11] = 500.0
    data = dataset(target=target)
    found = standardise(data, split(data, 0.4, 0))
    assert found.extreme[["sample", "feature", "value"]].to_numpy().tolist() == [
        ["mol 11", "(target)", 500.0]
    ]
    facts = found.facts()
    assert (facts["values"], facts["samples"], facts["targets"]) == (0, 0, 1)
    assert facts["farthest_target"] == found.extreme["deviations"][0] > 100
    np.testing.assert_array_equal(found.values, standardise(dataset(), split(data, 0.4, 0)).values)


def test_images_keep_their_shape():
    features = np.random.default_rng(3).normal(size=(500, 2, 3, 3))
    features[4, 1, 2, 0] = 1e5
    data = dataset(features)
    found = standardise(data, split(data, 0.4, 0))
    assert found.values.shape == features.shape
    assert found.values[4, 1, 2, 0] == FARTHEST
    assert found.extreme["feature"].tolist() == ["feature 15"]


@given(
    npst.arrays(
        np.float32,
        st.tuples(st.integers(12, 30), st.integers(1, 4)),
        elements=st.floats(-(2.0**60), 2.0**60, width=32, allow_subnormal=False),
    )
)
def test_any_features_end_within_bounds(features):
    data = dataset(features, np.arange(len(features), dtype=float), n=len(features))
    found = standardise(data, split(data, 0.4, 0))
    assert found.values.dtype == np.float32
    assert np.abs(found.values).max() <= FARTHEST
    beyond = found.extreme[found.extreme["feature"] != "(target)"]
    assert len(beyond) <= (np.abs(found.values) == FARTHEST).sum()


@pytest.mark.parametrize("how", [*WAYS, False])
def test_blocks_change_no_bit(monkeypatch, how):
    features = np.random.default_rng(4).standard_t(2, size=(500, 3))
    data = dataset(features, columns=("a", "b", "c"))
    parts = split(data, 0.4, 0)
    whole = standardise(data, parts, how)
    assert len(whole.extreme) > 2
    monkeypatch.setitem(standardise.__globals__, "BLOCK", 7)
    found = standardise(data, parts, how)
    assert found.values.tobytes() == whole.values.tobytes()
    assert found.extreme.equals(whole.extreme)
