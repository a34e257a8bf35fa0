"""What can be said of one released model, by guesses about its own members."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import logit

from quantmia.attacks.epsilon import Guesses, of_each_model
from quantmia.errors import QuantmiaError, did_you_mean
from quantmia.experiment import Audited
from quantmia.ranking.audit import attack_of
from quantmia.ranking.conclusion import defined
from quantmia.ranking.evidence import collect
from quantmia.ranking.observer import Observer
from quantmia.runs.merge import Merged
from quantmia.statistics import Interval, exact_share

Verdict = Literal["holds", "open", "models differ"]


@dataclass(frozen=True)
class Level:
    """How often bounds on one model are larger than the models are, tried on every other run.

    A bound exceeds what guesses about all other runs, of the same share of the pool, come to: the
    epsilon of a mechanism whose guesses are right so often. That is less than the epsilon of the
    training, so that bounds which exceed it seldom enough are above that one still less often. More
    of them refute no bound, but show models that differ: one gives more away than another.

    Args:
        runs: that were tried, each as if it were the released one.
        exceeded: whose bound was larger.
        share: of these, with the interval of Clopper and Pearson (1934), as of independent runs.
        allowed: share that may be, 1 - confidence.
    """

    runs: int
    exceeded: int
    share: Interval
    allowed: float

    @property
    def verdict(self) -> Verdict:
        """Whether bounds hold as often as they say; `open` where so few runs cannot tell."""
        return verdict(self.share, self.allowed)


def verdict(share: Interval, allowed: float) -> Verdict:
    """What a share of bounds that exceed says of them.

    Args:
        share: with its interval.
        allowed: of them.
    """
    if share.high <= allowed:
        return "holds"
    return "models differ" if share.low > allowed else "open"


@dataclass(frozen=True)
class Certificate:
    """A lower bound on the epsilon of one released model, and whether such bounds can be trusted.

    Args:
        quantizer: of the release.
        checkpoint: of the release.
        run: the model.
        epoch: after which it was taken; None where that is not known.
        attack: that guessed, from the models of all other runs.
        confidence: that the bound holds.
        guesses: that were made about members of the pool.
        correct: of them.
        epsilon: lower bound of this model.
        level: how often such bounds exceed, of the other runs.
    """

    quantizer: str
    checkpoint: str
    run: str
    epoch: int | None
    attack: str
    confidence: float
    guesses: int
    correct: int
    epsilon: float
    level: Level

    def facts(self) -> dict[str, Any]:
        """As JSON holds it; what is undefined is null."""
        return defined(asdict(self)) | {"verdict": self.level.verdict, "sentences": self.sentences}

    @property
    def sentences(self) -> list[str]:
        """What it says."""
        level = self.level
        shown = (
            f"no more than guessing would show ({self.attack})"
            if self.epsilon == 0
            else f"an epsilon of at least {self.epsilon:.2f} ({self.attack}, {self.confidence:.0%} "
            "confidence, delta 0)"
        )
        after = "" if self.epoch is None else f" after epoch {self.epoch}"
        tried = f"{level.exceeded} of {level.runs} other runs have a bound above what guesses"
        chance = f"{level.share.value:.0%} [{level.share.low:.0%}, {level.share.high:.0%}]"
        allowed = f"{level.allowed:.0%} may"
        said = {
            "holds": f"{allowed}: such bounds hold",
            "open": f"{allowed}, from which so few runs cannot tell it",
            "models differ": f"{allowed}: some models give away more than others",
        }[level.verdict]
        return [
            f"Model {self.run}, {self.quantizer}{after}: of {self.guesses} guesses about who was "
            f"in its training {self.correct} are right, which shows {shown}.",
            f"Taken as the released model, {tried} about all others come to, {chance}; {said}.",
            "A bound from below: a stronger attacker may show more, and none of it promises that "
            "no more leaks; training.dp does.",
        ]


def certificate(
    merged: Merged, experiment: Audited, quantizer: str, checkpoint: str, run: int
) -> Certificate:
    """Guess about the members of one release, from the models of all other runs.

    Args:
        merged: the runs; their members by fair coins.
        experiment: what they are of.
        quantizer: of the release.
        checkpoint: of the release.
        run: number of the released model.

    Raises:
        FolderError: a run is missing or damaged.
        QuantmiaError: members were not drawn by coins; there is no such release or run, or no
            attack that the runs allow.
    """
    config = experiment.config
    if config.split.membership != "coin":
        raise QuantmiaError(
            "a bound on epsilon needs members drawn by independent coins: train with "
            "split.membership=coin"
        )
    found = collect(merged.runs, [], config.indicator, experiment.progress)
    trusted, attack = attack_of(experiment, len(found.meta))
    observe = Observer(found, [attack], experiment)
    _refuse_absent("--quantizer", quantizer, merged.quantizers)
    _refuse_absent("--checkpoint", checkpoint, observe.checkpoints(quantizer) or ["last"])
    if any(name.endswith(f"run-{run:04d}") for name in found.diverged):
        raise QuantmiaError(f"--run {run}: diverged, and no such model would be shipped")
    places = [place for place, each in enumerate(found.runs) if each.number == run]
    if len(places) != 1:
        raise QuantmiaError(
            f"--run {run}: there are {len(places)} of this number among {len(found.runs)} runs; "
            "name the folder of one seed, and one of its runs"
        )
    (place,) = places
    seen = observe(quantizer, checkpoint)
    guesses = of_each_model(attack.score(seen), seen.members)
    confidence = config.ranking.confidence
    bounds = guesses.bound(confidence)
    epochs = config.training.checkpoints
    epoch = epochs[-1] if epochs else None
    if observe.checkpoints(quantizer):
        epoch = observe.epochs(quantizer, checkpoint)[place]
    return Certificate(
        quantizer=quantizer,
        checkpoint=checkpoint,
        run=found.runs[place].name,
        epoch=epoch,
        attack=trusted,
        confidence=confidence,
        guesses=int(bounds["guesses"][place]),
        correct=int(bounds["correct"][place]),
        epsilon=float(bounds["epsilon"][place]),
        level=level(guesses, confidence, without=place),
    )


def level(guesses: Guesses, confidence: float, without: int | None = None) -> Level:
    """How often the bounds of single models exceed what guesses about all others come to.

    Args:
        guesses: about every model.
        confidence: of a bound.
        without: a model that is not tried; None: all are.
    """
    bounds = guesses.bound(confidence)
    tried = [each for each in range(guesses.made.shape[1]) if each != without]
    exceeds = [bounds["epsilon"][each] > _of_others(guesses, bounds, each) for each in tried]
    exceeded = int(np.sum(exceeds))
    share = exact_share(exceeded, len(tried), confidence)
    return Level(len(tried), exceeded, share, round(1 - confidence, 12))


def _of_others(guesses: Guesses, bounds: dict[str, np.ndarray], model: int) -> float:
    """Epsilon that guesses about all other models come to, at the share of one model's bound."""
    share = int(np.flatnonzero(guesses.made[:, model] == bounds["guesses"][model])[0])
    made, correct = (np.delete(each[share], model) for each in (guesses.made, guesses.correct))
    return float(logit(max(correct.sum() / made.sum(), 0.5)))


def _refuse_absent(flag: str, name: str, known: list[str]) -> None:
    if name not in known:
        hint = did_you_mean(name, known) or f"; there is {', '.join(known)}"
        raise QuantmiaError(f"{flag} {name}: no such release{hint}")
