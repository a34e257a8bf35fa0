"""The effects that the paper's claims are about, setting by setting, each with its interval."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from quantmia.ranking.tables import attacks_of
from quantmia.statistics import Interval
from quantmia.tasks import metric_name
from scripts.paper.ablations import low_loss, stability_gain, stability_with
from scripts.paper.cases import Case, State, above, all_of, below, means_of
from scripts.paper.numbers import KEYS, Numbers
from scripts.paper.record import MEASURED
from scripts.paper.repeated import (
    CONFIDENCE,
    TRUSTED,
    agreement_of,
    agreements,
    averaged,
    ceilings,
    over_repetitions,
)
from scripts.paper.tables import DATA, on_paper_mixture

ORDER = ("ternary_50", "sign", "uniform_2", "uniform_5")
SPARSE = "ternary_90"
MEASURES = ("r_q", f"mis_{TRUSTED}")
AGREES = 0.8
PLATEAU = 0.1
PLATEAU_AT = "0.4"
USED = 20  # runs that the paper gives r_Q
QUARTER = 40  # of the runs that it gives the discriminator, about
Compare = Callable[[Interval, float], State]


def same_order(numbers: Numbers, measures: Sequence[str] = ()) -> list[Case]:
    """The paper's ranking on its mixture; its weakest step.

    Args:
        numbers: collected.
        measures: to rank by; none: r_Q and every attack.
    """
    attacks = [f"mis_{attack}" for attack in attacks_of(numbers.rankings)]
    found = []
    for (study, setting), mine in _settings(numbers, ("mixtures",)):
        for measure in measures or ["r_q", *attacks]:
            wide = mine.pivot(index="repetition", columns="quantizer", values=measure)
            steps = []
            for more, less in pairwise(ORDER):
                if {more, less} <= set(wide):
                    effect, values = _further(wide[more], wide[less], measure)
                    spread = over_repetitions(values)
                    against = f"{more} against {less}"
                    steps.append(Case(study, setting, effect, spread, above(spread, 0), against))
            if steps:
                found.append(all_of(steps))
    return found


def agrees(numbers: Numbers, studies: Sequence[str] = DATA) -> list[Case]:
    """Spearman of r_Q by the runs of one repetition with MIS.

    Where two repetitions do not agree about MIS, r_Q cannot be right or wrong: the case is open.
    """
    table = agreement_of(numbers, "r_q").merge(ceilings(numbers), on=KEYS)
    values = _by_setting(agreements(numbers, "r_q"), "spearman")
    effect = f"Spearman of r_Q with MIS by {TRUSTED}"
    found = []
    for row in table[table["study"].isin(studies)].to_dict("records"):
        study, setting, spread = row["study"], row["setting"], Interval.of_cells(row, "spearman")
        if row["ceiling"] >= AGREES:
            state, said, each = above(spread, AGREES), "", values[study, setting]
        else:
            state, said, each = "open", f"MIS of two repetitions: {row['ceiling']:.2f}", ()
        found.append(Case(study, setting, effect, spread, state, said, each))
    return [*found, *means_of(found, above, AGREES)]


def few_runs_rank(numbers: Numbers, estimator: str, runs: int, compare: Compare) -> list[Case]:
    """Spearman of an estimator's ranking by few runs with LiRA on other runs.

    Args:
        numbers: collected.
        estimator: as `quantmia efficiency` names it.
        runs: how many it gets.
        compare: with 0.8.
    """
    table = numbers.needed
    mine = table[(table["estimator"] == estimator) & (table["runs"] == runs)]
    effect = f"Spearman of {estimator} by {runs} runs with LiRA on other runs"
    found = []
    for row in mine.to_dict("records"):
        spread = Interval(row["spearman"], row["low"], row["high"])
        study = MEASURED.format(row["setting"])
        found.append(Case(study, "default", effect, spread, compare(spread, AGREES)))
    return found


def sparse_is_private(numbers: Numbers, studies: Sequence[str] = DATA) -> list[Case]:
    """The sparsest quantizer against all others, by r_Q and by an attack."""
    return _against_others(numbers, studies, MEASURES, above)


def sign_is_less_private(numbers: Numbers) -> list[Case]:
    """Sign against ternary 33 %, by r_Q and by an attack."""
    found = []
    for (study, setting), mine in _settings(numbers, DATA):
        for measure in MEASURES:
            wide = mine.pivot(index="repetition", columns="quantizer", values=measure)
            if not {"sign", "ternary_33"} <= set(wide):
                continue
            effect, values = _further(wide["sign"], wide["ternary_33"], measure)
            spread = over_repetitions(values)
            state, each = below(spread, 0), tuple(values.tolist())
            found.append(Case(study, setting, effect, spread, state, values=each))
    return [*found, *means_of(found, below, 0)]


def sparse_is_useless(numbers: Numbers) -> list[Case]:
    """The sparsest quantizer's utility against those of all others."""
    return _against_others(numbers, DATA, ["utility"], below)


