import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from quantmia import accountant
from quantmia.accountant import INTERVAL, Sampling, epsilon, noise_multiplier
from quantmia.errors import QuantmiaError

DELTA = 1e-5


@pytest.mark.parametrize(
    ("noise", "rate", "steps", "published", "by"),
    [
        (4.0, 0.01, 10_000, 1.26, "Abadi et al. 2016, section 3, moments accountant"),
        (1.12, 256 / 60_000, 14_062, 2.95, "Opacus, compute_dp_sgd_privacy, RDP"),
        (1.3, 256 / 60_000, 4_687, 1.34, "Bu et al. 2020, figure 4, moments accountant"),
    ],
)
def test_published_upper_bounds_hold_and_are_not_far(noise, rate, steps, published, by):
    found = epsilon(noise, Sampling(rate, 1), steps, DELTA)
    assert 0.5 * published < found < published, by


def delta_of_gaussian(value, mu):
    """Of a Gaussian mechanism (Balle and Wang 2018, theorem 8)."""
    return norm.cdf(mu / 2 - value / mu) - math.exp(value) * norm.cdf(-mu / 2 - value / mu)


@pytest.mark.parametrize(("noise", "steps"), [(2.0, 1), (1.9, 10), (8.0, 60), (0.7, 1)])
def test_without_sampling_it_is_the_closed_form(noise, steps):
    mu = math.sqrt(steps) / noise
    exact = brentq(lambda value: delta_of_gaussian(value, mu) - DELTA, 0, 200)
    found = epsilon(noise, Sampling(1.0, 1), steps, DELTA)
    assert exact <= found <= exact + 2 * INTERVAL


def delta_of_a_step(value, noise, rate):
    """Of one step on a Poisson sample, with one sample more or less: whichever gives more away."""

    def there(x):  # the sample may be in the batch
        return (1 - rate) * norm.sf(x, 0, noise) + rate * norm.sf(x, 1, noise)

    def loss(x):
        return math.log1p(rate * math.expm1((2 * x - 1) / (2 * noise**2)))

    removed = brentq(lambda x: loss(x) - value, -100, 100)
    added = brentq(lambda x: loss(x) + value, -100, 100) if value < -math.log1p(-rate) else None
    of_removing = there(removed) - math.exp(value) * norm.sf(removed, 0, noise)
    if added is None:
        return of_removing
    return max(of_removing, norm.cdf(added, 0, noise) - math.exp(value) * (1 - there(added)))


@pytest.mark.parametrize(("noise", "rate"), [(0.8, 0.1), (1.5, 0.5), (0.5, 0.01)])
def test_one_step_on_a_sample_is_the_closed_form(noise, rate):
    exact = brentq(lambda value: delta_of_a_step(value, noise, rate) - DELTA, 1e-3, 30)
    found = epsilon(noise, Sampling(rate, 1), 1, DELTA)
    assert exact - 1e-9 <= found <= exact + 2 * INTERVAL


def test_many_steps_on_samples_are_what_draws_of_their_losses_say():
    noise, rate, steps, draws, delta = 1.0, 0.2, 20, 400_000, 1e-2
    rng = np.random.default_rng(0)
    total = np.zeros(draws)
    for _ in range(steps):
        x = noise * rng.standard_normal(draws) + (rng.random(draws) < rate)
        total += np.log1p(rate * np.expm1((2 * x - 1) / (2 * noise**2)))
    found = epsilon(noise, Sampling(rate, steps), 1, delta)
    excess = np.maximum(-np.expm1(found - total), 0)  # E of it is delta, of removing a sample
    assert excess.mean() == pytest.approx(delta, abs=4 * excess.std() / draws**0.5 + 1e-4)


@pytest.mark.parametrize("wanted", [0.5, 8.0])
def test_noise_is_the_least_that_gives_an_epsilon(wanted):
    sampling = Sampling.of(400, 64)
    noise = noise_multiplier(wanted, sampling, 10, DELTA)
    assert epsilon(noise, sampling, 10, DELTA) <= wanted
    assert epsilon(noise * 0.99, sampling, 10, DELTA) > wanted


def test_more_steps_give_more_away():
    sampling = Sampling.of(400, 64)
    found = [epsilon(1.5, sampling, epochs, DELTA) for epochs in (1, 2, 5, 20)]
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("pool", "batch", "rate", "steps"), [(100, 50, 1.0, 1), (100, 25, 0.5, 2), (101, 16, 0.25, 4)]
)
def test_an_epoch_sees_each_member_once_in_the_mean(pool, batch, rate, steps):
    assert Sampling.of(pool, batch) == Sampling(rate, steps)


def test_an_epsilon_that_no_noise_gives_is_refused():
    with pytest.raises(QuantmiaError, match=r"training\.dp\.epsilon=1e-12: no noise was found"):
        noise_multiplier(1e-12, Sampling(1.0, 1), 1000, 1e-9)


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dp_accounting", None)
    with pytest.raises(QuantmiaError, match=r"pip install 'quantmia\[dp\]'"):
        accountant._package()
