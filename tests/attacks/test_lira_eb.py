"""LiRA by empirical Bayes against loops over its formulas, and on data that blind other attacks."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata, t

from quantmia.attacks import Lira, LiraEB, LiraShrunk, LossThreshold, Observed, Rmia
from quantmia.attacks.moderated import moderated, variance_ratio
from tests.attacks.problems import problem
from tests.attacks.test_run_effects import moved


def reference(signal, members, run):
    """The scores of one run: its priors by plain numbers, every density by scipy.

    Moderated variances have a test of their own and are taken as they are.
    """
    everyone = Observed(
        signal=signal, loss=signal, members=members, population=signal,
        output=signal[..., None], target=signal, two_sided=False,
    )  # fmt: skip
    inside, outside = (everyone.leave_one_out(signal, side) for side in (members, ~members))
    ratio = float(variance_ratio(inside, outside)[run, 0])
    others = np.delete(np.arange(len(signal)), run)
    pool, sides, centres, deviations = signal.shape[1], [], [], []
    for z in range(pool):
        a = [signal[r, z] for r in others if members[r, z]]
        b = [signal[r, z] for r in others if not members[r, z]]
        sides.append((a, b))
        centres.append((sum(a) / ratio + sum(b)) / (len(a) / ratio + len(b)))
        squares = [sum((s - np.mean(g)) ** 2 for s in g) for g in (a, b)]
        deviations.append(squares[0] / ratio + squares[1])
    counts = np.array([[len(a), len(b)] for a, b in sides])
    freedom = np.maximum(counts - 1, 0).sum(1)
    variances, degrees = moderated(
        np.array([deviations]), freedom[None].astype(float), np.array([centres])
    )
    prior, strength = np.zeros(pool), 1.0
    share = np.array([len(a) / ratio / (len(a) / ratio + len(b)) for a, b in sides])
    known = [z for z in range(pool) if all(sides[z])]
    for _ in range(8):
        rows = []
        for z in known:
            gap, noise = np.mean(sides[z][1]) - np.mean(sides[z][0]), _noise(sides[z], ratio)
            scale = variances[0, z] * (noise + strength)
            weight = (degrees[0, z] + 1) / (degrees[0, z] + (gap - prior[z]) ** 2 / scale)
            rows.append((centres[z] + (share[z] - 0.5) * prior[z], gap, weight / scale, weight))
        x, y, precision, weights = np.array(rows).T
        slope, intercept = np.polyfit(x, y, 1, w=np.sqrt(precision))
        slope = np.clip(slope, -1.9, 1.9)
        prior = (intercept + slope * np.array(centres)) / (1 - slope * (share - 0.5))
        total = count = 0.0
        for z, gap, weight in zip(known, y, weights, strict=True):
            noise = _noise(sides[z], ratio)
            excess = weight * (gap - prior[z]) ** 2 / variances[0, z] - noise
            total += excess / (noise + strength) ** 2
            count += 1 / (noise + strength) ** 2
        strength = max(total / count, 0.0)
    scores = []
    for z, (a, b) in enumerate(sides):
        gap, rest = prior[z], strength
        if a and b:
            noise = _noise(sides[z], ratio)
            gap += strength / (strength + noise) * (np.mean(b) - np.mean(a) - prior[z])
            rest = strength * noise / (strength + noise)
        worth = len(a) / ratio + len(b)
        logs = []
        for mean, own, part in (
            (centres[z] - (1 - share[z]) * gap, ratio, 1 - share[z]),
            (centres[z] + share[z] * gap, 1.0, share[z]),
        ):
            scale = np.sqrt(variances[0, z] * (own + 1 / worth + part**2 * rest))
            logs.append(t.logpdf(signal[run, z], degrees[0, z], mean, scale))
        scores.append(logs[0] - logs[1])
    return np.array(scores)


def _noise(side, ratio):
    return ratio / len(side[0]) + 1 / len(side[1])


@pytest.mark.parametrize("kind", ["independent", "complementary", "coin"])
@pytest.mark.parametrize("runs", [4, 5, 12])
def test_scores_equal_their_formula(runs, kind):
    seen = problem(runs, 40, kind=kind)
    seen.members[:, 0], seen.members[:, 1] = True, False  # every run, and no run, has these
    found = LiraEB().score(seen)
    for run in (0, runs - 1):
        expected = reference(seen.signal, seen.members, run)
        np.testing.assert_allclose(found[run], expected, rtol=1e-5, atol=1e-6)


def test_residuals_take_the_signal_that_tells_members_better_apart():
    """A shift and a stretch of whole models hide nothing."""
    seen, hidden = moved()
    plain = auc(LiraEB().score(seen), seen.members)
    assert auc(Lira().score(hidden), seen.members) < plain - 0.1
    assert auc(LiraEB().score(hidden), seen.members) > plain - 0.03


def auc(scores, members):
    found = []
    for own, mine in zip(scores, members, strict=True):
        above = rankdata(own)[mine].sum() - mine.sum() * (mine.sum() + 1) / 2
        found.append(above / (mine.sum() * (~mine).sum()))
    return float(np.mean(found))


OTHERS = {
    "lira": Lira(),
    "lira_shrunk": LiraShrunk(),
    "loss_threshold": LossThreshold(),
    "rmia": Rmia(),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("runs", [8, 20])
def test_it_is_never_much_worse_than_the_best_of_the_others(runs, task):
    found, best = [], []
    for leak in (0.2, 0.5, 1.0):
        for seed in range(5):
            seen = problem(runs, 400, leak=leak, seed=seed, task=task)
            found.append(auc(LiraEB().score(seen), seen.members))
            best.append(max(auc(each.score(seen), seen.members) for each in OTHERS.values()))
    assert np.mean(np.array(found) - best) > -0.002
    assert np.min(np.array(found) - best) > -0.02


LEAK = 0.7


def heavy(kind, seen):
    """The same problem with samples that no model fits."""
    rng = np.random.default_rng(7)
    signal = seen.signal.copy()
    pool = signal.shape[1]
    if kind == "a feature times 300":  # such samples follow each model's weights, far out
        chosen = rng.choice(pool, pool // 100, replace=False)
        signal[:, chosen] += 300 * rng.normal(size=(len(signal), len(chosen)))
    elif kind == "Student's t noise":
        noise = rng.standard_t(2, size=(1, pool))
        signal += noise * np.exp(-LEAK * seen.members) if seen.two_sided else noise
    else:
        signal[:, 0] += 500
    return replace(seen, signal=signal, loss=signal**2 if seen.two_sided else seen.loss)


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("runs", [8, 20])
@pytest.mark.parametrize(
    "kind", ["a feature times 300", "Student's t noise", "500 standard deviations out"]
)
def test_a_handful_of_samples_decides_nothing_for_the_others(kind, runs, task):
    seen = problem(runs, 400, leak=LEAK, seed=1, task=task)
    before = auc(LiraEB().score(seen), seen.members)
    after = auc(LiraEB().score(heavy(kind, seen)), seen.members)
    assert after > before - 0.02


def test_runs_that_are_all_the_same_score_nothing():
    seen = problem(6, 30)
    same = replace(seen, signal=np.ones_like(seen.signal))
    np.testing.assert_array_equal(LiraEB().score(same), 0)
