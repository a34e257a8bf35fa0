"""Who trains on what: memberships that are drawn before others train, and kept in a folder."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool
from numpy.typing import NDArray

from quantmia.attacks.lira import Lira
from quantmia.attacks.lira_eb import LiraEB
from quantmia.data.split import members
from quantmia.errors import DataError, OutputsError
from quantmia.files import read_json, write_json, write_text
from quantmia.vocabulary import Membership

LEAST = 2  # samples on either side of a run
TABLE, FACTS = "members.csv", "plan.json"


@dataclass(frozen=True)
class Plan:
    """Who is a member of which run.

    Args:
        members: True where a run trains on a sample.
        membership: how they were drawn, which a bound on epsilon asks for; None: in some other way.
        seed: that drew them; None: they are somebody's own.
        groups: how many groups of samples are members together; None: every sample by itself.
    """

    members: Bool[np.ndarray, "runs samples"]
    membership: Membership | None
    seed: int | None = None
    groups: int | None = None

    @classmethod
    def drawn(
        cls,
        samples: int,
        runs: int,
        seed: int = 0,
        coin: bool = False,
        groups: Iterable[Hashable] | None = None,
    ) -> "Plan":
        """Members at random: the same seed draws the same, whatever the number of runs.

        Args:
            samples: how many there are.
            runs: trainings.
            seed: of the draws.
            coin: every sample by a fair coin of its own, which allows a bound on epsilon, in place
                of a random half of the samples a run.
            groups: of every sample what it belongs to, such as a patient; all samples of a group
                are members of the same runs.

        Raises:
            OutputsError: too few samples, groups or runs.
        """
        for name, value, least in (("samples", samples, 1), ("runs", runs, 1), ("seed", seed, 0)):
            if value < least:
                raise OutputsError(f"{name}={value}: has to be {least} or more")
        codes = np.arange(samples) if groups is None else _codes(groups)
        if len(codes) != samples:
            raise OutputsError(f"groups: {len(codes)} values for {samples} samples")
        drawn_from = int(codes.max()) + 1 if samples else 0
        if drawn_from < 2 * LEAST:
            what = "samples" if groups is None else "groups"
            raise OutputsError(f"{drawn_from} {what}: {2 * LEAST} or more are needed")
        try:
            mask = members(seed, range(runs), drawn_from, "coin" if coin else "half")[:, codes]
        except DataError:
            raise OutputsError(
                f"coins leave a run of {drawn_from} samples or groups fewer than {LEAST} on a side;"
                " take halves, or another seed"
            ) from None
        if groups is None:
            return cls(mask, "coin" if coin else "half", seed)
        return cls(mask, None, seed, drawn_from)

    @property
    def runs(self) -> int:
        """How many trainings."""
        return len(self.members)

    def of_run(self, run: int) -> NDArray[np.int64]:
        """Places of the samples that a run trains on, ascending."""
        return np.flatnonzero(self.members[run])

    @property
    def advice(self) -> list[str]:
        """What so many runs can show, a sentence each."""
        runs, samples = self.members.shape
        samples = self.groups or samples  # those of a group are no draws of their own
        # Of one run of n samples, half of them members: (n + 1) / (3 n^2) (Mann and Whitney 1947).
        reach = 1.96 / sqrt(3 * samples * runs)
        said = [
            f"Models that leak nothing would show an AUC of 0.5 +/- {reach:.3f} over {runs} runs: "
            "smaller leaks stay unseen."
        ]
        least = {"lira_eb": LiraEB.min_runs, "lira": Lira.min_runs}
        short = [f"{name} needs {needed}" for name, needed in least.items() if runs < needed]
        if short:
            said.append(f"That is few: {', '.join(short)}.")
        elif runs < 16:
            said.append(
                "16 to 20 runs tell variants apart whose AUC differs by about 0.02; 'quantmia rank'"
                " says of every pair how many more it would take."
            )
        return said

    def write(self, folder: Path) -> None:
        """One table of all runs, one file of places a run, and how they were drawn.

        Args:
            folder: where to.

        Raises:
            OutputsError: the folder cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputsError(f"{folder} cannot be made ({error.strerror})") from None
        names = [f"run_{run:04d}" for run in range(self.runs)]
        table = pd.DataFrame(self.members.T.astype(np.uint8), columns=names)
        table.index.name = "sample"
        write_text(folder / TABLE, table.to_csv())
        for run, name in enumerate(names):
            write_text(folder / f"{name}.txt", "".join(f"{at}\n" for at in self.of_run(run)))
        facts = {"runs": self.runs, "samples": self.members.shape[1], "seed": self.seed}
        facts |= {"membership": self.membership, "groups": self.groups}
        write_json(folder / FACTS, facts)

    @classmethod
    def read(cls, folder: Path) -> "Plan":
        """What `write` wrote.

        Args:
            folder: where it is.

        Raises:
            OutputsError: it is not there, or not one.
        """
        facts = read_json(folder / FACTS)
        try:
            types = defaultdict(lambda: np.dtype(np.uint8), sample=np.dtype(np.int64))
            table = pd.read_csv(folder / TABLE, index_col="sample", dtype=types)
            mask = table.to_numpy().T.astype(bool)
            if mask.shape != (facts["runs"], facts["samples"]):
                raise ValueError(f"{mask.shape} is not of {facts['runs']} runs")
            return cls(mask, facts["membership"], facts["seed"], facts["groups"])
        except (OSError, KeyError, ValueError) as error:
            raise OutputsError(
                f"{folder}: not a plan ({error}); 'quantmia plan -o {folder}' writes one"
            ) from None


def _codes(groups: Iterable[Hashable]) -> NDArray[np.int64]:
    """The number of every sample's group."""
    named = pd.Series(list(groups), dtype=object)
    missing = np.flatnonzero(named.isna())
    if len(missing):
        raise OutputsError(
            f"groups: row {missing[0]} belongs to none ({len(missing)} in all); give each one of "
            "its own"
        )
    return pd.factorize(named)[0].astype(np.int64)
