import numpy as np
import pytest

from quantmia.attacks.leave_one_out import LeaveOneOut, Totals, blocks, medians

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(7, 11))
CHOSEN = RNG.random((7, 11)) < 0.5
CHOSEN[:, 0], CHOSEN[:, 1], CHOSEN[1:, 2] = False, True, False  # nobody, everybody, one run


def of_peers(run, sample, only_earlier):
    """What is chosen of a sample among the runs that the score of a run may use."""
    peers = [each for each in range(len(VALUES)) if (each < run if only_earlier else each != run)]
    return np.array([VALUES[each, sample] for each in peers if CHOSEN[each, sample]])


@pytest.mark.parametrize("only_earlier", [False, True])
@pytest.mark.parametrize("rows", [slice(7), slice(2, 5), slice(6, 7), slice(0, 0)])
def test_those_of_a_few_runs_are_rows_of_all(rows, only_earlier):
    whole = LeaveOneOut.of(VALUES, CHOSEN, only_earlier)
    found = Totals(VALUES, CHOSEN, only_earlier).without(rows)
    for name in ("count", "total", "squares", "deviations", "mean"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name)[rows])
    middle = medians(VALUES, CHOSEN, only_earlier)
    np.testing.assert_array_equal(medians(VALUES, CHOSEN, only_earlier, rows), middle[rows])


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((5, 3), [5]),
        ((5, 1 << 20), [2, 2, 1]),
        ((3, 1 << 30), [1, 1, 1]),
        ((0, 4), []),
        ((4, 0), [4]),
    ],
)
def test_blocks_hold_every_run_once_and_bound_the_numbers(shape, sizes):
    found = list(blocks(shape))
    assert [each.stop - each.start for each in found] == sizes
    assert [run for each in found for run in range(*each.indices(shape[0]))] == list(
        range(shape[0])
    )


@pytest.mark.parametrize("only_earlier", [False, True])
def test_statistics_are_those_of_the_peers(only_earlier):
    found = LeaveOneOut.of(VALUES, CHOSEN, only_earlier)
    middle = medians(VALUES, CHOSEN, only_earlier)
    for run, sample in np.ndindex(*VALUES.shape):
        own = of_peers(run, sample, only_earlier)
        assert found.count[run, sample] == len(own)
        assert found.total[run, sample] == pytest.approx(own.sum())
        assert found.deviations[run, sample] == pytest.approx(
            np.square(own - own.mean()).sum() if len(own) else 0, abs=1e-12
        )
        for one, value in ((found.mean, np.mean), (middle, np.median)):
            expected = value(own) if len(own) else np.nan
            assert one[run, sample] == pytest.approx(expected, nan_ok=True)
