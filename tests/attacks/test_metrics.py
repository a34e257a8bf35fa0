from functools import cache

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from quantmia.attacks import Lira, LiraEB, LossThreshold, metrics
from quantmia.attacks.metrics import assess, cross_fitted_guesses, mean_auc, mis_upper
from quantmia.statistics import Bootstrap
from tests.attacks.problems import null_problem, problem


@cache
def bootstrap(runs, resamples=200):
    return Bootstrap(runs, resamples, 0.95, np.random.default_rng(0))


def counted_auc(members, scores):
    """Share of the pairs in which the member has the higher score."""
    gap = scores[members][:, None] - scores[~members]
    return (np.mean(gap > 0) + np.mean(gap >= 0)) / 2


def test_auc_and_advantage_equal_counting():
    seen = problem(10, 60, kind="coin")
    scores = np.round(seen.signal, 1)  # ties
    result = assess(scores, seen.members, bootstrap(10))
    pairs = list(zip(seen.members, scores, strict=True))
    expected = [roc_auc_score(*pair) for pair in pairs]
    assert [counted_auc(*pair) for pair in pairs] == pytest.approx(expected)
    assert result.auc.value == pytest.approx(np.mean(expected))
    assert mean_auc(scores, seen.members) == pytest.approx(np.mean(expected))
    guessed = cross_fitted_guesses(scores, seen.members)
    rates = [g[m].mean() - g[~m].mean() for g, m in zip(guessed, seen.members, strict=True)]
    assert result.advantage.value == pytest.approx(np.mean(rates))
    assert result.balanced_accuracy.value == pytest.approx((1 + np.mean(rates)) / 2)


def test_the_resamples_are_those_of_their_intervals():
    seen, many = problem(10, 60), bootstrap(10)
    result = assess(seen.signal, seen.members, many)
    assert many.interval(result.auc.value, result.resampled_auc) == result.auc
    assert many.interval(result.advantage.value, result.resampled) == result.advantage
    assert result.resampled_auc.mean() == pytest.approx(result.auc.value, abs=0.01)
    # Of the same runs and samples: where more is guessed right, members lie higher.
    assert np.corrcoef(result.resampled_auc, result.resampled)[0, 1] > 0.5


def test_the_threshold_is_that_of_the_other_runs():
    seen = problem(6, 80)
    guessed = cross_fitted_guesses(seen.signal, seen.members)
    for run in range(6):
        others = np.delete(np.arange(6), run)
        values, mask = seen.signal[others], seen.members[others]
        chosen = seen.signal[run][guessed[run]].min()

        def advantage(threshold, values=values, mask=mask):
            return (values >= threshold)[mask].mean() - (values >= threshold)[~mask].mean()

        # The scores between the threshold and the next lower score of this run guess alike.
        lower = seen.signal[run][~guessed[run]].max()
        between = np.append(values[(values > lower) & (values <= chosen)], chosen)
        best = max(map(advantage, np.unique(values)))
        assert max(map(advantage, between)) == pytest.approx(best)


def test_resampling_samples_widens_the_interval_as_leaving_them_out_does():
    """The linear form on the sample axis against a jackknife over samples."""
    seen = problem(12, 150)
    many = bootstrap(12, 4000)
    result = assess(seen.signal, seen.members, many)
    pairs = list(zip(seen.members, seen.signal, strict=True))
    from_runs = many.means(np.array([counted_auc(*pair) for pair in pairs])).var()
    without = []
    for z in range(150):
        kept = np.delete(np.arange(150), z)
        without.append(np.mean([counted_auc(m[kept], s[kept]) for m, s in pairs]))
    from_samples = 149 / 150 * np.square(np.array(without) - np.mean(without)).sum()
    runs = len(seen.members)
    student = np.sqrt(runs / (runs - 1)) * t.ppf(0.975, runs - 1)
    width = np.sqrt(from_runs + from_samples) * 2 * student
    assert result.auc.high - result.auc.low == pytest.approx(width, rel=0.08)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.slow
