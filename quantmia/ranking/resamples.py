"""Releases in every resample: trainings on the same members are compared in pairs."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quantmia.attacks.base import Members
from quantmia.files import DamagedFileError, read_tensors, write_tensors
from quantmia.ranking.gains import Figures
from quantmia.ranking.releases import Releases
from quantmia.statistics import Bootstrap

NAME = "front.safetensors"


@dataclass(frozen=True)
class Resamples:
    """Utility and advantage of every release, and of every resample of runs and samples.

    Args:
        names: quantizer and checkpoint of each.
        figures: of the attack.
        attack: its name.
        guess: utility of the best answer that looks at no sample.
        runs: how many there are.
        confidence: of intervals.
        shared: a hash of the members of all runs and of the draws of the resamples. Two trainings
            that have it in common are paired, run by run and resample by resample.
    """

    names: Sequence[tuple[str, str]]
    figures: Figures
    attack: str
    guess: float
    runs: int
    confidence: float
    shared: str

    @classmethod
    def of(cls, releases: Releases, members: Members, bootstrap: Bootstrap) -> "Resamples":
        """Those of a ranking.

        Args:
            releases: all of them.
            members: of every run.
            bootstrap: that resampled.
        """
        drawn = np.packbits(members).tobytes() + bootstrap.weights.tobytes()
        return cls(
            [(each.quantizer, each.checkpoint) for each in releases.made],
            Figures.of(releases.made, releases.trusted),
            releases.trusted,
            releases.guess,
            bootstrap.runs,
            bootstrap.confidence,
            hashlib.sha256(drawn).hexdigest(),
        )

    @property
    def intervals(self) -> Bootstrap:
        """Makes intervals of what was resampled, and draws nothing itself."""
        return Bootstrap(self.runs, 1, self.confidence, np.random.default_rng(0))

    def write(self, folder: Path) -> None:
        """As `front.safetensors`, beside the tables."""
        meta = {
            "names": [list(each) for each in self.names],
            "attack": self.attack,
            "guess": self.guess,
            "runs": self.runs,
            "confidence": self.confidence,
            "shared": self.shared,
        }
        write_tensors(folder / NAME, dict(vars(self.figures)), meta)

    @classmethod
    def read(cls, folder: Path) -> "Resamples | None":
        """What `write` wrote; None where an older version ranked, or the file is damaged."""
        try:
            tensors, meta = read_tensors(folder / NAME)
            names = [(str(quantizer), str(at)) for quantizer, at in meta.pop("names")]
            return cls(names, Figures(**tensors), **meta)
        except (DamagedFileError, KeyError, TypeError, ValueError):
            return None
