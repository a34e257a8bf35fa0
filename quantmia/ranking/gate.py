"""May it be shipped? Whether what leaks is below a limit, with an error on either side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from quantmia.attacks.metrics import AttackResult, assess
from quantmia.errors import QuantmiaError, did_you_mean
from quantmia.experiment import Audited
from quantmia.ranking.audit import attack_of
from quantmia.ranking.conclusion import MANY, defined
from quantmia.ranking.evidence import collect
from quantmia.ranking.observer import Observer
from quantmia.runs.merge import Merged
from quantmia.seeding import Purpose, stream
from quantmia.statistics import Bootstrap, Interval

POWER = 0.9  # probability that so many runs as are said to be needed decide
Outcome = Literal["within", "leaks", "few"]
WORST_FIRST: tuple[Outcome, ...] = ("leaks", "few", "within")


@dataclass(frozen=True)
class Verdict:
    """What a gate says of one variant.

    Args:
        quantizer: its name.
        outcome: `within` the limit, `leaks` more, or `few` runs to say.
        advantage: of the attacker, or by how much it is larger than against the reference; the
            ends are one-sided limits.
        runs_needed: about how many in all would decide; None where they do, or where more than
            10,000 would be needed.
    """

    quantizer: str
    outcome: Outcome
    advantage: Interval
    runs_needed: int | None


@dataclass(frozen=True)
class Gate:
    """Verdicts on all variants; their errors are shared among them (Bonferroni).

    Args:
        limit: of the advantage.
        against: the variant that others are compared with; None: none is.
        attack: that was used.
        runs: that were attacked.
        confidence: that no verdict is wrong, on either side.
        verdicts: of every variant.
    """

    limit: float
    against: str | None
    attack: str
    runs: int
    confidence: float
    verdicts: Sequence[Verdict]

    @property
    def outcome(self) -> Outcome:
        """The worst of all verdicts."""
        found = {each.outcome for each in self.verdicts}
        return next(each for each in WORST_FIRST if each in found)

    def facts(self) -> dict[str, Any]:
        """As JSON holds it; what is undefined is null."""
        return {"outcome": self.outcome} | defined(asdict(self))

    @property
    def sentences(self) -> list[str]:
        """What it says, a sentence a variant."""
        return [self._sentence(each) for each in self.verdicts]

    @property
    def card(self) -> str:
        """A paragraph for a model card."""
        more = f" more than against {self.against}" if self.against else ""
        return (
            f"Privacy of the training data was audited by membership inference ({self.attack}) on "
            f"{self.runs} repetitions of the training, each on other samples, whose members the "
            "attacker of one model knows of all others. The advantage is its true minus its false "
            f"positive rate; the limit was {self.limit:g}{more}, at {self.confidence:.0%} "
            f"confidence over all variants. {' '.join(self.sentences)} An audit bounds what leaks "
            "from below: a stronger attack may find more."
        )

    def _sentence(self, verdict: Verdict) -> str:
        found = verdict.advantage
        what = f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
        name = verdict.quantizer
        if self.against:
            what = f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
            name = f"{name} less {self.against}"
        said = f"{name}: advantage {what}"
        if verdict.outcome == "within":
            return f"{said}, within {self.limit:g}."
        if verdict.outcome == "leaks":
            return f"{said}, more than {self.limit:g}."
        about = verdict.runs_needed
        needed = f"more than {MANY}" if about is None else f"about {about}"
        return (
            f"{said}, which {self.runs} runs cannot tell from {self.limit:g}: {needed} runs would."
        )


def gate(merged: Merged, experiment: Audited, limit: float, against: str | None = None) -> Gate:
    """Whether an attacker's advantage is below a limit, for every variant after its last epoch.

    Args:
        merged: the runs.
        experiment: what they are of.
        limit: of the advantage, or of how much larger it is than that against the reference.
        against: the reference; None: the advantage itself is what counts.

    Raises:
        FolderError: a run is missing or damaged.
        QuantmiaError: there is no such reference, or no attack that the runs allow.
    """
    names = merged.quantizers
    if against is not None and (against not in names or len(names) < 2):
        hint = did_you_mean(against, names) or f"; there is {', '.join(names)}"
        raise QuantmiaError(f"--against {against}: nothing that others can be compared with{hint}")
    config = experiment.config
    found = collect(merged.runs, [], config.indicator, experiment.progress)
    ranking = config.ranking
    draws = stream(config.seed, Purpose.BOOTSTRAP)
    bootstrap = Bootstrap(len(found.meta), ranking.bootstrap, ranking.confidence, draws)
    (trusted, attack), results = attack_of(experiment, len(found.meta)), {}
    observe = Observer(found, [attack], experiment)
    with experiment.progress.stage("attacks", len(names), "attacks") as advance:
        for name in names:
            seen = observe(name)
            results[name] = assess(attack.score(seen), seen.members, bootstrap, with_roc=False)
            advance(1)
    decided = verdicts(results, bootstrap, limit, against)
    return Gate(limit, against, trusted, len(found.meta), ranking.confidence, decided)


def verdicts(
    results: Mapping[str, AttackResult], bootstrap: Bootstrap, limit: float, against: str | None
) -> list[Verdict]:
    """Of every variant but the reference, each by one-sided limits.

    Args:
        results: of the attack, by variant.
        bootstrap: that resampled them.
        limit: of the advantage.
        against: the reference.
    """
    names = [name for name in results if name != against]
    error, reference = (1 - bootstrap.confidence) / len(names), results.get(against or "")
    found = []
    for name in names:
        value, resampled = results[name].advantage.value, results[name].resampled
        if reference is not None:
            value, resampled = value - reference.advantage.value, resampled - reference.resampled
        low = bootstrap.lower(resampled, error)
        high = -bootstrap.lower(-resampled, error)
        outcome: Outcome = "leaks" if low > limit else "within" if high <= limit else "few"
        needed = _runs_needed(value - limit, resampled, bootstrap.runs, error)
        found.append(
            Verdict(name, outcome, Interval(value, low, high), needed if outcome == "few" else None)
        )
    return found


def _runs_needed(
    distance: float, resampled: Float[np.ndarray, " resamples"], runs: int, error: float
) -> int | None:
    """So many that a limit at this distance is on the right side with the probability POWER."""
    reach = float((norm.ppf(1 - error) + norm.ppf(POWER)) * np.std(resampled))
    needed = math.inf if distance == 0 else runs * (reach / distance) ** 2
    return None if not needed <= MANY else max(runs + 1, math.ceil(needed))
