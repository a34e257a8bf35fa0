"""LiRA against loops written from the formulas of Carlini et al. 2022."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from quantmia.attacks import Lira, LiraShrunk
from tests.attacks.problems import problem


def reference_lira(seen, mode, variance, centre):
    signal = -np.abs(seen.signal) if mode == "offline_one_sided" and seen.two_sided else seen.signal
    runs, pool = signal.shape
    scores = np.zeros((runs, pool))
    middle = {"mean": np.mean, "median": np.median}[centre]
    for i in range(runs):
        others = np.delete(np.arange(runs), i)
        fits = {}
        for side in (True, False):
            groups = [signal[others[seen.members[others, z] == side], z] for z in range(pool)]
            centres = [middle(g) if len(g) else np.nan for g in groups]
            squares = [((g - c) ** 2).sum() for g, c in zip(groups, centres, strict=True)]
            freedom = [max(len(g) - 1, 0) for g in groups]
            spread = np.full(pool, np.sum(squares) / np.sum(freedom))
            if variance == "sample":
                for z in range(pool):
                    if freedom[z] > 0 and squares[z] > 0:
                        spread[z] = squares[z] / freedom[z]
            fits[side] = np.array(centres), np.sqrt(spread)
        inside, outside = (norm.logpdf(signal[i], *fits[side]) for side in (True, False))
        scores[i] = {
            "online": inside - outside,
            "offline": -outside,
            "offline_one_sided": (signal[i] - fits[False][0]) / fits[False][1],
        }[mode]
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


@pytest.mark.parametrize("kind", ["independent", "complementary", "coin"])
@pytest.mark.parametrize("centre", ["mean", "median"])
@pytest.mark.parametrize("variance", ["global", "sample"])
@pytest.mark.parametrize("mode", ["online", "offline", "offline_one_sided"])
def test_lira_equals_its_formula(mode, variance, centre, kind):
    for runs, task in ((12, "binary"), (13, "regression")):
        seen = problem(runs, 40, kind=kind, task=task)
        seen.members[:, 0], seen.members[:, 1] = True, False  # every run, and no run, has these
        seen.signal[:, 2] = 0.5  # equal in all runs
        seen.signal[1] = seen.signal[0]  # ties between runs
        found = Lira(mode=mode, variance=variance, centre=centre).score(seen)
        expected = reference_lira(seen, mode, variance, centre)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_sample_without_evidence_on_a_side_scores_nothing():
    seen = problem(12, 40)
    seen.members[:, 0], seen.members[:, 1] = True, False
    np.testing.assert_array_equal(Lira().score(seen)[:, :2], 0)
    np.testing.assert_array_equal(Lira(mode="offline").score(seen)[:, 0], 0)


def test_per_sample_variance_is_chosen_from_64_runs_on():
    for runs, same in ((63, "global"), (64, "sample")):
        seen = problem(runs, 30)
        np.testing.assert_array_equal(Lira().score(seen), Lira(variance=same).score(seen))


@pytest.mark.parametrize("setting", [{"mode": "onlin"}, {"variance": "fixed"}, {"centre": "mode"}])
def test_unknown_settings_are_refused(setting):
    with pytest.raises(ValueError, match="has to be one of"):
        Lira(**setting)


@pytest.mark.parametrize("runs", [4, 9])
def test_shrunk_lira_equals_its_formula(runs):
    seen = problem(runs, 60)
    seen.members[:, 0], seen.members[:, 1] = True, False
    found = LiraShrunk().score(seen)
    np.testing.assert_allclose(found, reference_shrunk(seen.signal, seen.members), atol=1e-9)


def test_lira_ignores_how_samples_differ():
    seen = problem(20, 100)
    moved = replace(seen, signal=seen.signal + np.linspace(-50, 50, 100))
    np.testing.assert_allclose(Lira().score(moved), Lira().score(seen), atol=1e-7)
