import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax

from quantmia.errors import OutputsError
from quantmia.recording.outputs import answers
from quantmia.recording.pool import Pool
from tests.recording.made import SAMPLES, outputs, plan, probabilities, target

POOLS = {
    task: Pool.of(target(task), plan().members, task)
    for task in ("regression", "binary", "multiclass")
}


@pytest.mark.parametrize("shape", [(SAMPLES,), (SAMPLES, 1)])
def test_predictions_are_measured_as_targets_are(shape):
    pool, raw = POOLS["regression"], outputs("regression", 0)
    mean, deviation = pool.scale
    found = answers(raw.reshape(shape), pool, "it")
    assert found.values.dtype == np.float32
    np.testing.assert_allclose(found.values, (raw - mean) / deviation, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", [None, "logits"])
def test_logits_are_kept_as_they_are(kind):
    for task in ("binary", "multiclass"):
        raw = outputs(task, 0).astype(np.float32)
        np.testing.assert_array_equal(answers(raw, POOLS[task], "it", kind).values, raw)


@pytest.mark.parametrize("kind", [None, "probabilities"])
def test_probabilities_become_logits(kind):
    raw = outputs("binary", 0)
    for given_as in (probabilities(raw), np.stack([1 - probabilities(raw), probabilities(raw)], 1)):
        found = answers(given_as, POOLS["binary"], "it", kind)
        np.testing.assert_allclose(found.values, raw, rtol=1e-5, atol=1e-5)
        assert found.saturated == 0
    many = outputs("multiclass", 0)
    found = answers(probabilities(many), POOLS["multiclass"], "it", kind)
    np.testing.assert_allclose(found.values, log_softmax(many, 1), rtol=1e-5, atol=1e-5)


def test_two_logits_are_one():
    raw = np.stack([outputs("binary", 1), outputs("binary", 0)], axis=1)
    found = answers(raw, POOLS["binary"], "it")
    np.testing.assert_allclose(found.values, raw[:, 1] - raw[:, 0], rtol=1e-5)


@given(arrays(np.float32, SAMPLES, elements=st.floats(0, 1, width=32)))
def test_the_order_of_probabilities_is_that_of_logits(raw):
    if np.isin(raw, (0, 1)).all():
        return
    found = answers(raw, POOLS["binary"], "it", "probabilities")
    assert np.isfinite(found.values).all()
    order = np.argsort(raw, kind="stable")
    assert (np.diff(found.values[order]) >= 0).all()
    least = np.finfo(np.float32).eps / 2
    assert found.saturated == ((raw < least) | (raw > 1 - least)).sum()


def test_probabilities_that_are_rounded_to_0_or_1_are_counted():
    both = probabilities(outputs("binary", 0))
    both[[3, 5]] = 0, 1
    found = answers(np.stack([1 - both, both], 1), POOLS["binary"], "it")
    assert found.saturated == 2
    assert np.isfinite(found.values).all()
    assert found.values[3] == found.values.min()
    assert found.values[5] == found.values.max()
    of_one = answers(both, POOLS["binary"], "it")
    np.testing.assert_allclose(found.values, of_one.values, rtol=1e-5)
    assert of_one.saturated == 2


def test_probabilities_a_little_beyond_0_and_1_are_rounded_ones():
    both = probabilities(outputs("binary", 0))
    beyond = both.copy()
    both[[3, 5]], beyond[[3, 5]] = (0, 1), (-1e-7, 1 + 1e-7)
    found, expected = (answers(each, POOLS["binary"], "it") for each in (beyond, both))
    assert found.kind == "probabilities"
    np.testing.assert_array_equal(found.values, expected.values)


def test_tensors_come_from_wherever_they_are():
    raw = outputs("multiclass", 0).astype(np.float32)
    tensor = torch.tensor(raw, requires_grad=True)
    np.testing.assert_array_equal(answers(tensor, POOLS["multiclass"], "it").values, raw)


def hostile(task: str, how) -> tuple[str, np.ndarray]:
    return task, how(outputs(task, 0))


def row(at, value):
    def change(values):
        values[at] = value
        return values

    return change


@pytest.mark.parametrize(
    ("made", "kind", "said"),
    [
        (hostile("multiclass", lambda raw: raw.T), None, "it looks transposed"),
        (hostile("regression", lambda raw: raw[:-1]), None, r"shape \(59,\), and regression of 60"),
        (hostile("multiclass", lambda raw: raw[:, :3]), None, r"has \(60, 4\)"),
        (hostile("binary", lambda raw: np.stack([raw] * 3, 1)), None, r"\(60,\) or \(60, 2\)"),
        (hostile("regression", row(4, np.nan)), None, "^it: row 4 is nan"),
        (hostile("multiclass", row((4, 2), np.inf)), None, r"^it: row \(4, 2\) is inf"),
        (hostile("binary", lambda raw: raw.astype(np.float16)), None, "float16 has three digits"),
        (hostile("binary", lambda raw: raw.astype(object)), None, "holds objects"),
        (hostile("binary", lambda raw: raw.astype(complex)), None, "holds complex128"),
        (hostile("regression", lambda raw: raw), "logits", "a regression has predictions"),
        (hostile("binary", lambda raw: raw), "predictions", "how sure a classifier is"),
        (hostile("binary", lambda raw: (raw > 0).astype(int)), None, "which are labels"),
        (hostile("binary", lambda raw: np.sign(raw)), None, "which are labels"),
        (hostile("multiclass", lambda raw: np.eye(4)[raw.argmax(1)]), None, "which are labels"),
        (hostile("binary", lambda raw: raw), "probs", "outputs=probs: has to be one of logits"),
        (hostile("regression", row(4, 1e39)), None, r"row 4 is .*e\+38, and 1e\+18 is too much"),
        (hostile("multiclass", probabilities), "logits", "these are probabilities"),
        (hostile("binary", lambda raw: raw), "probabilities", r"is not between 0 and 1"),
        (
            hostile("multiclass", lambda raw: row((7, 0), 0.9999)(probabilities(raw))),
            "probabilities",
            "row 7: 1.* is the sum of its probabilities",
        ),
        (
            hostile("multiclass", lambda raw: row(slice(None), 0.1)(probabilities(raw))),
            None,
            r"row 0: 0.4 is the sum of a row between 0 and 1: say whether these are logits \(60",
        ),
        (hostile("multiclass", lambda raw: raw - 9), "probabilities", "is not between 0 and 1"),
    ],
)
def test_what_cannot_be_is_one_message(made, kind, said):
    task, values = made
    with pytest.raises(OutputsError, match=said) as refused:
        answers(values, POOLS[task], "it", kind)
    assert "\n" not in str(refused.value)


def test_half_precision_of_tensors_is_refused():
    with pytest.raises(OutputsError, match="bfloat16 has two digits"):
        answers(torch.zeros(SAMPLES, dtype=torch.bfloat16), POOLS["binary"], "it")


def test_batches_as_they_come_and_tensors_without_numbers_are_refused():
    with pytest.raises(OutputsError, match=r"not an array .*; of batches: np.concatenate, torch.c"):
        answers([torch.zeros(32), torch.zeros(28)], POOLS["binary"], "it")
    with pytest.raises(OutputsError, match="a tensor on the meta device, which holds no numbers"):
        answers(torch.zeros(SAMPLES, device="meta"), POOLS["binary"], "it")
