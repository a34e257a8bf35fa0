from functools import partial

import numpy as np
import pytest

from quantmia.errors import FolderError
from quantmia.ranking.gains import Figures
from quantmia.ranking.resamples import Resamples
from scripts.compared import Fronts, compare, difference, margins, share_of

RUNS, RESAMPLES = 20, 200
CHECKPOINTS = ("2", "best", "last")


def folder(shared="same", seed=0, **front):
    """Releases with a utility and an advantage each, whose noise is that of the resample."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(2, 1, RESAMPLES)) * 0.05  # what pairs take out
    names = [(name, at) for name in front for at in CHECKPOINTS]
    values = np.array([pair for pairs in front.values() for pair in pairs]).T  # [two, releases]
    own = 0.004 * rng.normal(size=(*values.shape, RESAMPLES))
    again = values[:, :, None] + common + own
    figures = Figures(values[0], values[1], again[0], again[1])
    return Resamples(names, figures, "lira_eb", 0.0, RUNS, 0.95, shared)


def best(front):
    return front.quantizers[0], "best"


PLAIN = ((0.5, 0.1), (0.7, 0.3), (0.68, 0.5))


def fronts(*others, **front):
    found = folder(plain=PLAIN, **front)
    return [Fronts(found, [name]) for name in ("plain", *front, *others)]


@pytest.mark.parametrize(
    ("mine", "verdict"),
    [
        (((0.5, 0.05), (0.7, 0.2), (0.7, 0.4)), "dominates"),
        (((0.5, 0.15), (0.7, 0.4), (0.7, 0.5)), "is dominated"),
        (((0.5, 0.02), (0.75, 0.6), (0.7, 0.5)), "each has its place"),
        (((0.5, 0.05), (0.6, 0.1), (0.6, 0.1)), "each has its place"),  # private, not as useful
        (PLAIN, "not told apart"),
        (((0.5, 0.1), (0.8, 0.3), (0.68, 0.5)), "dominates"),  # as private, more useful
    ],
)
def test_a_verdict_is_what_is_sure(mine, verdict):
    plain, ours = fronts(mine=mine)
    assert compare(ours, plain).verdict == verdict


def test_either_side_is_the_mirror_of_the_other():
    plain, ours = fronts(mine=((0.5, 0.02), (0.65, 0.2), (0.7, 0.5)))
    there, back = compare(ours, plain), compare(plain, ours)
    assert (there.gained, there.lost) == (back.lost, back.gained)
    assert there.utility.value == pytest.approx(-back.utility.value)


def test_pairs_are_sharp_though_runs_are_not():
    plain, ours = fronts(mine=((0.5, 0.1), (0.72, 0.28), (0.7, 0.45)))
    for what, value in (("utility", 0.02), ("advantage", 0.02)):
        found = difference(ours, plain, best, what)
        assert found.value == pytest.approx(value)
        assert 0 < found.low < value < found.high < 2 * value


def test_a_share_is_of_the_same_release():
    plain, ours = fronts(mine=((0.5, 0.1), (0.35, 0.1), (0.34, 0.1)))
    found = share_of(ours, plain, lambda each: (each.quantizers[0], "last"))
    assert found.value == pytest.approx(0.5)
    assert found.low < 0.5 < found.high


def test_margins_hold_all_releases_together():
    plain, ours = fronts(mine=((0.6, 0.2), (0.66, 0.4), (0.69, 0.6)))
    found = margins(ours, (plain, ("plain", "best")), 0.9, (plain, ("plain", "last")))
    assert [name for name, *_ in found] == [("mine", at) for at in CHECKPOINTS]
    assert [each.value for _, each, _ in found] == pytest.approx([-0.03, 0.03, 0.06])
    assert [each.value for *_, each in found] == pytest.approx([0.3, 0.1, -0.1])
    alone = difference(ours, plain, lambda each: (each.quantizers[0], "last"), "advantage")
    *_, (_, _, last) = found
    assert last.high - last.low > alone.high - alone.low


def test_others_are_not_compared():
    plain, _ = fronts(mine=PLAIN)
    stranger = Fronts(folder(shared="other", mine=PLAIN), ["mine"])
    for way in (compare, partial(difference, release=best, what="utility")):
        with pytest.raises(FolderError, match="mine and plain are of other members"):
            way(stranger, plain)
    with pytest.raises(FolderError, match="other members"):
        share_of(stranger, plain, best)
    with pytest.raises(FolderError, match="other members"):
        margins(stranger, (plain, ("plain", "best")), 0.9, (plain, ("plain", "last")))


def test_a_folder_without_what_is_asked_for_says_so(tmp_path):
    with pytest.raises(FolderError, match="has no front of sign: finish its study first"):
        Fronts.read(tmp_path, "sign")
    folder(plain=PLAIN).write(tmp_path)
    with pytest.raises(FolderError, match="has no front of sign"):
        Fronts.read(tmp_path, "plain", "sign")
    assert Fronts.read(tmp_path, "plain").names == [("plain", at) for at in CHECKPOINTS]
