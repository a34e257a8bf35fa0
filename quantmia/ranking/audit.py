"""Every attack on every quantizer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from quantmia.attacks import Attack
from quantmia.attacks.epsilon import epsilon_table
from quantmia.attacks.extreme import UNSEEN, Without, most_extreme, without
from quantmia.attacks.metrics import AttackResult, assess
from quantmia.config.recorded import RecordedConfig
from quantmia.config.schema import ExperimentConfig
from quantmia.errors import QuantmiaError
from quantmia.experiment import Audited, Recording
from quantmia.ranking.evidence import Evidence
from quantmia.ranking.observer import Observer
from quantmia.ranking.verdict import Caution
from quantmia.statistics import Bootstrap

# Which attack orders the table, best first.
TRUSTED = ("lira_eb", "lira_shrunk", "lira", "loss_threshold")
# What attacks read besides outputs, and how it is called where it is not at hand.
READ = {
    "features": "the features of the samples",
    "models": "the models",
    "population": "losses of samples that no run trained on",
}


@dataclass
class Audit:
    """What the attacks found.

    Args:
        results: by attack and quantizer.
        roc: curves, rows `quantizer, attack, fpr, tpr, low, high`.
        epsilon: bounds, rows `quantizer, attack, run, guesses, correct, epsilon`; none where they
            do not hold.
        trusted: the attack that orders the quantizers; None without attacks.
        left_out: which attack could not be used, and why.
        without: what an attack finds without a handful of extreme samples, by attack and
            quantizer; not a number where none is extreme.
    """

    results: dict[str, dict[str, AttackResult]]
    roc: pd.DataFrame
    epsilon: pd.DataFrame
    trusted: str | None
    left_out: list[Caution]
    without: dict[str, dict[str, Without]]


def usable(
    attacks: Mapping[str, Attack], n_runs: int, absent: Collection[str] = ()
) -> tuple[dict[str, Attack], list[Caution]]:
    """The attacks that so many runs allow, and what to say of the others.

    Args:
        attacks: by name.
        n_runs: how many runs there are.
        absent: what is not at hand of `READ`.
    """
    kept, left_out = {}, []
    for name, attack in attacks.items():
        lacks = [READ[each] for each in reads(attack, absent)]
        if n_runs < attack.min_runs:
            text = f"{name} was left out: it needs {attack.min_runs} runs and there are {n_runs}"
            left_out.append(Caution(text, "Train more runs to have its opinion too."))
        elif lacks:
            text = f"{name} was left out: it reads {' and '.join(lacks)}, which were not recorded"
            left_out.append(Caution(text, "The others look at outputs and members alone."))
        else:
            kept[name] = attack
    return kept, left_out


def reads(attack: Attack, what: Collection[str]) -> list[str]:
    """Which of these an attack reads.

    Args:
        attack: that may read them.
        what: some of `READ`.
    """
    return [each for each in what if getattr(attack, f"wants_{each}")]


def absent_of(experiment: Audited) -> list[str]:
    """What attacks may read and is not at hand, of `READ`.

    Args:
        experiment: what is audited.
    """
    if not isinstance(experiment, Recording):
        return []
    checkpoints = experiment.config.training.checkpoints
    return ["features", "models", *([] if checkpoints else ["population"])]


def trusted_attack(names: Sequence[str]) -> str | None:
    """The attack that orders the quantizers: the best that is known, or else the first."""
    return next((name for name in TRUSTED if name in names), next(iter(names), None))


def attack_of(experiment: Audited, n_runs: int) -> tuple[str, Attack]:
    """The attack that decides where one has to, with its name.

    Args:
        experiment: what is audited.
        n_runs: how many runs there are.

    Raises:
        QuantmiaError: none can be used.
    """
    attacks, left_out = usable(experiment.attacks, n_runs, absent_of(experiment))
    trusted = trusted_attack(list(attacks))
    if trusted is None:
        said = "; ".join(each.text for each in left_out) or "no attack was chosen"
        raise QuantmiaError(f"there is nothing to decide by: {said}")
    return trusted, attacks[trusted]


def audit(found: Evidence, experiment: Audited, bootstrap: Bootstrap) -> Audit:
    """Attack the models of all runs, one quantizer after another.

    Args:
        found: the runs.
        experiment: makes the attacks, and what they read.
        bootstrap: of the runs.

    Raises:
        FolderError: a file of a run is missing or damaged.
    """
    attacks, left_out = usable(experiment.attacks, len(found.meta), absent_of(experiment))
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
                own = attack.score(seen)
                if with_epsilon:  # else one at a time: of a million samples each is large
                    scores[name] = own
                results[name][quantizer] = assess(own, seen.members, bootstrap)
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


def wants_epsilon(config: ExperimentConfig | RecordedConfig) -> bool:
    """Whether a bound on epsilon is given: where it holds, unless it is turned off."""
    return config.split.membership == "coin" and config.ranking.epsilon is not False
