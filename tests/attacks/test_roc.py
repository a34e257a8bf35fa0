import numpy as np
import pytest
from sklearn.metrics import roc_curve as reference

from quantmia.attacks.roc import roc_curve, tpr_at
from quantmia.statistics import Bootstrap
from tests.attacks.problems import problem


@pytest.mark.parametrize("kind", ["independent", "coin"])
def test_every_point_lies_on_the_curve_of_scikit_learn(kind):
    seen = problem(10, 30, kind=kind)
    scores = np.round(seen.signal, 2)  # ties
    bootstrap = Bootstrap(10, 100, 0.95, np.random.default_rng(0))
    curve = roc_curve(scores, seen.members, bootstrap)
    fpr, tpr, _ = reference(seen.members.ravel(), scores.ravel(), drop_intermediate=False)
    for rate, point in curve.items():
        if rate * (~seen.members).sum() < 1:
            assert np.isnan(point.value)
            continue
        assert point.value == pytest.approx(tpr[fpr <= rate].max())
        assert point.low <= point.value
    assert curve[1.0].value == 1


def test_many_scores_are_exact_at_every_rate():
    seen = problem(10, 1000)  # more non-members than thresholds
    curve = roc_curve(seen.signal, seen.members, Bootstrap(10, 50, 0.95, np.random.default_rng(0)))
    fpr, tpr, _ = reference(seen.members.ravel(), seen.signal.ravel(), drop_intermediate=False)
    for rate, point in curve.items():
        if np.isfinite(point.value):
            assert point.value == pytest.approx(tpr[fpr <= rate].max())


def test_a_band_widens_with_few_runs():
    seen = problem(40, 50)
    few, many = (
        roc_curve(
            seen.signal[:runs],
            seen.members[:runs],
            Bootstrap(runs, 300, 0.95, np.random.default_rng(0)),
        )[0.1]
        for runs in (5, 40)
    )
    assert few.high - few.low > many.high - many.low > 0


def test_equal_scores_have_no_true_positives_before_the_end():
    seen = problem(4, 50)
    scores = np.zeros(seen.signal.shape)
    curve = roc_curve(scores, seen.members, Bootstrap(4, 50, 0.95, np.random.default_rng(0)))
    assert {point.value for rate, point in curve.items() if 0.01 <= rate < 1} == {0}
    assert curve[1.0].value == 1


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0])
def test_a_single_rate_is_that_of_the_curve(rate, ties):
    rng = np.random.default_rng(0)
    members = rng.random((6, 300)) < 0.5
    scores = rng.normal(size=members.shape) + members
    scores = np.round(scores, 1) if ties else scores
    bootstrap = Bootstrap(6, 10, 0.95, rng)
    assert tpr_at(rate, scores, members) == roc_curve(scores, members, bootstrap)[rate].value


def test_a_rate_that_the_samples_do_not_resolve_is_undefined():
    members = np.array([[True, False, False]])
    assert np.isnan(tpr_at(0.01, np.array([[1.0, 2.0, 3.0]]), members))
