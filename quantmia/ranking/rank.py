"""From losses and scores to a ranking with its intervals, correlations and diagnostics."""

from quantmia.experiment import Experiment
from quantmia.ranking import tables
from quantmia.ranking.agreement import agree
from quantmia.ranking.audit import audit
from quantmia.ranking.conclusion import Conclusion, Key
from quantmia.ranking.decision import GUARANTEED, Rule
from quantmia.ranking.evidence import collect
from quantmia.ranking.front import front
from quantmia.ranking.guarantee import Guarantee
from quantmia.ranking.indicated import indicate
from quantmia.ranking.limits_of_data import dropped_rows, extreme_values, guessing
from quantmia.ranking.releases import releases
from quantmia.ranking.results import Results
from quantmia.ranking.verdict import Caution, cautions, decided_by_few, flags
from quantmia.runs.merge import Merged
from quantmia.seeding import Purpose, stream
from quantmia.statistics import Bootstrap, half_split_stability


def rank_runs(merged: Merged, experiment: Experiment) -> Results:
    """Rank the quantizers over all runs of an experiment.

    Args:
        merged: where its runs are.
        experiment: theirs; says how to rank, and is asked for data if an attack wants what the run
            files do not hold.

    Raises:
        FolderError: a run is missing or damaged.
        QuantmiaError: every run diverged.
    """
    config, names = experiment.config, merged.quantizers
    found = collect(merged.runs, names, config.indicator, experiment.progress)
    bootstrap = Bootstrap(
        len(found.meta),
        config.ranking.bootstrap,
        config.ranking.confidence,
        stream(config.seed, Purpose.BOOTSTRAP),
    )
    indicated = indicate(found, names, config.indicator.variant, bootstrap)
    audited = audit(found, experiment, bootstrap)
    trusted = audited.trusted
    ranking = tables.ranking(found, indicated, audited.results, bootstrap)
    diagnostics = tables.diagnostics(found, names, indicated.per_run)
    key = Key.of(ranking, trusted)
    ranking["flags"] = flags(ranking, diagnostics)
    ranking = ranking.sort_values(
        key.column, ascending=not key.more_is_private, kind="stable", ignore_index=True
    )
    if len(audited.epsilon):
        ranking["epsilon"] = tables.bound_of_all(ranking, audited.epsilon)
    pairs = tables.pairs(list(ranking["quantizer"]), indicated, audited, bootstrap)
    halves = stream(config.seed, Purpose.HALVES)
    stability = half_split_stability(indicated.per_run, config.ranking.halves, halves)
    agreement = agree(
        found, names, indicated.r_q, indicated.resampled, audited.results, bootstrap, stability
    )
    attacks = tables.attacks(names, audited)
    made = {
        "ranking": ranking,
        "indicator": found.indicator,
        "attacks": attacks,
        "utility": tables.utility(found, names),
        "correlation": agreement.table(),
        "pairs": pairs,
        "diagnostics": diagnostics,
        "trajectory": tables.trajectory(
            found, list(ranking["quantizer"]), config.training.checkpoints, bootstrap
        ),
    }
    extra = {"roc": audited.roc, "epsilon": audited.epsilon}
    if shipped := releases(found, experiment, audited, bootstrap):
        extra["front"] = front(shipped, str(ranking["utility_metric"].iloc[0]), bootstrap)
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
            *guessing(ranking, merged.dataset),
            *decided_by_few(attacks),
            *cautions(ranking, diagnostics, agreement, found.diverged, audited.left_out, trusted),
        ),
        confidence=bootstrap.confidence,
        missing=tuple(merged.notes),
        diverged=tuple(found.diverged),
        rule=Rule(config.release.utility_loss, config.release.mis),
    )
