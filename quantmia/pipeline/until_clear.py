"""Train until the ranking is clear: `runs=auto`."""

from collections.abc import Callable

from quantmia.attacks.metrics import mean_auc
from quantmia.experiment import Experiment
from quantmia.ranking.audit import trusted_attack, usable
from quantmia.ranking.evidence import collect
from quantmia.ranking.neighbours import auc_of_groups, looks, neighbours
from quantmia.ranking.observer import Observer
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge


def train_until_clear(experiment: Experiment, train_up_to: Callable[[int], RunFolder]) -> str:
    """Train stack by stack until every two neighbours are separated or equal, or `runs_max`.

    The neighbours are those of the ranking by the trusted attack at each look. The error is
    divided among the looks and the pairs (Bonferroni), so that looking again spoils nothing.

    Args:
        experiment: with `runs: auto`.
        train_up_to: completes the folder to so many runs.

    Returns:
        The last look in words.
    """
    config, said = experiment.config, ""
    assert isinstance(config.training.stack, int)  # auto has become a number
    planned = looks(config.training.stack, config.runs_max)
    error = (1 - config.ranking.confidence) / len(planned)
    for runs in planned:
        folder = train_up_to(runs)
        # Of no quantizer: r_Q decides nothing here.
        found = collect(merge([folder]).runs, [], config.indicator, experiment.progress)
        attacks, _ = usable(experiment.attacks, len(found.meta))
        trusted = trusted_attack(list(attacks))
        if trusted is None:
            continue
        attack = attacks[trusted]
        observe = Observer(found, [attack], experiment)
        auc, groups = {}, {}
        for name in config.quantizer:
            seen = observe(name)
            auc[name] = mean_auc(attack.score(seen), seen.members)
            groups[name] = auc_of_groups(attack, seen)
        order = sorted(auc, key=lambda name: auc[name])
        verdicts = neighbours(order, groups, error, config.ranking.tolerance)["verdict"]
        count = {each: int((verdicts == each).sum()) for each in ("separated", "equal", "open")}
        said = (
            f"runs=auto: after {runs} of at most {config.runs_max} runs {count['separated']} of "
            f"{len(verdicts)} pairs of neighbours are separated, {count['equal']} equal within "
            f"{config.ranking.tolerance} of AUC, {count['open']} open"
        )
        experiment.progress.say(said)
        if not count["open"]:
            break
    return said
