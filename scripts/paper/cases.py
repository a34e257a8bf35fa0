"""A claim comes down to cases, each with an effect and its interval, and these to a verdict."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

from quantmia.statistics import Interval
from scripts.paper.studies import factors

State = Literal["holds", "fails", "open"]


@dataclass(frozen=True)
class Case:
    """One measurement that speaks for a claim, against it, or for neither.

    Args:
        study: that it is from.
        setting: of the study.
        effect: what is measured.
        found: with its interval.
        state: `open` if the interval leaves it open.
    """

    study: str
    setting: str
    effect: str
    found: Interval
    state: State

    def row(self) -> dict[str, object]:
        """As a row of a table."""
        return {
            "study": self.study,
            "setting": self.setting,
            "effect": self.effect,
            **asdict(self.found),
            "state": self.state,
        }

    def traits(self) -> dict[str, str]:
        """What a verdict may depend on."""
        return {"data": self.study, "effect": self.effect} | factors(self.setting)


def above(found: Interval, threshold: float) -> State:
    """Whether an effect is above a threshold, by its interval.

    Args:
        found: without an interval it is open.
        threshold: in the effect's unit.
    """
    if found.low > threshold:
        return "holds"
    return "fails" if found.high < threshold else "open"


def below(found: Interval, threshold: float) -> State:
    """Whether an effect is below a threshold, by its interval.

    Args:
        found: without an interval it is open.
        threshold: in the effect's unit.
    """
    opposite: dict[State, State] = {"holds": "fails", "fails": "holds", "open": "open"}
    return opposite[above(found, threshold)]


def verdict(cases: Sequence[Case]) -> str:
    """`holds`, `fails`, `open`, or `depends on: <what>`.

    What it depends on is the trait whose values differ most in the share of decided cases that
    hold.

    Args:
        cases: of a claim.
    """
    decided = [case for case in cases if case.state != "open"]
    states = {case.state for case in decided}
    if not decided:
        return "open"
    if len(states) == 1:
        return decided[0].state
    shares = by_trait(decided)
    if not len(shares):
        return "depends on: the setting"
    spans = shares.groupby("trait", sort=False)["share"].agg(lambda s: s.max() - s.min())
    return f"depends on: {spans.idxmax()}"


def by_trait(cases: Sequence[Case]) -> pd.DataFrame:
    """How many cases hold, fail and stay open, by every trait that has several values.

    Args:
        cases: of a claim.

    Returns:
        `trait, value, holds, fails, open, share`: of the decided ones that hold.
    """
    traits = dict.fromkeys(trait for case in cases for trait in case.traits())
    rows = []
    for trait in traits:
        values = dict.fromkeys(case.traits()[trait] for case in cases if trait in case.traits())
        for value in values if len(values) > 1 else ():
            states = [case.state for case in cases if case.traits().get(trait) == value]
            holds, fails = states.count("holds"), states.count("fails")
            share = holds / (holds + fails) if holds + fails else float("nan")
            rows.append((trait, value, holds, fails, states.count("open"), share))
    return pd.DataFrame(rows, columns=["trait", "value", "holds", "fails", "open", "share"])
