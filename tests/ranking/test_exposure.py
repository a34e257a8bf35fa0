import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import false_discovery_control, kstest

from quantmia.errors import QuantmiaError
from quantmia.ranking.exposure import exposure_p_values, most_exposed, privacy_scores
from tests.attacks.problems import halves


def reference(signal: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The definition, one sample after another."""
    found = []
    for values, was in zip(signal.T, members.T, strict=True):
        inside, outside = values[was], values[~was]
        if min(len(inside), len(outside)) < 2:
            found.append(np.nan)
            continue
        spread = inside.std(ddof=1) + outside.std(ddof=1)
        found.append(abs(inside.mean() - outside.mean()) / spread if spread > 0 else np.nan)
    return np.array(found)


@given(
    arrays(np.float64, (6, 5), elements=st.integers(-8, 8).map(lambda n: n / 4)),
    arrays(bool, (6, 5)),
)
def test_it_is_the_definition(signal, members):
    found = privacy_scores(signal, members)
    assert np.allclose(found, reference(signal, members), equal_nan=True, atol=1e-9)


def test_a_sample_that_training_moves_stands_out():
    rng = np.random.default_rng(0)
    members = rng.random((40, 100)) < 0.5
    signal = rng.normal(size=(40, 100))
    signal[:, 7] += 6 * members[:, 7]
    scores = privacy_scores(signal, members)
    assert scores.argmax() == 7
    assert scores[7] == pytest.approx(3, abs=0.8)  # six over the sum of two deviations of one


class Runs:
    """Runs in memory, in place of folders."""

    def __init__(self, signal: np.ndarray, members: np.ndarray, diverged: int | None = None):
        self.config, self.notes = {}, []
        self.dataset = {"task": "regression"}
        self.runs = [
            Run(s, m, number == diverged)
            for number, (s, m) in enumerate(zip(signal, members, strict=True))
        ]


class Run:
    def __init__(self, signal, members, diverged):
        self.signal, self.members, self.diverged = signal, members, diverged

    def read(self):
        return type("Files", (), {"meta": {"diverged": self.diverged}})

    def scores(self):
        output = self.signal.astype(np.float32)
        target = np.zeros(len(output), np.float32)
        return {"a": output, "b": output / 2, "members": self.members, "target": target}


def test_the_first_quantizer_decides_who_is_named():
    rng = np.random.default_rng(1)
    members, signal = halves(12, 60, rng), rng.normal(size=(12, 60))
    signal[:, :9] += 8 * members[:, :9]
    found = most_exposed(Runs(signal, members, diverged=3), ["a", "b"], 5)  # pyright: ignore[reportArgumentType]
    kept = np.arange(12) != 3
    expected = reference(signal[kept].astype(np.float32), members[kept])
    table = found.table
    assert set(table.index) <= set(range(9))
    assert len(table) == 5
    assert found.found in range(7, 11)
    assert (found.rate, found.runs) == (0.05, 11)
    assert np.allclose(table["a"], expected[table.index], rtol=1e-5)
    assert np.allclose(table["a"], table["b"], rtol=1e-5)  # half the signal, half the spread
    assert (table["q"] <= 0.05).all()
    assert table["p"].is_monotonic_increasing
    again = most_exposed(Runs(signal, members, diverged=3), ["a", "b"], 5)  # pyright: ignore[reportArgumentType]
    assert again.table.equals(table)


def test_nobody_is_named_when_nobody_is_found():
    rng = np.random.default_rng(2)
    members, signal = halves(12, 60, rng), rng.normal(size=(12, 60))
    found = most_exposed(Runs(signal, members), ["a", "b"], 5)  # pyright: ignore[reportArgumentType]
    assert found.found == len(found.table) == 0


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "kind", ["normal", "Student's t", "samples that differ", "shared by a run"]
)
@pytest.mark.parametrize("runs", [8, 20])
def test_shuffled_membership_is_found_no_more_often_than_the_rate_allows(runs, kind):
    """Where nobody can be found, any discovery is a false one, in so many repetitions at most."""
    discoveries = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        signal = (
            rng.standard_t(3, (runs, 80)) if kind == "Student's t" else rng.normal(size=(runs, 80))
        )
        if kind == "samples that differ":
            signal = rng.normal(size=80) + signal * np.exp(rng.normal(size=80))
        if kind == "shared by a run":
            signal += rng.normal(size=(runs, 1))
        p = exposure_p_values(signal, halves(runs, 80, rng), 0.1, rng)
        discoveries.append((false_discovery_control(p[np.isfinite(p)]) <= 0.1).any())
    assert np.mean(discoveries) <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / 200)


def test_p_values_are_even_where_there_is_nothing_and_small_where_there_is():
    rng = np.random.default_rng(3)
    members = halves(20, 400, rng)
    signal = rng.normal(size=(20, 400)) * np.exp(rng.normal(size=400))
    signal[:, :40] += 3 * signal.std(0)[:40] * members[:, :40]
    members[:, 50], members[:, 51] = True, False
    p = exposure_p_values(signal, members, 0.05, rng)
    assert np.isnan(p[[50, 51]]).all()
    rest = p[np.isfinite(p)][40:]
    assert kstest(rest, "uniform").pvalue > 0.001
    assert np.median(p[:40]) < 0.001


def test_the_same_samples_are_found_in_other_runs():
    rng = np.random.default_rng(4)
    members = halves(80, 300, rng)
    strength = np.where(np.arange(300) < 60, rng.uniform(0.5, 3, 300), 0)
    signal = rng.normal(size=(80, 300)) + strength * members
    found = []
    for part in (slice(0, 40), slice(40, 80)):
        p = exposure_p_values(signal[part], members[part], 0.05, rng)
        passing = np.flatnonzero(false_discovery_control(p) <= 0.05)
        found.append(set(passing[np.argsort(p[passing], kind="stable")][:20]))
    assert len(found[0] & found[1]) > 10


def test_few_runs_are_refused():
    signal, members = np.zeros((3, 4)), np.eye(3, 4, dtype=bool)
    with pytest.raises(QuantmiaError, match="needs 4 runs or more, and there are 3"):
        most_exposed(Runs(signal, members), ["a"], 5)  # pyright: ignore[reportArgumentType]
