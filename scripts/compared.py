"""Releases of two trainings, or of two ways to quantize one, compared in pairs over their runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quantmia.errors import FolderError
from quantmia.ranking.gains import Figures, gains
from quantmia.ranking.resamples import Resamples
from quantmia.statistics import Interval
from quantmia.vocabulary import BEST

Name = tuple[str, str]  # quantizer and checkpoint


@dataclass(frozen=True)
class Fronts:
    """The releases of a folder, as far as some quantizers go.

    Args:
        resamples: of the whole folder.
        quantizers: whose releases are looked at.
    """

    resamples: Resamples
    quantizers: Sequence[str]

    @classmethod
    def read(cls, folder: Path, *quantizers: str) -> "Fronts":
        """Those of a ranked folder.

        Args:
            folder: with its `front.safetensors`.
            quantizers: whose releases are looked at.

        Raises:
            FolderError: the folder has no front, or lacks a quantizer.
        """
        found = Resamples.read(folder)
        known = {quantizer for quantizer, _ in found.names} if found else set()
        if found is None or not known.issuperset(quantizers):
            absent = ", ".join(sorted(set(quantizers) - known))
            raise FolderError(f"{folder} has no front of {absent}: finish its study first")
        return cls(found, quantizers)

    @property
    def names(self) -> list[Name]:
        """Of the releases."""
        return [each for each in self.resamples.names if each[0] in self.quantizers]

    @property
    def figures(self) -> Figures:
        """Of the releases."""
        places = enumerate(self.resamples.names)
        return self.resamples.figures.some([at for at, each in places if each in self.names])

    def at(self, quantizer: str, checkpoint: str) -> Figures:
        """Of one release.

        Args:
            quantizer: its name.
            checkpoint: its name.
        """
        at = list(self.resamples.names).index((quantizer, checkpoint))
        return self.resamples.figures.some([at])


@dataclass(frozen=True)
class Comparison:
    """What one front has over another.

    Args:
        gained: MIS of the release with the surest gain, less that of the other front at its
            utility.
        lost: the same of the other front's releases.
        utility: at the best checkpoint, less the other's.
    """

    gained: Interval
    lost: Interval
    utility: Interval

    @property
    def verdict(self) -> str:
        """Who is surely better somewhere, and shown worse nowhere."""
        better = self.gained.low > 0 or self.utility.low > 0
        worse = self.lost.low > 0 or self.utility.high < 0
        return {
            (True, False): "dominates",
            (False, True): "is dominated",
            (True, True): "each has its place",
            (False, False): "not told apart",
        }[better, worse]


def compare(ours: Fronts, theirs: Fronts) -> Comparison:
    """Two fronts of models that were trained on the same members.

    Args:
        ours: of one quantizer at least.
        theirs: of one quantizer at least.

    Raises:
        FolderError: they share no runs.
    """
    _paired(ours, theirs)
    guess, bootstrap = theirs.resamples.guess, theirs.resamples.intervals
    gained, lost = (
        max(gains(*sides, guess, bootstrap), key=lambda each: each.low)
        for sides in ((ours.figures, theirs.figures), (theirs.figures, ours.figures))
    )
    return Comparison(gained, lost, difference(ours, theirs, _best, "utility"))


def difference(
    ours: Fronts, theirs: Fronts, release: Callable[[Fronts], Name], what: str
) -> Interval:
    """Utility or MIS of a release, less that of another, in pairs.

    Args:
        ours: has the one.
        theirs: has the other.
        release: chooses it.
        what: `utility` or `advantage`, of which MIS is the opposite.
    """
    _paired(ours, theirs)
    sign = 1 if what == "utility" else -1
    mine, other = (each.at(*release(each)) for each in (ours, theirs))
    value = sign * float(getattr(mine, what)[0] - getattr(other, what)[0])
    again = sign * (getattr(mine, f"{what}_resampled")[0] - getattr(other, f"{what}_resampled")[0])
    return ours.resamples.intervals.interval(value, again)


def share_of(ours: Fronts, theirs: Fronts, release: Callable[[Fronts], Name]) -> Interval:
    """Utility of a release as a share of another's, in pairs.

    Args:
        ours: has the one.
        theirs: has the other.
        release: chooses it.
    """
    _paired(ours, theirs)
    mine, other = (each.at(*release(each)) for each in (ours, theirs))
    return ours.resamples.intervals.interval(
        float(mine.utility[0] / other.utility[0]),
        mine.utility_resampled[0] / other.utility_resampled[0],
    )


def margins(
    ours: Fronts, useful: tuple[Fronts, Name], share: float, private: tuple[Fronts, Name]
) -> list[tuple[Name, Interval, Interval]]:
    """Of every release, how far it is above a share of a utility, and above an MIS.

    The intervals hold all releases and both margins together.

    Args:
        ours: the releases.
        useful: the release whose utility counts.
        share: of it that is wanted.
        private: the release whose MIS is wanted.
    """
    for other, _ in (useful, private):
        _paired(ours, other)
    most, least = (fronts.at(*release) for fronts, release in (useful, private))
    figures = ours.figures
    values = [figures.utility - share * most.utility, least.advantage - figures.advantage]
    again = [
        figures.utility_resampled - share * most.utility_resampled,
        least.advantage_resampled - figures.advantage_resampled,
    ]
    both = ours.resamples.intervals.simultaneous(np.concatenate(values), np.concatenate(again))
    half = len(figures.utility)
    return list(zip(ours.names, both[:half], both[half:], strict=True))


def _paired(ours: Fronts, theirs: Fronts) -> None:
    """Raise a FolderError for runs that are not the same, such as when one diverged in one."""
    first, second = ours.resamples, theirs.resamples
    if first.shared != second.shared or first.attack != second.attack:
        raise FolderError(
            f"{', '.join(ours.quantizers)} and {', '.join(theirs.quantizers)} are of other members "
            "or attacks: not compared"
        )


def _best(fronts: Fronts) -> Name:
    return fronts.quantizers[0], BEST
