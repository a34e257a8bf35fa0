"""What a ranking says, as facts; the words for them are in `quantmia.ranking.words`."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import isfinite, isnan, nan
from typing import Any, Literal

import pandas as pd

from quantmia.statistics import Interval
from quantmia.tasks import metric_name

MANY = 10_000  # runs; beyond, two quantizers are as good as equal
REFERENCE = "full_precision"


@dataclass(frozen=True)
class Key:
    """What orders a ranking.

    AUC and not MIS: of the same scores it tells quantizers apart with fewer runs, because it needs
    no threshold that other runs have to give, and no bound on MIS can contradict it.

    Args:
        kind: of the figure.
        attack: whose; None: r_Q has none.
    """

    kind: Literal["auc", "mis", "r_q"]
    attack: str | None = None

    @classmethod
    def of(cls, ranking: pd.DataFrame, trusted: str | None) -> "Key":
        """That of a ranking; those of older versions have no AUC and go by MIS.

        Args:
            ranking: the table.
            trusted: the attack that orders it; None: r_Q does.
        """
        if not trusted:
            return cls("r_q")
        return cls("auc" if f"auc_{trusted}" in ranking else "mis", trusted)

    @property
    def column(self) -> str:
        """Of the ranking."""
        return f"{self.kind}_{self.attack}" if self.attack else self.kind

    @property
    def label(self) -> str:
        """As a sentence has it."""
        return {"auc": f"AUC of {self.attack}", "mis": f"MIS by {self.attack}", "r_q": "r_Q"}[
            self.kind
        ]

    @property
    def heading(self) -> str:
        """Of a column for people."""
        return f"{self.kind.upper()} {self.attack}" if self.attack else "r_Q"

    @property
    def more_is_private(self) -> bool:
        """Whether larger values are; of an AUC they are not."""
        return self.kind != "auc"


@dataclass(frozen=True)
class Place:
    """What a quantizer keeps private, and what it is good for.

    Args:
        quantizer: its name.
        privacy: by what orders the ranking.
        mis_upper: upper limit of its MIS by all attacks; None where there is none.
        utility: in the metric of the task.
    """

    quantizer: str
    privacy: Interval
    mis_upper: float | None
    utility: float


@dataclass(frozen=True)
class OpenPair:
    """Neighbours in the ranking that cannot be told apart.

    Args:
        quantizer: the one above.
        other: the one below.
        more_runs: about how many more would tell them apart; None where more than `MANY` in all
            would, or where it was not estimated.
        likely: between how many that is two times in three, None as above; None where it was not
            estimated.
    """

    quantizer: str
    other: str
    more_runs: int | None
    likely: tuple[int | None, int | None] | None = None


@dataclass(frozen=True)
class Conclusion:
    """Which quantizer leaks least, what it costs, and what cannot be told apart.

    Args:
        trusted: the attack that orders the ranking by its AUC; None: r_Q does.
        key: what orders it.
        metric: of the utility, as people write it.
        runs: that were ranked.
        quantizers: how many.
        best: leaks least.
        reference: full precision, where it is there and is not the best.
        sure: whether any two quantizers can be compared over resamples of the runs.
        ties: those that the best cannot be told apart from.
        open_pairs: neighbours that cannot be told apart, the most private first.
    """

    trusted: str | None
    key: Key
    metric: str
    runs: int
    quantizers: int
    best: Place
    reference: Place | None
    sure: bool
    ties: tuple[str, ...]
    open_pairs: tuple[OpenPair, ...]

    @classmethod
    def of(
        cls, ranking: pd.DataFrame, pairs: pd.DataFrame, trusted: str | None, confidence: float
    ) -> "Conclusion":
        """That of a ranking.

        Two quantizers are told apart, in the order of the ranking, where the two-sided interval of
        their difference over the resamples leaves 0 out.

        Args:
            ranking: one row a quantizer, the most private first.
            pairs: `quantizer, other, p_<measure>`, and `runs_to_separate` where it was estimated.
            trusted: the attack that orders the ranking; None: r_Q does.
            confidence: of the interval.
        """
        key = Key.of(ranking, trusted)
        names, runs = list(ranking["quantizer"]), int(ranking["runs"].iloc[0])
        rows = {row["quantizer"]: row for row in ranking.to_dict("records")}
        p = _indexed(pairs, f"p_{key.column}")
        apart = {pair for pair, chance in p.items() if chance >= (1 + confidence) / 2}
        needed = [_indexed(pairs, f"runs_to_separate{end}") for end in ("", "_low", "_high")]
        best = names[0]
        open_pairs = [_open(pair, needed, runs) for pair in pairwise(names) if pair not in apart]
        return cls(
            trusted,
            key,
            metric_name(str(ranking["utility_metric"].iloc[0])),
            runs,
            len(names),
            _place(rows[best], key.column),
            _place(rows[REFERENCE], key.column) if REFERENCE in names[1:] else None,
            any(value == value for value in p.values()),
            tuple(other for other in names[1:] if (best, other) not in apart),
            tuple(open_pairs),
        )

    def facts(self) -> dict[str, Any]:
        """As JSON holds it; what is undefined is null."""
        return defined(asdict(self))


def _place(row: dict[Any, Any], column: str) -> Place:
    upper = float(row.get("mis_upper", nan))
    return Place(
        row["quantizer"],
        Interval.of_cells(row, column),
        None if isnan(upper) else upper,
        float(row["utility"]),
    )


def _indexed(pairs: pd.DataFrame, column: str) -> dict[tuple[str, str], float]:
    if column not in pairs:
        return {}
    rows = pairs[["quantizer", "other", column]].itertuples(index=False, name=None)
    return {(a, b): float(value) for a, b, value in rows}


def _open(pair: tuple[str, str], needed: list[dict[tuple[str, str], float]], runs: int) -> OpenPair:
    """A pair with the runs that it takes, by the estimate and the ends of its interval."""
    more, low, high = (_more_runs(each.get(pair), runs) for each in needed)
    known = pair in needed[1]  # tables of older versions have no interval
    return OpenPair(*pair, more, (low, high) if known else None)


def _more_runs(total: float | None, runs: int) -> int | None:
    if total is None or not total < MANY:
        return None
    return max(int(total) - runs, 1)


def defined(value: Any) -> Any:
    """The same with None for what is not finite, which JSON does not have.

    Args:
        value: anything that JSON holds, NaN and tuples besides.
    """
    if isinstance(value, dict):
        return {key: defined(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [defined(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def told_apart(ranking: pd.DataFrame, pairs: pd.DataFrame, key: Key) -> Iterator[float]:
    """P(more private than the next) of every quantizer but the last, in the ranking's order.

    Args:
        ranking: the quantizers.
        pairs: of them.
        key: what orders the ranking.
    """
    p = _indexed(pairs, f"p_{key.column}")
    yield from (p.get((a, b), nan) for a, b in pairwise(ranking["quantizer"]))
