"""Every attack on every quantizer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from quantmia.attacks import Attack
from quantmia.attacks.epsilon import epsilon_table
from quantmia.attacks.extreme import UNSEEN, Without, most_extreme, without
from quantmia.attacks.metrics import AttackResult, assess
from quantmia.config.schema import ExperimentConfig
from quantmia.experiment import Experiment
from quantmia.ranking.evidence import Evidence
from quantmia.ranking.observer import Observer
from quantmia.statistics import Bootstrap

# Which attack orders the table, best first.
TRUSTED = ("lira_eb", "lira_shrunk", "lira", "loss_threshold")


@dataclass
class Audit:
    """What the attacks found.

    Args:
        results: by attack and quantizer.
        roc: curves, rows `quantizer, attack, fpr, tpr, low, high`.
        epsilon: bounds, rows `quantizer, attack, run, guesses, correct, epsilon`; none where they
            do not hold.
        trusted: the attack that orders the quantizers; None without attacks.
        left_out: sentences that say which attack needs more runs.
        without: what an attack finds without a handful of extreme samples, by attack and
            quantizer; not a number where none is extreme.
    """

    results: dict[str, dict[str, AttackResult]]
    roc: pd.DataFrame
    epsilon: pd.DataFrame
    trusted: str | None
    left_out: list[str]
    without: dict[str, dict[str, Without]]


def usable(attacks: Mapping[str, Attack], n_runs: int) -> tuple[dict[str, Attack], list[str]]:
    """The attacks that so many runs allow, and what to say of the others."""
    left_out = [
        f"{name} was left out: it needs {attack.min_runs} runs and there are {n_runs}"
        for name, attack in attacks.items()
        if n_runs < attack.min_runs
    ]
    return {name: each for name, each in attacks.items() if n_runs >= each.min_runs}, left_out


def trusted_attack(names: Sequence[str]) -> str | None:
    """The attack that orders the quantizers: the best that is known, or else the first."""
    return next((name for name in TRUSTED if name in names), next(iter(names), None))


def audit(found: Evidence, experiment: Experiment, bootstrap: Bootstrap) -> Audit:
    """Attack the models of all runs, one quantizer after another.

    Args:
        found: the runs.
        experiment: makes the attacks, and what they read.
        bootstrap: of the runs.

    Raises:
        FolderError: a file of a run is missing or damaged.
    """
    attacks, left_out = usable(experiment.attacks, len(found.meta))
    trusted = trusted_attack(list(attacks))
    results: dict[str, dict[str, AttackResult]] = {name: {} for name in attacks}
    others: dict[str, dict[str, Without]] = {name: {} for name in attacks}
    names, roc, epsilon = list(experiment.config.quantizer), [], []
    with_epsilon = attacks and wants_epsilon(experiment.config)
    observe = Observer(found, attacks.values(), experiment)
    total = len(names) * len(attacks)
    with experiment.progress.stage("attacks", total, "attacks") as advance:
        for quantizer in names if attacks else []:
            seen, scores = observe(quantizer), {}
            few = most_extreme(seen)
            for name, attack in attacks.items():
                scores[name] = attack.score(seen)
                results[name][quantizer] = assess(scores[name], seen.members, bootstrap)
                others[name][quantizer] = UNSEEN if few is None else without(attack, seen, few)
                curve = results[name][quantizer].roc.items()
                roc += [(quantizer, name, rate, *vars(tpr).values()) for rate, tpr in curve]
                advance(1)
            if with_epsilon:
                table = epsilon_table(attacks, scores, seen, bootstrap.confidence)
                table.insert(0, "quantizer", quantizer)
                epsilon.append(table)
    curves = pd.DataFrame(roc, columns=["quantizer", "attack", "fpr", "tpr", "low", "high"])
    bounds = pd.concat(epsilon, ignore_index=True) if epsilon else pd.DataFrame()
    return Audit(results, curves.dropna(subset="tpr"), bounds, trusted, left_out, others)


def wants_epsilon(config: ExperimentConfig) -> bool:
    """Whether a bound on epsilon is given: where it holds, unless it is turned off."""
    return config.split.membership == "coin" and config.ranking.epsilon is not False
