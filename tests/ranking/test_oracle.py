"""The oracle against enumeration of every sample, and the rates against its slope."""

from itertools import product

import numpy as np
import pytest

from quantmia.ranking.oracle import exact_mis, population_rate


def brute_force(losses, probabilities, n):
    """MIS by enumerating all z in Z^n, straight from the definition."""
    models, points = losses.shape
    joint = np.zeros((models, points))  # P(theta_hat = k, z_1 = z)
    for z in product(range(points), repeat=n):
        sums = [round(sum(losses[k, i] for i in z), 9) for k in range(models)]
        joint[sums.index(min(sums)), z[0]] += np.prod(probabilities[list(z)])
    product_of_marginals = joint.sum(1, keepdims=True) * probabilities
    return 1 - np.abs(joint - product_of_marginals).sum() / 2


def problem(seed, models, points):
    rng = np.random.default_rng(seed)
    return rng.exponential(size=(models, points)), rng.dirichlet(np.full(points, 3.0))


def close_problem(seed, models=4, points=3):
    """Means 0.12 to 0.35 apart at standard deviations near 1: small delta / sigma."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(points, 4.0))
    losses = rng.normal(size=(models, points))
    means = np.sort(rng.uniform(0.12, 0.35, models))
    means[0] = 0.0
    return losses + (means - losses @ probabilities)[:, None] + 2.0, probabilities


@pytest.mark.parametrize("n", range(1, 7))
@pytest.mark.parametrize(("models", "points"), [(2, 2), (3, 4), (5, 3)])
def test_equals_enumeration_of_every_sample(n, models, points):
    losses, probabilities = problem(n, models, points)
    expected = brute_force(losses, probabilities, n)
    assert exact_mis(losses, probabilities, n) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [2, 5, 6])
def test_ties_go_to_the_lowest_model(n):
    losses = np.array([[0.1, 0.3, 0.2], [0.3, 0.1, 0.2], [0.2, 0.2, 0.2], [0.1, 0.3, 0.2]])
    probabilities = np.array([0.25, 0.35, 0.4])
    expected = brute_force(losses, probabilities, n)
    assert exact_mis(losses, probabilities, n) == pytest.approx(expected, abs=1e-12)


def test_a_point_that_never_occurs_changes_nothing():
    losses, probabilities = problem(0, 3, 3)
    padded = np.insert(losses, 1, 7.0, axis=1)
    expected = exact_mis(losses, probabilities, 9)
    assert exact_mis(padded, np.insert(probabilities, 1, 0.0), 9) == pytest.approx(expected)


def test_one_model_reveals_nothing_and_one_sample_everything_it_can():
    assert exact_mis(np.array([[1.0, 2.0]]), np.array([0.3, 0.7]), 10) == pytest.approx(1.0)
    memorises = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert exact_mis(memorises, np.array([0.5, 0.5]), 1) == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(5))
def test_monte_carlo_is_near_exact(seed):
    losses, probabilities = problem(seed, 4, 4)
    drawn = exact_mis(
        losses, probabilities, 30, limit=10, generator=np.random.default_rng(seed), draws=200_000
    )
    assert drawn == pytest.approx(exact_mis(losses, probabilities, 30), abs=2e-3)


# every seed below 30 whose delta / sigma is at most 0.16
@pytest.mark.parametrize("seed", [0, 3, 4, 5, 9, 11, 17, 22, 25, 28])
def test_privacy_grows_at_the_rate_and_not_slower_than_the_paper_bounds(seed):
    losses, probabilities = close_problem(seed)
    rate = population_rate(losses, probabilities)
    assert np.sqrt(2 * rate) < 0.16
    slope = np.diff([-np.log(1 - exact_mis(losses, probabilities, n)) for n in (400, 800)]) / 400
    # 1 - MIS ~ exp(-n rate) / sqrt(n); the rate is that of the Gaussian limit, hence the 10 %
    assert slope - np.log(2) / 800 == pytest.approx(rate, rel=0.1)
    assert slope >= population_rate(losses, probabilities, "paper")


def test_rates_by_hand():
    probabilities = np.array([0.5, 0.5])
    losses = np.array([[0.0, 0.0], [-1.0, 2.0], [-3.0, 7.0], [0.0, 0.0]])
    # over model 0, and its copy: deltas 0.5 and 2, sigmas 1.5 and 5
    assert population_rate(losses, probabilities) == pytest.approx(0.25 / 4.5)
    assert population_rate(losses, probabilities, "paper") == pytest.approx(0.25 / 50)
    constant = np.array([[0.0, 0.0], [1.0, 1.0]])
    assert population_rate(constant, probabilities) == np.inf


@pytest.mark.parametrize("seed", range(20))
def test_paper_is_never_above_rate(seed):
    losses, probabilities = problem(seed, 6, 5)
    paper = population_rate(losses, probabilities, "paper")
    assert paper <= population_rate(losses, probabilities) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("losses", "probabilities", "n", "message"),
    [
        (np.ones((2, 3)), np.array([0.5, 0.5]), 3, "models, points"),
        (np.full((2, 2), np.nan), np.array([0.5, 0.5]), 3, "finite"),
        (np.ones((2, 2)), np.array([1.5, -0.5]), 3, "negative"),
        (np.ones((2, 2)), np.array([0.5, 0.4]), 3, "sum to 1"),
        (np.ones((2, 2)), np.array([0.5, 0.5]), 0, "at least 1"),
        (np.ones((2, 9)), np.full(9, 1 / 9), 100, "give a generator"),
    ],
)
def test_what_is_refused(losses, probabilities, n, message):
    with pytest.raises(ValueError, match=message):
        exact_mis(losses, probabilities, n)


def test_rates_need_two_models_and_a_known_variant():
    half = np.array([0.5, 0.5])
    with pytest.raises(ValueError, match="same losses"):
        population_rate(np.ones((3, 2)), half)
    with pytest.raises(ValueError, match="variant must be"):
        population_rate(np.eye(2), half, "papr")  # pyright: ignore[reportArgumentType]
