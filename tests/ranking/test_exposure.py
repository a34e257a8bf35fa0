import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantmia.errors import QuantmiaError
from quantmia.ranking.exposure import most_exposed, privacy_scores


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
    members, signal = rng.random((12, 30)) < 0.5, rng.normal(size=(12, 30))
    table = most_exposed(Runs(signal, members, diverged=3), ["a", "b"], 5)  # pyright: ignore[reportArgumentType]
    kept = np.arange(12) != 3
    expected = reference(signal[kept].astype(np.float32), members[kept])
    assert list(table.index) == list(np.argsort(-np.nan_to_num(expected))[:5])
    assert np.allclose(table["a"], table["b"], rtol=1e-5)  # half the signal, half the spread


def test_few_runs_are_refused():
    signal, members = np.zeros((3, 4)), np.eye(3, 4, dtype=bool)
    with pytest.raises(QuantmiaError, match="needs 4 runs or more, and there are 3"):
        most_exposed(Runs(signal, members), ["a"], 5)  # pyright: ignore[reportArgumentType]
