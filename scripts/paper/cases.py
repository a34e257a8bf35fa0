"""A claim comes down to cases, each with an effect and its interval, and these to a verdict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from quantmia.statistics import Interval
from scripts.paper.repeated import over_repetitions
from scripts.paper.studies import SCALE, factors, without_scale

State = Literal["holds", "fails", "open"]
SAME = 0.005  # of an effect
AGREED = 0.9  # share of decided cases; of dozens of 95 % intervals a few are astray


@dataclass(frozen=True)
class Case:
    """One measurement that speaks for a claim, against it, or for neither.

    Args:
        study: that it is from.
        setting: of the study.
        effect: what is measured.
        found: with its interval.
        state: `open` if the interval leaves it open.
        detail: what it was measured against, or what decided it.
        values: of the effect in every repetition, where there are any.
        on_average: whether it is about the mean of other cases.
    """

    study: str
    setting: str
    effect: str
    found: Interval
    state: State
    detail: str = ""
    values: tuple[float, ...] = ()
    on_average: bool = False

    def row(self) -> dict[str, object]:
        """As a row of a table."""
        return {
            "study": self.study,
            "setting": self.setting,
            "effect": self.effect,
            **vars(self.found),
            "state": self.state,
            "detail": self.detail,
        }

    def traits(self) -> dict[str, str]:
        """What a verdict may depend on, first what would be named first."""
        return factors(self.setting) | {"data": self.study, "effect": self.effect}


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


def means_of(
    cases: Sequence[Case], compare: Callable[[Interval, float], State], threshold: float
) -> list[Case]:
    """The mean of the cases that share an effect and a scale of the codebooks, as a case each.

    It is taken within a repetition first, because settings with one seed may share their models.

    Args:
        cases: those with values in every repetition count.
        compare: with the threshold.
        threshold: in the effect's unit.
    """
    alike: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        if case.values:
            kind = factors(case.setting).get(SCALE, "")
            alike.setdefault((case.effect, kind), []).append(case)
    found = []
    for (effect, kind), mine in alike.items():
        if len(mine) > 1 and len({len(case.values) for case in mine}) == 1:
            spread = over_repetitions(np.array([case.values for case in mine]).mean(0))
            setting = f"quantization.scale={kind}" if kind else "default"
            name = f"mean of {len(mine)} cases"
            state = compare(spread, threshold)
            found.append(Case(name, setting, effect, spread, state, on_average=True))
    return found


def all_of(steps: Sequence[Case]) -> Case:
    """One case out of several that must hold together: it is shown by the step that decides.

    Args:
        steps: at least one, of one setting.
    """
    rank = {"fails": 0, "open": 1, "holds": 2}
    weakest = min(steps, key=lambda step: rank[step.state])
    return replace(weakest, detail=f"weakest of {len(steps)}: {weakest.detail or weakest.effect}")


def verdict(cases: Sequence[Case]) -> str:
    """`holds`, `fails`, either of them `on average`, `depends on: <what>`, `mixed`, or `open`.

    It holds or fails if half of the cases are decided and nine in ten of those agree. If fewer are
    decided, it does so on average if the means of the cases do, and else is open. What it
    depends on is the trait that explains most of the difference among them, by adjusted R^2, or
    the only one that they differ in; it is mixed if none explains any.

    Args:
        cases: of a claim.
    """
    means = {case.state for case in cases if case.on_average}
    cases = counted(cases)
    decided = [case for case in cases if case.state != "open"]
    if len(decided) < len(cases) / 2 or not decided:
        return f"{means.pop()} on average" if means in ({"holds"}, {"fails"}) else "open"
    share = sum(case.state == "holds" for case in decided) / len(decided)
    if max(share, 1 - share) >= AGREED:
        return "holds" if share > 0.5 else "fails"
    named = dict.fromkeys(trait for case in decided for trait in case.traits())
    traits = [t for t in named if len({case.traits().get(t) for case in decided}) > 1]
    if len(traits) == 1:
        return f"depends on: {traits[0]}"
    explained = {trait: _explained(decided, trait) for trait in traits}
    best = max(traits, key=lambda trait: explained[trait], default="")
    return f"depends on: {best}" if explained.get(best, 0) > 0 else "mixed"


def without_repeats(cases: Sequence[Case]) -> list[Case]:
    """Cases of which two scales of the codebooks that come to the same count once.

    Where fixed codebooks quantize as fitted ones do, the second says nothing that the first does
    not.

    Args:
        cases: of a claim.
    """
    kept: list[Case] = []
    for case in cases:
        twin = next((number for number, each in enumerate(kept) if _repeats(case, each)), None)
        if twin is None:
            kept.append(case)
            continue
        known, scales = kept[twin], [factors(each.setting)[SCALE] for each in (kept[twin], case)]
        said = f"the same with scale {' and '.join(scales)}"
        detail = "; ".join(filter(None, (known.detail, said)))
        kept[twin] = replace(known, setting=without_scale(known.setting), detail=detail)
    return kept


def _repeats(one: Case, other: Case) -> bool:
    if one.on_average or other.on_average or one.setting == other.setting:
        return False
    near = abs(one.found.value - other.found.value) <= SAME
    mine, theirs = ((c.study, c.effect, without_scale(c.setting)) for c in (one, other))
    return near and mine == theirs


def counted(cases: Sequence[Case]) -> list[Case]:
    """The cases without their mean."""
    return [case for case in cases if not case.on_average]


def _explained(decided: Sequence[Case], trait: str) -> float:
    """Adjusted R^2 of whether cases hold, by the value of a trait; its absence is a value too."""
    table = pd.DataFrame(
        {
            "value": [case.traits().get(trait, "") for case in decided],
            "holds": [float(case.state == "holds") for case in decided],
        }
    )
    n, levels = len(table), table["value"].nunique()
    if not 1 < levels < n:
        return 0.0
    rest = table["holds"] - table.groupby("value")["holds"].transform("mean")
    whole = table["holds"] - table["holds"].mean()
    return float(1 - (rest**2).sum() / (whole**2).sum() * (n - 1) / (n - levels))


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
