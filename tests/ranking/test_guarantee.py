from dataclasses import replace

import pandas as pd
import pytest

from quantmia.accountant import Sampling, epsilon
from quantmia.ranking.guarantee import Guarantee
from tests.configurations import training

POOL = 600


def private(**changes):
    dp = replace(training().dp, **({"noise_multiplier": 2.0} | changes))
    return training(dp=dp, epochs=10, batch_size=100)


def guarantee(**changes) -> Guarantee:
    found = Guarantee.of(private(**changes), POOL)
    assert found is not None
    return found


def test_training_without_noise_guarantees_nothing():
    assert Guarantee.of(training(), POOL) is None


def test_a_release_has_the_epsilon_of_its_epochs_and_the_best_that_of_all():
    front = pd.DataFrame({"checkpoint": ["1", "4", "best", "last"], "epoch": [1, 4, 3.4, 10]})
    expected = [epsilon(2.0, Sampling(1 / 3, 3), epochs, 1e-5) for epochs in (1, 4, 10, 10)]
    found = guarantee().of_releases(front)
    assert found == expected
    assert found[0] < found[1] < found[2]


def test_what_training_guarantees_is_said_with_all_that_it_depends_on():
    (caution,) = guarantee().cautions(pd.DataFrame({"quantizer": ["sign"]}))
    assert caution.text == (
        f"trained with DP-SGD: epsilon at most {guarantee().of_all:.2f} at delta 1e-05 (noise "
        "multiplier 2, gradients clipped to 1, 30 steps on 0.33 of the members)"
    )
    assert "seed" in caution.advice
    assert not caution.on_r_q


def test_an_attack_that_shows_more_is_named():
    found = guarantee(delta=1e-6)
    below, above = found.of_all - 0.1, found.of_all + 0.25
    ranking = pd.DataFrame({"quantizer": ["sign", "full"], "epsilon": [below, above]})
    _, refuted = found.cautions(ranking)
    assert refuted.text == (
        f"attacks show an epsilon of {above:.2f} or more of full: more than training guarantees"
    )
    assert len(list(found.cautions(ranking.iloc[:1]))) == 1


@pytest.mark.parametrize("noise", [0.5, 5.0])
def test_less_noise_guarantees_less(noise):
    assert (guarantee(noise_multiplier=noise).of_all > guarantee().of_all) == (noise < 2)
