"""From losses and scores to a ranking with its intervals, correlations and diagnostics."""

import pandas as pd

from quantmia.errors import QuantmiaError
from quantmia.experiment import Audited, Experiment
from quantmia.ranking import tables
from quantmia.ranking.agreement import agree
from quantmia.ranking.audit import audit
from quantmia.ranking.calibration import calibration_audit, given_away
from quantmia.ranking.conclusion import Conclusion, Key
from quantmia.ranking.decision import GUARANTEED, Rule
from quantmia.ranking.evidence import collect
from quantmia.ranking.front import front
from quantmia.ranking.guarantee import Guarantee
from quantmia.ranking.indicated import indicate
from quantmia.ranking.limits_of_data import (
    changed_labels,
    dropped_rows,
    extreme_values,
    guessing,
    kept_samples,
    remarks,
)
from quantmia.ranking.releases import releases
from quantmia.ranking.resamples import Resamples
from quantmia.ranking.results import Results
from quantmia.ranking.verdict import (
    Caution,
    cautions,
    decided_by_few,
    flags,
    of_r_q,
    of_the_last_alone,
)
from quantmia.runs.merge import Merged
from quantmia.seeding import Purpose, stream
from quantmia.statistics import Bootstrap, half_split_stability


def rank_runs(merged: Merged, experiment: Audited) -> Results:
    """Rank the quantizers over all runs of an experiment.

    Args:
        merged: where its runs are.
        experiment: theirs; says how to rank, and is asked for data if an attack wants what the run
            files do not hold.

    Raises:
        FolderError: a run is missing or damaged.
        QuantmiaError: every run diverged, or there is nothing to rank by.
    """
    config, names = experiment.config, merged.quantizers
    with_losses = names if config.training.checkpoints else []
    found = collect(merged.runs, with_losses, config.indicator, experiment.progress)
    bootstrap = Bootstrap(
        len(found.meta),
        config.ranking.bootstrap,
        config.ranking.confidence,
        stream(config.seed, Purpose.BOOTSTRAP),
    )
    indicated = indicate(found, config.indicator.variant, bootstrap) if found.names else None
    audited = audit(found, experiment, bootstrap)
    trusted = audited.trusted
    if trusted is None and indicated is None:
        said = "; ".join(each.text for each in audited.left_out) or "no attack was chosen"
        raise QuantmiaError(f"there is nothing to rank by: {said}; without losses, there is no r_Q")
    ranking = tables.ranking(found, names, indicated, audited.results, bootstrap)
    diagnostics = tables.diagnostics(found, indicated.per_run) if indicated else None
    key = Key.of(ranking, trusted)
    ranking["flags"] = flags(ranking, diagnostics)
    ranking = ranking.sort_values(
        key.column, ascending=not key.more_is_private, kind="stable", ignore_index=True
    )
    if len(audited.epsilon):
        ranking["epsilon"] = tables.bound_of_all(ranking, audited.epsilon)
    order = list(ranking["quantizer"])
    pairs = tables.pairs(order, names, indicated, audited, bootstrap)
    attacks = tables.attacks(names, audited)
    made = {
        "ranking": ranking,
        "attacks": attacks,
        "utility": tables.utility(found, names),
        "pairs": pairs,
    }
    on_r_q: list[Caution] = []
    if indicated and diagnostics is not None:
        halves = stream(config.seed, Purpose.HALVES)
        stability = half_split_stability(indicated.per_run, config.ranking.halves, halves)
        agreement = agree(found, indicated, audited.results, bootstrap, stability)
        on_r_q += of_r_q(diagnostics, agreement, trusted)
        on_r_q += of_the_last_alone(ranking)
        epochs = config.training.checkpoints
        made |= {
            "indicator": found.indicator,
            "correlation": agreement.table(),
            "diagnostics": diagnostics,
            "trajectory": tables.trajectory(found, order, epochs, bootstrap),
        }
    extra, resamples = {"roc": audited.roc, "epsilon": audited.epsilon}, None
    if shipped := releases(found, experiment, audited, bootstrap):
        extra["front"] = front(shipped, str(ranking["utility_metric"].iloc[0]), bootstrap)
        resamples = Resamples.of(shipped, shipped.members, bootstrap)
    calibration = pd.DataFrame()
    if isinstance(experiment, Experiment) and experiment.config.calibration.audit:
        extra["calibration"] = calibration = calibration_audit(found, experiment, bootstrap)
    if (guarantee := Guarantee.of(config.training, merged.dataset["pool"])) and shipped:
        extra["front"][GUARANTEED] = guarantee.of_releases(extra["front"])
    return Results(
        tables=made | {name: each for name, each in extra.items() if len(each)},
        conclusion=Conclusion.of(ranking, pairs, trusted, config.ranking.confidence),
        cautions=(
            *(Caution(each, "Complete the folders to rank all runs.") for each in merged.notes),
            *(guarantee.cautions(ranking) if guarantee else ()),
            *dropped_rows(merged.dataset),
            *extreme_values(merged.dataset),
            *changed_labels(merged.dataset),
            *guessing(ranking, merged.dataset),
            *kept_samples(merged.dataset, found.meta[0]),
            *(given_away(calibration) if len(calibration) else ()),
            *decided_by_few(attacks),
            *remarks(merged.dataset),
            *cautions(ranking, found.diverged, audited.left_out),
            *on_r_q,
        ),
        confidence=bootstrap.confidence,
        missing=tuple(merged.notes),
        diverged=tuple(found.diverged),
        rule=Rule(config.release.utility_loss, config.release.mis),
        resamples=resamples,
    )