def test_resampling_runs_alone_is_too_narrow(monkeypatch):
    """On null data, because every run is a shadow model of the others."""
    monkeypatch.setattr(metrics, "roc_curve", lambda *given: {})  # slow, and not looked at
    covered = np.zeros(2)
    for seed in range(300):
        seen, some = null_problem(seed), bootstrap(8, 300)
        scores = Lira().score(seen)
        pairs = zip(seen.members, scores, strict=True)
        aucs = np.array([counted_auc(mine, own) for mine, own in pairs])
        one = some.interval(float(aucs.mean()), some.means(aucs))
        both = assess(scores, seen.members, some).auc
        covered += [one.low <= 0.5 <= one.high, both.low <= 0.5 <= both.high]
    runs_alone, runs_and_samples = covered / 300
    print(f"AUC 0.5 covered: runs alone {runs_alone:.3f}, runs and samples {runs_and_samples:.3f}")
    assert runs_alone < 0.85
    assert runs_and_samples > 0.93


def test_equal_scores_are_not_told_apart():
    seen = problem(6, 50)
    result = assess(np.zeros((6, 50)), seen.members, bootstrap(6))
    assert result.auc.value == 0.5
    assert result.advantage.value == 0
    assert result.roc[0.01].value == 0


def test_false_positive_rates_below_resolution_are_undefined():
    seen = problem(4, 20)
    assert np.isnan(assess(seen.signal, seen.members, bootstrap(4)).roc[0.001].value)


def test_tpr_at_low_fpr_equals_counting():
    seen = problem(20, 200)
    result = assess(seen.signal, seen.members, bootstrap(20))
    outside = np.sort(seen.signal[~seen.members])[::-1]
    expected = (seen.signal[seen.members] > outside[int(0.01 * len(outside))]).mean()
    assert result.roc[0.01].value == pytest.approx(expected, abs=1e-6)
    assert result.roc[0.01].low <= expected <= result.roc[0.01].high


def test_the_common_bound_pays_for_the_choice_among_attacks():
    seen, many = problem(20, 200), bootstrap(20, 2000)
    one = assess(LossThreshold().score(seen), seen.members, many)
    nothing = assess(np.zeros(seen.loss.shape), seen.members, many)
    alone, together = mis_upper([one], many), mis_upper([one, nothing, nothing], many)
    assert one.mis.value < alone < together < 1
    assert mis_upper([nothing], many) == 1


@pytest.mark.usefixtures("unchecked")
@pytest.mark.slow
@pytest.mark.parametrize("runs", [4, 20])
def test_what_is_attacked_by_default_claims_nothing_on_null_problems(runs, monkeypatch):
    """Members drawn after training: AUC is 0.5 within its error, and the bound on MIS is 1."""
    monkeypatch.setattr(metrics, "roc_curve", lambda *given: {})  # slow, and not looked at
    attacks = [LossThreshold(), LiraEB(), *([Lira()] if runs >= Lira.min_runs else [])]
    aucs, covered, wrong = [], 0, 0
    for seed in range(300):
        seen, some = null_problem(seed, runs), bootstrap(runs, 400)
        results = [assess(each.score(seen), seen.members, some) for each in attacks]
        auc = results[1].auc
        aucs.append(auc.value)
        covered += auc.low <= 0.5 <= auc.high
        wrong += mis_upper(results, some) < 1
    assert np.mean(aucs) == pytest.approx(0.5, abs=3 * np.std(aucs) / np.sqrt(300))
    assert covered >= 300 * 0.93
    assert wrong <= 300 * 0.05


@pytest.mark.usefixtures("unchecked")
@pytest.mark.slow
def test_the_common_bound_holds_on_null_problems(monkeypatch):
    """Three attacks that guess: MIS is 1, and the bound is below 1 in at most 5 %."""
    monkeypatch.setattr(metrics, "roc_curve", lambda *given: {})  # slow, and not looked at
    wrong = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        seen, some = null_problem(seed), bootstrap(8, 400)
        results = [assess(rng.normal(size=(8, 100)), seen.members, some) for _ in range(3)]
        wrong += mis_upper(results, some) < 1
    assert wrong <= 400 * 0.05 + 2 * np.sqrt(400 * 0.05 * 0.95)
