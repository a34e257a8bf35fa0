"""RMIA against loops written from the formulas of Zarifzadeh et al. 2024."""

from dataclasses import replace

import numpy as np
import pytest

from quantmia.attacks import Rmia
from tests.attacks.problems import problem


def reference(seen, mode, gamma, a, temperature):
    runs, pool = seen.loss.shape
    p, q = np.exp(-seen.loss / temperature), np.exp(-seen.population / temperature)
    scores = np.zeros((runs, pool))
    for i in range(runs):
        others = np.delete(np.arange(runs), i)
        ratio_z = []
        for z in range(q.shape[1]):
            marginal = q[others, z].mean()
            if mode == "offline":
                marginal = 0.5 * ((1 + a) * marginal + (1 - a))
            ratio_z.append(q[i, z] / marginal)
        for x in range(pool):
            inside = p[others[seen.members[others, x]], x]
            outside = p[others[~seen.members[others, x]], x]
            if mode == "online":
                sides = [side.mean() for side in (inside, outside) if len(side)]
                marginal = np.mean(sides)
            elif len(outside):
                marginal = 0.5 * ((1 + a) * outside.mean() + (1 - a))
            else:
                marginal = inside.mean()
            ratio_x = p[i, x] / marginal
            scores[i, x] = np.mean([ratio_x / each > gamma for each in ratio_z])
    return scores


@pytest.mark.parametrize("kind", ["independent", "complementary", "coin"])
@pytest.mark.parametrize("mode", ["online", "offline"])
@pytest.mark.parametrize(("gamma", "a", "temperature"), [(1.0, 0.3, 1.0), (2.0, 0.0, 3.0)])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_rmia_equals_its_formula(mode, gamma, a, temperature, kind, task):
    seen = problem(9, 40, kind=kind, task=task)
    seen.members[:, 0], seen.members[:, 1] = True, False
    found = Rmia(mode=mode, gamma=gamma, a=a, temperature=temperature).score(seen)
    np.testing.assert_allclose(found, reference(seen, mode, gamma, a, temperature), atol=1e-6)


def peers_lose(seen, run: int) -> float:
    """Twice the geometric mean of members' and non-members' loss, over the other runs."""
    rows = [each for each in range(len(seen.loss)) if each != run]
    inside = np.mean([seen.loss[each][seen.members[each]].mean() for each in rows])
    outside = np.mean([seen.loss[each][~seen.members[each]].mean() for each in rows])
    return 2 * np.sqrt(inside * outside)


def test_the_temperature_of_a_regression_is_what_the_shadow_models_lose():
    seen = problem(9, 40, task="regression")
    found = Rmia().score(seen)
    temperatures = set()
    for run in range(9):
        wanted = peers_lose(seen, run)
        rounded = 2 ** (round(2 * np.log2(wanted)) / 2)
        assert rounded / wanted == pytest.approx(1, abs=0.19)  # a quarter of an octave
        temperatures.add(rounded)
        np.testing.assert_array_equal(found[run], Rmia(temperature=rounded).score(seen)[run])
    assert 1.0 not in temperatures


def test_a_classification_has_temperature_1():
    seen = problem(9, 40)
    np.testing.assert_array_equal(Rmia().score(seen), Rmia(temperature=1.0).score(seen))


def test_a_run_without_peers_has_a_temperature_all_the_same():
    seen = replace(problem(6, 40, task="regression"), only_earlier=True)
    assert np.isfinite(Rmia().score(seen)).all()


@pytest.mark.parametrize("only_earlier", [False, True])
def test_a_temperature_is_chosen_without_the_membership_of_the_run(only_earlier):
    seen = replace(problem(9, 40, task="regression"), only_earlier=only_earlier)
    turned = replace(seen, members=seen.members.copy())
    turned.members[4] = ~turned.members[4]
    np.testing.assert_array_equal(Rmia().score(seen)[4], Rmia().score(turned)[4])


def test_hopeless_samples_are_no_error():
    seen = problem(6, 40)
    seen.loss[:, :5] = 1e4  # exp underflows in every run
    scores = Rmia().score(seen)
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize(
    "setting", [{"mode": "of"}, {"gamma": 0.0}, {"a": 1.5}, {"temperature": -1.0}]
)
def test_impossible_settings_are_refused(setting):
    with pytest.raises(ValueError, match="has to be"):
        Rmia(**setting)
