"""Every attack on every quantizer."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from hydra.utils import instantiate

from quantmia.attacks import Attack
from quantmia.attacks.epsilon import epsilon_table
from quantmia.attacks.metrics import AttackResult, assess
from quantmia.progress import Progress
from quantmia.ranking.evidence import Evidence, InputSource, Observer
from quantmia.statistics import Bootstrap

TRUSTED = ("lira_shrunk", "lira", "loss_threshold")  # which attack orders the table, best first


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
    """

    results: dict[str, dict[str, AttackResult]]
    roc: pd.DataFrame
    epsilon: pd.DataFrame
    trusted: str | None
    left_out: list[str]


def usable(config: dict[str, Any], n_runs: int) -> tuple[dict[str, Attack], list[str]]:
    """The attacks that so many runs allow, and what to say of the others."""
    attacks: dict[str, Attack] = {name: instantiate(each) for name, each in config.items()}
    left_out = [
        f"{name} was left out: it needs {attack.min_runs} runs and there are {n_runs}"
        for name, attack in attacks.items()
        if n_runs < attack.min_runs
    ]
    return {name: each for name, each in attacks.items() if n_runs >= each.min_runs}, left_out


def trusted_attack(names: list[str]) -> str | None:
    """The attack that orders the quantizers."""
    return next((name for name in TRUSTED if name in names), next(iter(names), None))


def audit(
    found: Evidence,
    config: dict[str, Any],
    bootstrap: Bootstrap,
    progress: Progress,
    source: InputSource,
) -> Audit:
    """Attack the models of all runs, one quantizer after another.

    Args:
        found: the runs.
        config: of the experiment.
        bootstrap: of the runs.
        progress: shows how far it is.
        source: called if an attack wants what the run files do not hold.

    Raises:
        FolderError: a file of a run is missing or damaged.
    """
    attacks, left_out = usable(config["attack"], len(found.meta))
    trusted = trusted_attack(list(attacks))
    results: dict[str, dict[str, AttackResult]] = {name: {} for name in attacks}
    names, roc, epsilon = list(config["quantizer"]), [], []
    with_epsilon = attacks and wants_epsilon(config)
    observe = Observer(found, attacks.values(), source)
    with progress.stage("attacks", len(names) * len(attacks), "attacks") as advance:
        for quantizer in names if attacks else []:
            seen, scores = observe(quantizer), {}
            for name, attack in attacks.items():
                scores[name] = attack.score(seen)
                results[name][quantizer] = assess(scores[name], seen.members, bootstrap)
                curve = results[name][quantizer].roc.items()
                roc += [(quantizer, name, rate, *vars(tpr).values()) for rate, tpr in curve]
                advance(1)
            if with_epsilon:
                table = epsilon_table(attacks, scores, seen, bootstrap.confidence)
                table.insert(0, "quantizer", quantizer)
                epsilon.append(table)
    curves = pd.DataFrame(roc, columns=["quantizer", "attack", "fpr", "tpr", "low", "high"])
    bounds = pd.concat(epsilon, ignore_index=True) if epsilon else pd.DataFrame()
    return Audit(results, curves.dropna(subset="tpr"), bounds, trusted, left_out)


def wants_epsilon(config: dict[str, Any]) -> bool:
    """Whether a bound on epsilon is given: where it holds, unless it is turned off."""
    wanted = config["ranking"]["epsilon"]
    return config["split"]["membership"] == "coin" and wanted is not False
