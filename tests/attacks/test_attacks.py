"""Attacks against references written from the formulas, on leaking and on null problems."""

import numpy as np
import pytest
from scipy.stats import norm

from quantmia.attacks import Lira, LiraShrunk, LossThreshold
from quantmia.attacks.metrics import assess, cross_fitted_advantage
from quantmia.statistics import Bootstrap
from quantmia.tasks import roc_auc


def problem(runs=20, pool=200, leak=1.0, seed=0):
    rng = np.random.default_rng(seed)
    members = np.zeros((runs, pool), bool)
    for row in members:
        row[rng.permutation(pool)[: pool // 2]] = True
    signal = rng.normal(size=(1, pool)) + leak * members + rng.normal(size=(runs, pool))
    return signal, np.logaddexp(0, -signal), members


def reference_lira(signal, members):
    """Carlini et al. 2022, Algorithm 1, a global variance around each sample's mean."""
    runs, pool = signal.shape
    scores = np.zeros((runs, pool))
    for i in range(runs):
        others = np.delete(np.arange(runs), i)
        density = {}
        for side in (True, False):
            groups = [signal[others[members[others, z] == side], z] for z in range(pool)]
            squares = sum(((g - g.mean()) ** 2).sum() for g in groups if len(g))
            freedom = sum(max(len(g) - 1, 0) for g in groups)
            sd = np.sqrt(squares / freedom)
            density[side] = [
                norm.logpdf(signal[i, z], g.mean(), sd) if len(g) else np.nan
                for z, g in enumerate(groups)
            ]
        scores[i] = np.array(density[True]) - np.array(density[False])
    return np.nan_to_num(scores)


def reference_shrunk(signal, members, strength=2.0):
    runs, pool = signal.shape
    scores = np.zeros((runs, pool))
    for i in range(runs):
        others = np.delete(np.arange(runs), i)
        s, m = signal[others], members[others]
        gap = s[m].mean() - s[~m].mean()
        for z in range(pool):
            middle = s[:, z].mean()
            inside, outside = s[m[:, z], z], s[~m[:, z], z]
            mu_in = (inside.sum() + strength * (middle + gap / 2)) / (len(inside) + strength)
            mu_out = (outside.sum() + strength * (middle - gap / 2)) / (len(outside) + strength)
            scores[i, z] = (signal[i, z] - mu_out) ** 2 - (signal[i, z] - mu_in) ** 2
    return scores


@pytest.mark.parametrize("runs", [8, 13])
def test_lira_equals_its_formula(runs):
    signal, loss, members = problem(runs, 60)
    members[:, 0], members[:, 1] = True, False  # every run, and no run, trained on these
    found = Lira(variance="global").score(signal, loss, members)
    np.testing.assert_allclose(found, reference_lira(signal, members), atol=1e-6)
    np.testing.assert_array_equal(found[:, :2], 0)


def test_lira_with_sample_variance_equals_its_formula():
    signal, loss, members = problem(40, 30)
    found = Lira(variance="sample").score(signal, loss, members)
    for i, z in ((0, 0), (7, 20), (39, 29)):
        others = np.delete(np.arange(40), i)
        log_density = []
        for side in (True, False):
            group = signal[others[members[others, z] == side], z]
            log_density.append(norm.logpdf(signal[i, z], group.mean(), group.std(ddof=1)))
        assert found[i, z] == pytest.approx(log_density[0] - log_density[1], abs=1e-6)


@pytest.mark.parametrize("runs", [4, 9])
def test_shrunk_lira_equals_its_formula(runs):
    signal, loss, members = problem(runs, 60)
    members[:, 0], members[:, 1] = True, False
    found = LiraShrunk().score(signal, loss, members)
    np.testing.assert_allclose(found, reference_shrunk(signal, members), atol=1e-9)


ATTACKS = [LossThreshold(), Lira(), LiraShrunk()]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: type(attack).__name__)
def test_a_leak_is_found_with_the_right_sign(attack):
    signal, loss, members = problem(leak=2.0)
    scores = attack.score(signal, loss, members)
    result = assess(scores, members, Bootstrap(20, 200, 0.95, np.random.default_rng(0)))
    assert result.auc.low > 0.75
    assert result.advantage.low > 0.4
    assert 0 <= result.mis.low <= result.mis.value <= result.mis.high < 0.6
    assert result.tpr[0.01].value > 0.05


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: type(attack).__name__)
def test_no_attack_wins_on_a_null_problem(attack):
    advantages, aucs = [], []
    for seed in range(60):
        signal, loss, members = problem(8, 100, leak=0.0, seed=seed)
        scores = attack.score(signal, loss, members)
        advantages.append(cross_fitted_advantage(scores, members).mean())
        aucs.append(roc_auc(scores, members).mean())
    # A run's own score is missing on one side only: leave-one-out sits slightly below 0.5.
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.03)
    assert np.mean(advantages) <= 3 * np.std(advantages) / np.sqrt(60)


def test_scores_do_not_use_the_runs_own_membership():
    signal, loss, members = problem(10, 50)
    swapped = members.copy()
    swapped[3] = ~swapped[3]
    for attack in ATTACKS:
        before = attack.score(signal, loss, members)
        np.testing.assert_allclose(
            before[3], attack.score(signal, loss, swapped)[3], rtol=1e-9, atol=1e-12
        )


def test_equal_scores_are_not_told_apart():
    _, _, members = problem(6, 50)
    scores = np.zeros((6, 50))
    result = assess(scores, members, Bootstrap(6, 100, 0.95, np.random.default_rng(0)))
    assert result.auc.value == 0.5
    assert result.advantage.value == 0
    assert result.tpr[0.01].value == 0


def test_false_positive_rates_below_resolution_are_undefined():
    signal, _, members = problem(4, 20)
    result = assess(signal, members, Bootstrap(4, 100, 0.95, np.random.default_rng(0)))
    assert np.isnan(result.tpr[0.001].value)


def test_tpr_at_low_fpr_equals_counting():
    signal, _, members = problem(20, 200, leak=1.0)
    result = assess(signal, members, Bootstrap(20, 50, 0.95, np.random.default_rng(0)))
    outside = np.sort(signal[~members])[::-1]
    expected = (signal[members] > outside[int(0.01 * len(outside))]).mean()
    assert result.tpr[0.01].value == pytest.approx(expected, abs=1e-6)
    assert result.tpr[0.01].low <= expected <= result.tpr[0.01].high
