"""What all samples of a run share: its model predicts higher, or wider apart, than the others.

Quantizing with few levels moves and stretches a whole regression at random. To an attack on single
samples that is noise, under which a sample's own membership hides; an attacker who sees many
samples of a model takes it out. Of classifiers the same shift tells of members, which moved the
boundary, and stays.
"""

from collections.abc import Iterator

import numpy as np

from quantmia.attacks.base import Observed, PerSample
from quantmia.attacks.leave_one_out import blocks
from quantmia.attacks.moderated import robust_line


def adjusted_signals(seen: Observed) -> Iterator[PerSample]:
    """The signal as it is and, of residuals, without a run's shift, and without its stretch too.

    Membership is not looked at. Where a run may use the earlier ones alone, so does what it is
    compared with.

    Args:
        seen: of all runs.
    """
    yield seen.signal
    if not seen.two_sided:
        return
    usual = _usual(seen)
    without_shift, without_stretch = (np.empty(seen.signal.shape) for _ in range(2))
    for rows in blocks(seen.signal.shape):
        moved = seen.signal[rows] - usual[rows]
        moved = moved - np.median(moved, axis=1, keepdims=True)
        without_shift[rows] = usual[rows] + moved
        expected, everywhere = usual[rows] + seen.target[rows], np.ones(moved.shape, bool)
        without_stretch[rows] = without_shift[rows] - robust_line(expected, moved, everywhere)
    yield without_shift
    yield without_stretch


def _usual(seen: Observed) -> PerSample:
    """Mean signal of each sample over the runs; over a run and the earlier ones where so asked."""
    if seen.only_earlier:
        return np.cumsum(seen.signal, 0) / np.arange(1, len(seen.signal) + 1)[:, None]
    return np.broadcast_to(seen.signal.mean(0), seen.signal.shape)
