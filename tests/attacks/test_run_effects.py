from dataclasses import replace

import numpy as np

from quantmia.attacks.run_effects import adjusted_signals
from tests.attacks.problems import problem


def moved(runs=20, pool=300):
    """A problem, and the same where each model is shifted and stretched as a whole."""
    seen = problem(runs, pool, leak=0.5, task="regression", seed=3)
    rng = np.random.default_rng(0)
    target = np.tile(rng.normal(size=pool).astype(np.float32), (runs, 1))
    shift, stretch = 3 * rng.normal(size=(runs, 1)), np.exp(rng.normal(size=(runs, 1)))
    signal = (seen.signal + target) * stretch + shift - target
    return seen, replace(seen, signal=signal, target=target)


def test_shift_and_stretch_are_taken_out():
    seen, hidden = moved()
    as_it_is, unshifted, unstretched = adjusted_signals(hidden)
    assert as_it_is is hidden.signal
    spread = [np.median(each.std(0)) for each in (as_it_is, unshifted, unstretched)]
    assert spread[0] > spread[1] > spread[2]
    rest = unshifted - hidden.signal.mean(0)
    np.testing.assert_allclose(np.median(rest, 1), 0, atol=1e-9)
    slopes = [
        np.polyfit(hidden.signal.mean(0) + hidden.target[0], row, 1)[0]
        for row in unstretched - hidden.signal.mean(0)
    ]
    assert np.abs(slopes).max() < 0.1
    assert seen.signal.shape == unstretched.shape


def test_membership_is_not_looked_at():
    _, hidden = moved()
    others = replace(hidden, members=~hidden.members)
    for a, b in zip(adjusted_signals(hidden), adjusted_signals(others), strict=True):
        np.testing.assert_array_equal(a, b)


def test_later_runs_are_not_looked_at_where_they_may_not_be():
    _, hidden = moved()
    whole = adjusted_signals(replace(hidden, only_earlier=True))
    part = adjusted_signals(replace(hidden.of(np.arange(7)), only_earlier=True))
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_allclose(a[:7], b)


def test_classifiers_keep_what_their_runs_share():
    seen = problem(8, 60)
    assert [each is seen.signal for each in adjusted_signals(seen)] == [True]
