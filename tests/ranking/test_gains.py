from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from quantmia.attacks.metrics import AttackResult
from quantmia.ranking.gains import Figures, at_utility, gains
from quantmia.ranking.releases import Release
from quantmia.statistics import Bootstrap, Interval

RUNS, SAMPLES, HELD_OUT, RESAMPLES = 20, 150, 100, 200
SPENT = np.array([0.02, 0.1, 0.25, 0.4, 0.6])  # advantage of full precision at each checkpoint
USEFUL = np.array([0.4, 0.55, 0.63, 0.66, 0.65])  # and its utility: the last is beaten


def array(*values: float) -> np.ndarray:
    return np.array(values)


def test_at_its_own_releases_a_front_is_itself_and_a_line_between_them():
    utility, advantage = array(0.1, 0.5, 0.7), array(0.0, 0.2, 0.8)
    np.testing.assert_allclose(at_utility(utility, advantage, utility), advantage)
    np.testing.assert_allclose(at_utility(utility, advantage, array(0.3, 0.65)), [0.1, 0.65])


def test_beyond_its_ends_a_front_is_flat():
    utility, advantage = array(0.7, 0.1), array(0.8, 0.05)
    np.testing.assert_allclose(at_utility(utility, advantage, array(-3, 0.9)), [0.05, 0.8])


def test_releases_that_others_beat_do_not_count():
    utility, advantage = array(0.1, 0.5, 0.4, 0.7), array(0.0, 0.2, 0.5, 0.8)
    wanted = np.linspace(0, 1, 50)
    kept = [0, 1, 3]
    np.testing.assert_array_equal(
        at_utility(utility, advantage, wanted), at_utility(utility[kept], advantage[kept], wanted)
    )


@pytest.mark.parametrize("seed", range(20))
def test_more_utility_never_has_less_advantage(seed):
    rng = np.random.default_rng(seed)
    utility, advantage = rng.normal(size=(2, 9))
    found = at_utility(utility, advantage, np.sort(rng.normal(size=100)))
    assert (np.diff(found) >= 0).all()


def releases(
    name: str,
    utility: np.ndarray,
    advantage: np.ndarray,
    bootstrap: Bootstrap,
    noise: Sequence[np.ndarray],
    own: float,
    rng: np.random.Generator,
) -> list[Release]:
    """Releases with noise of runs and samples, most of which all releases share.

    Args:
        noise: shared, of [runs] on advantage and utility, [samples] and [held out].
        own: how large the noise of each release is beside it.
    """
    of_advantage, of_utility, of_samples, of_held_out = noise
    made = []
    for k, (u, a) in enumerate(zip(utility, advantage, strict=True)):
        figures = []
        for centre, runs, samples, held_out in (
            (a, of_advantage, of_samples, False),
            (u, of_utility, of_held_out, True),
        ):
            values = centre + runs + own * rng.normal(size=RUNS)
            influence = samples + own * rng.normal(size=len(samples))
            values = values + influence.mean()
            influence = influence - influence.mean()
            again = bootstrap.two_way_means(values, influence, held_out)
            figures.append((Interval(float(values.mean()), np.nan, np.nan), again))
        (found, resampled), (useful, again) = figures
        nothing = Interval(np.nan, np.nan, np.nan)
        result = AttackResult(nothing, found, nothing, nothing, {}, resampled, resampled)
        made.append(Release(name, str(k), float(k), 2.0, useful, again, {"lira": result}, np.nan))
    return made


def problem(
    seed: int, hidden: float, own: float = 0.01, lost: float = 0.0
) -> tuple[list[Release], list[Release], Bootstrap]:
    """Full precision, and a quantizer that hides a share of the signal and loses some utility."""
    rng = np.random.default_rng(seed)
    bootstrap = Bootstrap(RUNS, RESAMPLES, 0.95, rng)
    noise = [rng.normal(size=n) * s for n, s in ((RUNS, 0.03), (RUNS, 0.02), (SAMPLES, 0.5),
                                                 (HELD_OUT, 0.5))]  # fmt: skip
    full = releases("full_precision", USEFUL, SPENT, bootstrap, noise, own, rng)
    advantage = SPENT * (1 - hidden)
    mine = releases("quantized", USEFUL - lost, advantage, bootstrap, noise, own, rng)
    return mine, full, bootstrap


