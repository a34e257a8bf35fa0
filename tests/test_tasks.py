import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax
from scipy.stats import mannwhitneyu
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)

from quantmia.tasks import TASKS, calibration_error, roc_auc

RNG = np.random.default_rng(0)
REGRESSION, BINARY, MULTICLASS = (TASKS[n] for n in ("regression", "binary", "multiclass"))
OUTPUT = RNG.normal(size=(3, 50, 1)).astype(np.float32) * 2
REAL = RNG.normal(size=(3, 50)).astype(np.float32)
LABEL = RNG.integers(0, 2, (3, 50))
LOGITS = RNG.normal(size=(3, 50, 4)).astype(np.float32) * 2
CLASS = RNG.integers(0, 4, (3, 50))


def test_squared_error():
    loss = REGRESSION.loss(torch.tensor(OUTPUT), torch.tensor(REAL)).numpy()
    assert np.allclose(loss, (OUTPUT[..., 0] - REAL) ** 2, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_logistic_loss(dtype):
    loss = BINARY.loss(torch.tensor(OUTPUT), torch.tensor(LABEL.astype(dtype))).numpy()
    p = expit(OUTPUT[..., 0].astype(np.float64))
    assert np.allclose(loss, -np.log(np.where(LABEL == 1, p, 1 - p)), atol=1e-6)
    assert loss.mean() == pytest.approx(log_loss(LABEL.ravel(), p.ravel()), rel=1e-5)


def test_logistic_loss_of_a_very_wrong_answer_is_its_logit():
    loss = BINARY.loss(torch.tensor([[500.0], [-500.0]]), torch.tensor([0, 1]))
    assert loss.tolist() == [500.0, 500.0]


def test_cross_entropy():
    loss = MULTICLASS.loss(torch.tensor(LOGITS), torch.tensor(CLASS)).numpy()
    p = softmax(LOGITS.astype(np.float64), axis=-1)
    own = np.take_along_axis(p, CLASS[..., None], -1)[..., 0]
    assert loss.shape == (3, 50)
    assert np.allclose(loss, -np.log(own), rtol=1e-5)


def test_regression_signal_and_utility():
    assert np.allclose(REGRESSION.signal(OUTPUT, REAL), OUTPUT[..., 0] - REAL, atol=1e-6)
    utility = REGRESSION.utility(OUTPUT[0], REAL[0])
    assert utility["r2"] == pytest.approx(r2_score(REAL[0], OUTPUT[0, :, 0]), rel=1e-5)
    rmse = mean_squared_error(REAL[0], OUTPUT[0, :, 0]) ** 0.5
    assert utility["rmse_standardised"] == pytest.approx(rmse, rel=1e-5)


def test_r2_does_not_depend_on_the_unit_of_the_target():
    here = REGRESSION.utility(OUTPUT[0], REAL[0])["r2"]
    there = REGRESSION.utility(OUTPUT[0] * 4 + 8, REAL[0] * 4 + 8)["r2"]
    assert here == pytest.approx(there, rel=1e-4)


def test_binary_signal_and_utility():
    p = expit(OUTPUT[..., 0].astype(np.float64))
    own = np.where(LABEL == 1, p, 1 - p)
    signal = BINARY.signal(OUTPUT, LABEL)
    assert signal.dtype == np.float64
    assert np.allclose(signal, np.log(own) - np.log(1 - own), rtol=1e-6)
    utility = BINARY.utility(OUTPUT[0], LABEL[0])
    assert utility["accuracy"] == pytest.approx(accuracy_score(LABEL[0], p[0] > 0.5))
    positive = LABEL[0] > 0.5
    logit = OUTPUT[0, :, 0]
    statistic = mannwhitneyu(logit[positive], logit[~positive]).statistic
    pairs = positive.sum() * (~positive).sum()
    assert utility["roc_auc"] == pytest.approx(statistic / pairs)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=40))
def test_the_roc_auc_is_that_of_scikit_learn(pairs):
    score, positive = (np.array(each) for each in zip(*pairs, strict=True))
    if positive.all() or not positive.any():
        assert np.isnan(roc_auc(score.astype(float), positive))
    else:
        expected = roc_auc_score(positive, score)
        assert roc_auc(score.astype(float), positive) == pytest.approx(expected, abs=1e-12)


def test_macro_roc_auc_is_the_mean_over_the_classes_that_occur():
    rng = np.random.default_rng(0)
    output, target = rng.normal(size=(60, 4)), rng.integers(3, size=60)  # nothing of class 3
    found = TASKS["multiclass"].utility(output, target)["macro_roc_auc"]
    probability = np.exp(output) / np.exp(output).sum(1, keepdims=True)
    expected = []
    for each in range(3):
        own, rest = probability[target == each, each], probability[target != each, each]
        expected.append((own[:, None] > rest[None, :]).mean())
    assert found == pytest.approx(np.mean(expected))
    assert np.isnan(TASKS["multiclass"].utility(output, np.zeros(60))["macro_roc_auc"])


