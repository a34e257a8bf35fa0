import numpy as np
import pytest
from problems import problem
from sklearn.metrics import roc_curve as reference

from quantmia.attacks.roc import roc_curve
from quantmia.statistics import Bootstrap


@pytest.mark.parametrize("kind", ["independent", "coin"])
def test_every_point_lies_on_the_curve_of_scikit_learn(kind):
    seen = problem(10, 30, kind=kind)
    scores = np.round(seen.signal, 2)  # ties
    bootstrap = Bootstrap(10, 100, 0.95, np.random.default_rng(0))
    points = roc_curve(scores, seen.members, bootstrap)
    fpr, tpr, _ = reference(seen.members.ravel(), scores.ravel(), drop_intermediate=False)
    assert points[0]["fpr"] >= 1 / (~seen.members).sum()
    for point in points:  # 150 non-members are fewer than the thresholds that are tried
        assert point["tpr"] == pytest.approx(tpr[fpr <= point["fpr"] + 1e-9].max())
        assert point["low"] <= point["tpr"] + 1e-9
    assert points[-1]["tpr"] == 1


def test_a_band_widens_with_few_runs():
    seen = problem(40, 50)
    few, many = (
        roc_curve(
            seen.signal[:runs],
            seen.members[:runs],
            Bootstrap(runs, 300, 0.95, np.random.default_rng(0)),
        )[-10]
        for runs in (5, 40)
    )
    assert few["high"] - few["low"] > many["high"] - many["low"] > 0


def test_equal_scores_have_no_true_positives_before_the_end():
    seen = problem(4, 50)
    scores = np.zeros(seen.signal.shape)
    points = roc_curve(scores, seen.members, Bootstrap(4, 50, 0.95, np.random.default_rng(0)))
    assert [point["tpr"] for point in points[:-1]] == [0] * (len(points) - 1)
