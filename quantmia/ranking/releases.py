"""Every release over all runs: what it is good for, and what attacks find of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from quantmia.attacks import Attack
from quantmia.attacks.base import Members
from quantmia.attacks.metrics import AttackResult, assess
from quantmia.attacks.roc import tpr_at
from quantmia.experiment import Audited
from quantmia.ranking.audit import Audit, absent_of, trusted_attack, usable
from quantmia.ranking.evidence import Evidence
from quantmia.ranking.observer import Observer
from quantmia.statistics import Bootstrap, Interval
from quantmia.vocabulary import LAST

AT = 0.01  # false positive rate at which samples are flagged


@dataclass(frozen=True)
class Release:
    """A model that might be shipped, over all runs: a quantizer at a checkpoint.

    Args:
        quantizer: its name.
        checkpoint: its name.
        epoch: after which it was taken, mean over the runs.
        bits: stored a quantized weight.
        utility: in the metric of the task, on the half of the validation samples that did not
            choose the best checkpoint, or where others trained on those that a run left out.
        resampled_utility: of every resample of runs and of those samples.
        results: what every attack finds.
        flagged: true positive rate of the trusted attack at one false positive in 100.
    """

    quantizer: str
    checkpoint: str
    epoch: float
    bits: float
    utility: Interval
    resampled_utility: Float[np.ndarray, " resamples"]
    results: Mapping[str, AttackResult]
    flagged: float


@dataclass(frozen=True)
class Releases:
    """All releases of an experiment.

    Args:
        made: of every quantizer, in the order of its name and of the training.
        trusted: the attack that orders them.
        guess: utility of the best answer that looks at no sample.
        members: of every run.
    """

    made: Sequence[Release]
    trusted: str
    guess: float
    members: Members


def releases(
    found: Evidence, experiment: Audited, audited: Audit, bootstrap: Bootstrap
) -> Releases | None:
    """All of them; None where only the last checkpoint is one, or nothing attacks or measures them.

    Attacks that read models or features are left to the ranking: they look at one checkpoint.

    Args:
        found: the runs.
        experiment: makes the attacks.
        audited: what the same attacks found of the last checkpoint.
        bootstrap: of the runs and samples.

    Raises:
        FolderError: a file of a run is missing or damaged.
    """
    attacks, _ = usable(experiment.attacks, len(found.meta), absent_of(experiment))
    attacks = {
        name: each
        for name, each in attacks.items()
        if not (each.wants_models or each.wants_features)
    }
    observe = Observer(found, attacks.values(), experiment, alike=True)
    trusted = trusted_attack(list(attacks))
    names = list(experiment.config.quantizer)
    checkpoints = [(name, each) for name in names for each in observe.checkpoints(name)]
    if trusted is None or not checkpoints:
        return None
    release = delayed(partial(_release, observe, attacks, trusted, audited, bootstrap))
    work = [release(*each) for each in checkpoints]
    # Threads, because sorting and adding up, which is most of it, lets others work meanwhile;
    # those of a matrix product would stand in their way.
    parallel = Parallel(torch.get_num_threads(), prefer="threads", return_as="generator")
    stage = experiment.progress.stage("releases", len(work), "releases")
    with stage as advance, threadpool_limits(1, user_api="blas"):
        made = []
        for each in parallel(work):
            made.append(each)
            advance(1)
    if not any(np.isfinite(each.utility.value) for each in made):
        return None  # the targets of the half that measures are all the same
    return Releases(made, trusted, observe.guess, observe.members)


def _release(
    observe: Observer,
    attacks: Mapping[str, Attack],
    trusted: str,
    audited: Audit,
    bootstrap: Bootstrap,
    quantizer: str,
    checkpoint: str,
) -> Release:
    found = observe.found
    if checkpoint == LAST and not observe.of_a_part:
        results = {name: audited.results[name][quantizer] for name in attacks}
        flagged = results[trusted].roc[AT].value
    else:
        seen = observe(quantizer, checkpoint)
        scores = {name: attack.score(seen) for name, attack in attacks.items()}
        results = {
            name: assess(each, seen.members, bootstrap, with_roc=False)
            for name, each in scores.items()
        }
        flagged = tpr_at(AT, scores[trusted], seen.members)
    merits = observe.merits(quantizer, checkpoint)
    resampled = bootstrap.two_way_means(merits.values, merits.influence, merits.held_out)
    return Release(
        quantizer,
        checkpoint,
        float(np.mean(observe.epochs(quantizer, checkpoint))),
        found.meta[0]["quantizers"][quantizer]["bits"],
        bootstrap.interval(float(merits.values.mean()), resampled),
        resampled,
        results,
        flagged,
    )
