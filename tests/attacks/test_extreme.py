from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from quantmia.attacks import Attack, Lira, LiraEB, LossThreshold, Observed
from quantmia.attacks.extreme import MOST, SHARE, most_extreme, without
from quantmia.attacks.metrics import mean_advantage, mean_auc
from tests.attacks.problems import problem

RUNS, POOL = 12, 200


def seen(task="regression") -> Observed:
    return problem(RUNS, POOL, task=task)


def disturbed(samples, scale=300.0) -> Observed:
    """Signals of a few samples vary wildly between runs, whoever was trained on them."""
    made = seen()
    signal = made.signal.copy()
    noise = np.random.default_rng(1).normal(size=(RUNS, len(samples)))
    signal[:, samples] = scale * noise
    return replace(made, signal=signal, loss=np.square(signal))


def test_ordinary_samples_decide_nothing():
    assert most_extreme(seen()) is None
    assert most_extreme(seen("binary")) is None


@pytest.mark.parametrize("samples", [[7], [0, 199], [3, 50, 51, 120, 180]])
def test_samples_that_vary_wildly_are_found(samples):
    few = most_extreme(disturbed(samples))
    assert few is not None
    assert len(few) == MOST
    assert set(samples) <= set(few.tolist())
    assert list(few) == sorted(few)


def test_their_share_of_the_variance_decides():
    made = seen()
    spread = np.square(made.signal - made.signal.mean(0)).sum(0)
    largest = np.sort(spread)[-MOST:].sum()
    wanted = SHARE * spread.sum() / (1 - SHARE)
    few = np.argsort(spread)[-MOST:]
    for factor, found in ((0.99, False), (1.01, True)):
        rest = spread.sum() - largest
        grown = np.sqrt(factor * wanted / spread.sum() * rest / largest)
        signal = made.signal.copy()
        centre = signal[:, few].mean(0)
        signal[:, few] = centre + grown * (signal[:, few] - centre)
        assert (most_extreme(replace(made, signal=signal)) is not None) == found


def test_among_few_samples_none_is_called_extreme():
    made = disturbed([3])
    chosen = np.arange(100, POOL)
    small = made.without(np.append(chosen, 99))
    assert small.loss.shape[1] == 99
    assert most_extreme(small) is None


def test_the_others_are_what_the_attack_is_shown():
    made, few = disturbed([3, 8]), np.array([3, 8])
    found = without(LossThreshold(), made, few)
    kept = np.delete(np.arange(POOL), few)
    scores, members = -made.loss[:, kept], made.members[:, kept]
    assert found.auc == pytest.approx(mean_auc(scores, members))
    assert found.mis == pytest.approx(1 - mean_advantage(scores, members))
    assert found.cells() == {"auc_without_extreme": found.auc, "mis_without_extreme": found.mis}


@pytest.mark.parametrize("samples", [[3], [3, 8], [3, 8, 20, 60, 100]])
def test_lira_is_blinded_by_a_few_and_lira_eb_is_not(samples):
    made = disturbed(samples)
    few = most_extreme(made)
    assert few is not None
    blind, robust = (1 - mean_advantage(a.score(made), made.members) for a in (Lira(), LiraEB()))
    assert blind > 0.99
    assert without(Lira(), made, few).mis < 0.6
    assert robust < 0.55
    assert abs(without(LiraEB(), made, few).mis - robust) < 0.02


@dataclass(frozen=True, kw_only=True)
class Looks(Attack):
    """Keeps what it is shown."""

    min_runs: ClassVar[int] = 2
    shown: list

    def score(self, seen):
        self.shown.append(seen)
        return -seen.loss


def test_every_part_of_what_is_seen_loses_the_samples():
    made = seen()
    features = np.arange(POOL * 3.0).reshape(POOL, 3), np.zeros((POOL // 2, 3))
    made = replace(made, features=features)
    attack = Looks(shown=[])
    without(attack, made, np.array([0, 5]))
    (shown,) = attack.shown
    kept = np.delete(np.arange(POOL), [0, 5])
    for name in ("signal", "loss", "members", "output", "target"):
        np.testing.assert_array_equal(getattr(shown, name), getattr(made, name)[:, kept])
    np.testing.assert_array_equal(shown.population, made.population)
    np.testing.assert_array_equal(shown.features[0], features[0][kept])
    assert shown.features[1] is features[1]
