"""Bounds on epsilon against a mechanism whose epsilon is known."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from quantmia.attacks import LiraShrunk, LossThreshold, Rmia
from quantmia.attacks.epsilon import (
    Guesses,
    epsilon_table,
    lower_bound,
    of_all_models,
    of_each_model,
)
from tests.attacks.problems import problem

CONFIDENCE = 0.95


def randomised_response(members, epsilon, rng):
    """Tells the truth about each member with probability e^epsilon / (1 + e^epsilon)."""
    truth = rng.random(members.shape) < 1 / (1 + np.exp(-epsilon))
    return np.where(truth, members, ~members).astype(float)


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 1.0, 2.0, 4.0])
def test_one_model_of_randomised_response(epsilon):
    rng = np.random.default_rng(0)
    members = rng.random((1000, 1000)) < 0.5
    found = of_each_model(randomised_response(members, epsilon, rng), members)
    found = found.bound(CONFIDENCE)["epsilon"]
    # No more often too large than the error rate allows, two standard errors included.
    assert np.mean(found > epsilon) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)
    assert np.median(found) >= 0.6 * epsilon


@cache
def responses(epsilon):
    """Signals of 1000 mechanisms, which every attack sees."""
    found = []
    for seed in range(1000):
        rng = np.random.default_rng([1, seed])  # a stream of its own: the coins come from `seed`
        seen = problem(8, 50, leak=0, seed=seed, kind="coin")
        response = randomised_response(seen.members, epsilon, rng)
        signal = 3 * response + rng.normal(size=(1, 50))
        found.append(replace(seen, signal=signal, loss=np.logaddexp(0, -signal)))
    return found


def joined(guesses):
    """One column each, for the bounds of all at once."""
    parts = [(each.made, each.correct) for each in guesses]
    return Guesses(*(np.concatenate(part, axis=1) for part in zip(*parts, strict=True)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.slow
@pytest.mark.parametrize("attack", [LiraShrunk(), Rmia(), LossThreshold()])
def test_all_models_of_randomised_response(attack):
    """The samples' signals differ, so that the attack has to learn them from other runs."""
    guesses = [of_all_models(attack, seen) for seen in responses(1.0)]
    found = joined(guesses).bound(CONFIDENCE)["epsilon"]
    assert np.mean(found > 1.0) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)
    assert np.median(found) > 0.2


@pytest.mark.usefixtures("unchecked")
@pytest.mark.slow
def test_runs_that_share_their_luck_do_not_add_up():
    """Two runs that guess each other's members are right, or wrong, about the same samples."""

    class Copy(LiraShrunk):
        """Guesses what the last peer was."""

        min_runs = 2

        def score(self, seen):
            scores = np.zeros(seen.loss.shape)
            for run, peers in enumerate(seen.peers):
                if peers.any():
                    scores[run] = seen.members[np.flatnonzero(peers)[-1]]
            return scores

    found, naive = [], []
    for seed in range(1000):
        seen = problem(2, 100, leak=0, seed=seed, kind="coin")
        attack = Copy()
        found.append(of_all_models(attack, seen))
        each = of_each_model(attack.score(seen), seen.members)
        added = (part.sum(1, keepdims=True) for part in (each.made, each.correct))
        naive.append(Guesses(*added))
    found, naive = (joined(each).bound(CONFIDENCE)["epsilon"] > 0 for each in (found, naive))
    assert np.mean(found) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)
    assert np.mean(naive) > 0.08


@pytest.mark.parametrize(("guesses", "correct"), [(50, 40), (1000, 600), (7, 7), (200, 100)])
def test_the_bound_inverts_the_binomial_tail(guesses, correct):
    bound = float(lower_bound(np.array(guesses), np.array(correct), 0.05))
    epsilons = np.linspace(0, 6, 60_001)
    tail = binom.sf(correct - 1, guesses, 1 / (1 + np.exp(-epsilons)))
    expected = epsilons[np.searchsorted(tail, 0.05)]
    assert bound == pytest.approx(expected, abs=2e-4)


def test_the_table_has_a_row_for_every_model_and_the_best_attack():
    seen = problem(8, 200, leak=4.0, kind="coin")
    attacks = {"lira_shrunk": LiraShrunk(), "loss_threshold": LossThreshold()}
    scores = {name: attack.score(seen) for name, attack in attacks.items()}
    table = epsilon_table(attacks, scores, seen, CONFIDENCE)
    assert len(table) == 3 * 9
    table = table.fillna({"run": -1}).set_index(["attack", "run"])["epsilon"]
    for name, attack in attacks.items():
        strict = float(of_all_models(attack, seen).bound(0.975)["epsilon"][0])
        assert table[name, -1] >= strict
        assert table["any", -1] >= strict
    assert (table["any"] > 0).all()


def test_no_correct_guess_bounds_nothing():
    assert lower_bound(np.array([10, 0]), np.array([0, 0]), 0.05).tolist() == [0, 0]