def gained(ours: list[Release], theirs: list[Release], guess: float, bootstrap: Bootstrap):
    mine, full = (Figures.of(each, "lira") for each in (ours, theirs))
    return gains(mine, full, guess, bootstrap)


def largest(found: list[Interval]) -> Interval:
    return Interval(
        *(max(getattr(each, end) for each in found) for end in ("value", "low", "high"))
    )


def test_a_quantizer_that_changes_nothing_gains_nothing():
    _, full, bootstrap = problem(0, 0.0)
    same = [replace(each, quantizer="full_again") for each in full]
    found = gained(same, full, 0.0, bootstrap)
    for each in found[:4]:
        assert each.value == pytest.approx(0, abs=1e-12)
    assert found[4].high < 0  # which an earlier stop beats


@pytest.mark.usefixtures("unchecked")
@pytest.mark.slow
def test_the_interval_holds_no_gain_where_a_quantizer_adds_nothing():
    holds = 0
    for seed in range(300):
        mine, full, bootstrap = problem(seed, 0.0, (0.003, 0.01, 0.03)[seed % 3])
        found = largest(gained(mine, full, 0.0, bootstrap))
        holds += found.low <= 0 <= found.high
    assert holds >= 0.93 * 300


@pytest.mark.usefixtures("unchecked")
@pytest.mark.slow
def test_a_quantizer_that_hides_the_signal_is_found():
    found = []
    for seed in range(100):
        mine, full, bootstrap = problem(seed, 1.0)
        each = gained(mine, full, 0.0, bootstrap)
        found.append([each[k].low > 0 for k in range(1, 5)])
        # Of everything that full precision gives away at the same utility.
        assert each[3].value == pytest.approx(SPENT[3], abs=0.1)
    assert np.mean(found) > 0.95


def test_what_hides_the_signal_at_the_price_of_an_earlier_stop_gains_nothing():
    def cheaper(seed):
        mine, full, bootstrap = problem(seed, 0.0)
        wanted = np.linspace(0.45, 0.6, 5)
        spent = np.interp(wanted, USEFUL[:4], SPENT[:4])
        rng = np.random.default_rng(seed + 1000)
        noise = [rng.normal(size=n) * 0.01 for n in (RUNS, RUNS, SAMPLES, HELD_OUT)]
        mine = releases("quantized", wanted, spent, bootstrap, noise, 0.01, rng)
        return largest(gained(mine, full, 0.0, bootstrap))

    found = [cheaper(seed) for seed in range(30)]
    assert np.mean([each.low <= 0 <= each.high for each in found]) >= 0.9


def test_below_the_first_checkpoint_guessing_is_the_alternative():
    rng = np.random.default_rng(0)
    bootstrap = Bootstrap(RUNS, RESAMPLES, 0.95, rng)
    still = [np.zeros(n) for n in (RUNS, RUNS, SAMPLES, HELD_OUT)]
    full = releases("full_precision", USEFUL, SPENT, bootstrap, still, 0.0, rng)
    mine = releases("quantized", array(0.2, -5), array(0.05, 0.05), bootstrap, still, 0.0, rng)
    found = gained(mine, full, 0.0, bootstrap)
    # Half of the way to the first checkpoint half of its advantage is given away.
    assert found[0].value == pytest.approx(SPENT[0] / 2 - 0.05)
    assert found[1].value == pytest.approx(-0.05)


def test_where_no_release_beats_guessing_guessing_is_not_the_alternative():
    rng = np.random.default_rng(0)
    bootstrap = Bootstrap(RUNS, RESAMPLES, 0.95, rng)
    still = [np.zeros(n) for n in (RUNS, RUNS, SAMPLES, HELD_OUT)]
    full = releases("full_precision", USEFUL, SPENT, bootstrap, still, 0.0, rng)
    mine = releases("quantized", USEFUL, SPENT / 2, bootstrap, still, 0.0, rng)
    for each, spent in zip(gained(mine, full, 0.95, bootstrap), SPENT[:4], strict=False):
        assert each.value == pytest.approx(spent / 2)


def test_one_run_has_no_interval():
    mine, full, _ = problem(0, 0.5)
    alone = Bootstrap(1, RESAMPLES, 0.95, np.random.default_rng(0))
    for each in gained(mine, full, 0.0, alone):
        assert np.isfinite(each.value)
        assert np.isnan([each.low, each.high]).all()
