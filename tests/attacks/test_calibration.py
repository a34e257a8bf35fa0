import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from quantmia.attacks.calibration import ATTACKS, calibration_scores
from quantmia.attacks.metrics import assess
from quantmia.statistics import Bootstrap

RUNS, ROWS, SHOWN = 6, 120, 30


def drawn(rng: np.random.Generator, runs: int = RUNS) -> np.ndarray:
    """Who calibrated: as many rows of every run, at random."""
    return np.array([rng.permutation(ROWS) < SHOWN for _ in range(runs)])


def squares(rng: np.random.Generator, layers: int = 2, runs: int = RUNS) -> np.ndarray:
    """Differences that have to do with the row and with the run, and not with who was shown."""
    of_row, of_run = rng.normal(size=(layers, 1, ROWS)), rng.normal(size=(layers, runs, 1))
    return np.exp(of_row + of_run + rng.normal(size=(layers, runs, ROWS)))


def test_scores_are_log_densities_of_normal_differences():
    rng = np.random.default_rng(0)
    layers, outputs, widths = squares(rng), squares(rng, 1)[0], np.array([3, 1])
    found = dict(calibration_scores(layers, widths, outputs, drawn(rng)))
    assert tuple(found) == ATTACKS
    for run in range(RUNS):
        for row in range(ROWS):
            expected = sum(
                -width / 2 * math.log(own[run, row])
                for own, width in zip(layers, widths, strict=True)
            )
            usual = np.mean([-(widths / 2) @ np.log(layers[:, run, at]) for at in range(ROWS)])
            assert found["layer_difference"][run, row] == pytest.approx(expected - usual)
    logs = np.log(outputs)
    np.testing.assert_allclose(
        found["output_difference"], (logs.mean(1, keepdims=True) - logs) / 2, atol=1e-9
    )


def test_rows_that_are_answered_as_before_are_found():
    rng = np.random.default_rng(1)
    shown = drawn(rng)
    layers = squares(rng) * np.where(shown, 0.1, 1.0)
    for name, scores in calibration_scores(layers, np.array([4, 2]), layers[0], shown):
        auc = np.mean([roc_auc_score(*each) for each in zip(shown, scores, strict=True)])
        assert auc > 0.85, name
    scores = dict(calibration_scores(layers, np.array([4, 2]), layers[0], shown))
    # A row that is far out in every calibration is told when it is compared with the others.
    for name in ("layer_difference", "output_difference"):
        plain, shadow = (
            np.mean([roc_auc_score(*each) for each in zip(shown, own, strict=True)])
            for own in (scores[name], scores[f"{name}_shadow"])
        )
        assert shadow > plain


def test_nothing_is_told_where_nothing_differs():
    nothing = np.zeros((RUNS, ROWS))
    shown = drawn(np.random.default_rng(2))
    given = (np.zeros((0, RUNS, ROWS)), np.zeros(0, np.int64), nothing, shown)
    for name, scores in calibration_scores(*given):
        assert (scores == 0).all(), name


def test_a_row_that_does_not_differ_at_all_is_the_surest():
    rng = np.random.default_rng(3)
    outputs = squares(rng, 1)[0]
    outputs[:, 7] = 0.0
    scores = dict(calibration_scores(outputs[None], np.array([1]), outputs, drawn(rng)))
    for name in ("layer_difference", "output_difference"):
        assert np.isfinite(scores[name]).all()
        assert (scores[name].argmax(1) == 7).all()


def test_few_runs_have_no_other_calibrations_to_compare_with():
    rng = np.random.default_rng(4)
    own = squares(rng, 1, runs=3)
    found = dict(calibration_scores(own, np.array([2]), own[0], drawn(rng, 3)))
    assert set(found) == {"layer_difference", "output_difference"}


def test_intervals_hold_what_guessing_gives(unchecked):
    """Of schemes that look at no data: 200 times other rows are said to have been shown."""
    rng = np.random.default_rng(5)
    layers, outputs, widths = squares(rng), squares(rng, 1)[0], np.array([8, 1])
    held, centres = dict.fromkeys(ATTACKS, 0), {name: [] for name in ATTACKS}
    for _ in range(200):
        shown = drawn(rng)
        for name, scores in calibration_scores(layers, widths, outputs, shown):
            auc = assess(scores, shown, Bootstrap(RUNS, 200, 0.95, rng), with_roc=False).auc
            held[name] += auc.low <= 0.5 <= auc.high
            centres[name].append(auc.value)
    for name in ATTACKS:
        assert held[name] >= 190, name
        assert 0.49 < np.mean(centres[name]) < 0.51, name