def worse_than_the_mean(numbers: Numbers, studies: Sequence[str]) -> list[Case]:
    """R^2 of the sparsest quantizer in regression."""
    table = numbers.repetitions
    mine = table[
        (table["quantizer"] == SPARSE)
        & (table["utility_metric"] == "r2")
        & table["study"].isin(studies)
    ]
    found = []
    for row in averaged(mine, "utility", "utility").to_dict("records"):
        spread = Interval.of_cells(row, "utility")
        state = below(spread, 0)
        found.append(Case(row["study"], row["setting"], f"R² of {SPARSE}", spread, state))
    return found


def private_and_useless(numbers: Numbers, study: str) -> list[Case]:
    """The sparsest quantizer is the most private, and predicts worse than the mean."""
    useless = {case.setting: case for case in worse_than_the_mean(numbers, (study,))}
    return [
        all_of([case, useless[case.setting]])
        for case in sparse_is_private(numbers, (study,))
        if not case.on_average and case.setting in useless
    ]


def plateau(numbers: Numbers) -> list[Case]:
    """What holding out half of the data adds to the stability of the ranking by r_Q."""
    found = stability_gain(numbers, PLATEAU_AT, "0.5")
    if found is None:
        return []
    effect = f"stability with 0.5 held out less that with {PLATEAU_AT}"
    return [Case("validation", "default", effect, found, below(found, PLATEAU))]


def same_at_any_share(numbers: Numbers) -> list[Case]:
    """Spearman between the ranking by r_Q with half of the data held out and with less."""
    found = []
    for share, spread in stability_with(numbers, "0.5").items():
        effect = "Spearman of r_Q with that with 0.5 held out, of other repetitions"
        setting = f"split.validation={share}"
        found.append(Case("validation", setting, effect, spread, above(spread, AGREES)))
    return found


def low_loss_dominates(numbers: Numbers, studies: Sequence[str] = DATA) -> list[Case]:
    """Share of runs in which sigma^2 comes from the half of lower loss."""
    table = low_loss(numbers)
    effect = "share of runs in which a low-loss checkpoint gives sigma²"
    facts = numbers.repetitions.assign(share=1 - numbers.repetitions["dominated_by_high_loss"])
    values = _by_setting(facts, "share")
    found = []
    for row in table[table["study"].isin(studies)].to_dict("records"):
        study, setting = row["study"], row["setting"]
        spread = Interval.of_cells(row, "low_loss_dominates")
        state, each = above(spread, 0.5), values[study, setting]
        found.append(Case(study, setting, effect, spread, state, values=each))
    return [*found, *means_of(found, above, 0.5)]


def _against_others(
    numbers: Numbers, studies: Sequence[str], measures: Sequence[str], compare: Compare
) -> list[Case]:
    """The sparsest quantizer against each other one; shown is the one that comes closest.

    It holds if it holds against all. It fails if it fails against one, by an interval that is
    wider because one of several could do so by chance (Bonferroni).
    """
    found = []
    for (study, setting), mine in _settings(numbers, studies):
        for measure in measures:
            wide = mine.pivot(index="repetition", columns="quantizer", values=measure)
            if SPARSE not in wide or wide.shape[1] < 2:
                continue
            others = wide.drop(columns=SPARSE)
            strict = 1 - (1 - CONFIDENCE) / others.shape[1]
            effect, states, spreads, each = "", [], {}, {}
            for other in map(str, others):
                effect, each[other] = _further(wide[SPARSE], wide[other], measure)
                spreads[other] = over_repetitions(each[other])
                surely = compare(over_repetitions(each[other], confidence=strict), 0)
                usually = compare(spreads[other], 0)
                states.append("open" if usually == "fails" != surely else usually)
            state: State = "fails" if "fails" in states else "open" if "open" in states else "holds"
            sign = 1 if compare is above else -1
            closest = min(spreads, key=lambda other: sign * spreads[other].value)
            if measure == "utility":
                metric = str(mine["utility_metric"].iloc[0])
                effect = f"difference of {metric_name(metric)}"
            shown, against = spreads[closest], f"against {closest}"
            values = tuple(each[closest].tolist())
            found.append(Case(study, setting, effect, shown, state, against, values))
    return [*found, *means_of(found, compare, 0)]


def _further(one: pd.Series, other: pd.Series, measure: str) -> tuple[str, np.ndarray]:
    """How far one quantizer is above another in every repetition; r_Q by its decimal logarithm."""
    if measure == "r_q":
        return "log₁₀ of the ratio of r_Q", np.log10((one / other).to_numpy(float))
    name = measure.replace("mis_", "MIS by ")
    return f"difference of {name}", (one - other).to_numpy(float)


def _settings(
    numbers: Numbers, studies: Sequence[str]
) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Rows of the repetitions by setting; of the mixtures, where asked for alone, the paper's."""
    table = numbers.repetitions[numbers.repetitions["study"].isin(studies)]
    if tuple(studies) == ("mixtures",):
        table = on_paper_mixture(table)
    for (study, setting), mine in table.groupby(KEYS, sort=False):
        yield (str(study), str(setting)), mine


def _by_setting(table: pd.DataFrame, column: str) -> dict[tuple[str, str], tuple[float, ...]]:
    """Mean of a column in every repetition, by study and setting."""
    means = table.groupby([*KEYS, "repetition"], sort=False)[column].mean()
    return {
        (str(study), str(setting)): tuple(mine.sort_index().tolist())
        for (study, setting), mine in means.groupby(KEYS, sort=False)
    }