def test_multiclass_signal_and_utility():
    p = softmax(LOGITS.astype(np.float64), axis=-1)
    own = np.take_along_axis(p, CLASS[..., None], -1)[..., 0]
    signal = MULTICLASS.signal(LOGITS, CLASS)
    assert np.allclose(signal, np.log(own) - np.log(1 - own), rtol=1e-6)
    expected = accuracy_score(CLASS[0], LOGITS[0].argmax(1))
    assert MULTICLASS.utility(LOGITS[0], CLASS[0])["accuracy"] == pytest.approx(expected)


def test_the_signal_of_a_certain_answer_is_finite():
    logits = np.array([[0.0, 900.0, -900.0]] * 2, np.float32)
    assert MULTICLASS.signal(logits, np.array([1, 2])).tolist() == [900.0, -1800.0]
    assert BINARY.signal(np.array([[900.0]], np.float32), np.array([0])).tolist() == [-900.0]


def test_two_classes_have_the_same_loss_and_signal_as_one_logit():
    two = np.concatenate([np.zeros_like(OUTPUT), OUTPUT], -1)
    binary = BINARY.loss(torch.tensor(OUTPUT), torch.tensor(LABEL))
    multiclass = MULTICLASS.loss(torch.tensor(two), torch.tensor(LABEL))
    assert torch.allclose(binary, multiclass, atol=1e-6)
    assert np.allclose(BINARY.signal(OUTPUT, LABEL), MULTICLASS.signal(two, LABEL), atol=1e-6)


def test_outputs_of_models():
    assert [task.out_features(5) for task in (REGRESSION, BINARY, MULTICLASS)] == [1, 1, 5]


def test_calibration_error_is_that_of_the_bins():
    rng = np.random.default_rng(3)
    confidence = rng.random(500)
    correct = rng.random(500) < 0.7
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence >= low) & (confidence < low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - correct[inside].mean())
    assert calibration_error(confidence, correct) == pytest.approx(expected)
    assert calibration_error(np.ones(4), np.ones(4, bool)) == 0  # the last bin holds its end


def test_calibrated_probabilities_have_a_small_error_and_others_a_large_one():
    rng = np.random.default_rng(4)
    logit = rng.normal(size=(20_000, 1)) * 2
    label = (rng.random(20_000) < expit(logit[:, 0])).astype(np.int64)
    assert BINARY.utility(logit, label)["calibration_error"] < 0.02
    assert BINARY.utility(logit * 5, label)["calibration_error"] > 0.08
    logits = np.hstack([np.zeros_like(logit), logit])  # the same as two classes
    same = MULTICLASS.utility(logits, label)["calibration_error"]
    assert same == pytest.approx(BINARY.utility(logit, label)["calibration_error"])


def test_the_calibration_slope_is_that_of_least_squares():
    slope = REGRESSION.utility(OUTPUT[0], REAL[0])["calibration_slope"]
    assert slope == pytest.approx(np.polyfit(OUTPUT[0, :, 0], REAL[0], 1)[0], rel=1e-4)
    constant = REGRESSION.utility(np.zeros_like(OUTPUT[0]), REAL[0])["calibration_slope"]
    assert np.isnan(constant)


@pytest.mark.parametrize("task", [REGRESSION, BINARY, MULTICLASS])
def test_the_influence_on_the_figure_of_merit_is_its_derivative_by_a_weight(task):
    rng = np.random.default_rng(5)
    output = rng.normal(size=(50, 3 if task is MULTICLASS else 1))
    target = rng.normal(size=50) if task is REGRESSION else rng.integers(2, size=50)
    value, influence = task.merit(output, target)
    assert value == pytest.approx(task.utility(output, target)[task.utility_metric], abs=1e-6)
    assert influence.mean() == pytest.approx(0, abs=1e-9)
    for sample in range(0, 50, 7):
        # A sample repeated a thousandth more often: 1000 copies of all, and one of it.
        times = np.full(50, 1000)
        times[sample] += 1
        more, _ = task.merit(np.repeat(output, times, 0), np.repeat(target, times))
        assert (more - value) * 50_000 == pytest.approx(influence[sample], abs=0.01)


def test_targets_that_are_all_the_same_leave_r2_undefined():
    value, influence = REGRESSION.merit(np.ones((3, 1)), np.zeros(3))
    assert np.isnan(value)
    assert np.isnan(influence).all()
    assert len(influence) == 3


def test_the_best_guess_looks_at_no_sample():
    assert REGRESSION.guess(np.array([1.0, 2.0])) == 0
    assert BINARY.guess(np.array([1.0, 0.0, 1.0, 1.0])) == 0.75
    assert MULTICLASS.guess(np.array([0, 1, 2, 2, 2])) == 0.6
