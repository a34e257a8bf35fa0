from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quantmia.attacks import LiraEB
from quantmia.attacks.metrics import AttackResult, assess
from quantmia.errors import QuantmiaError
from quantmia.experiment import of_finished
from quantmia.ranking.conclusion import MANY
from quantmia.ranking.gate import Gate, Outcome, Verdict, gate, verdicts
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import Merged, merge
from quantmia.statistics import Bootstrap, Interval
from tests.attacks.problems import problem
from tests.tiny import progress, trained

RESAMPLES, CONFIDENCE = 300, 0.95


def bootstrap(runs: int, seed: int = 0) -> Bootstrap:
    return Bootstrap(runs, RESAMPLES, CONFIDENCE, np.random.default_rng(seed))


def result(value: float, noise: float, seed: int = 0) -> AttackResult:
    """Of which a gate reads the advantage and its resamples."""
    resampled = value + noise * np.random.default_rng(seed).normal(size=RESAMPLES)
    spread, other = Interval(value, np.nan, np.nan), Interval(np.nan, np.nan, np.nan)
    return AttackResult(other, spread, other, other, {}, resampled, resampled)


def decided(limit: float, against: str | None = None, **results: AttackResult) -> list[Verdict]:
    return verdicts(results, bootstrap(20), limit, against)


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(0.0, "within"), (0.09, "few"), (0.1, "few"), (0.11, "few"), (0.3, "leaks")],
)
def test_a_limit_is_told_from_what_is_clearly_above_or_below(value, outcome):
    (found,) = decided(0.1, a=result(value, 0.02))
    assert found.outcome == outcome
    assert found.advantage.low < found.advantage.value < found.advantage.high


def test_what_both_share_is_no_difference():
    common = result(0.4, 0.1)
    other = replace(common, resampled=common.resampled - 0.05, advantage=Interval(0.35, 0, 0))
    (found,) = decided(0.01, "full", full=common, small=other)
    assert found.quantizer == "small"
    assert found.advantage.value == pytest.approx(-0.05)
    assert found.outcome == "within"
    (alone, _) = decided(0.2, full=common, small=other)
    assert alone.outcome == "few"


def test_more_variants_make_it_harder_to_be_sure():
    one = decided(0.1, a=result(0.13, 0.014))[0]
    variants = {f"v{n}": result(0.13, 0.014) for n in range(40)}
    many = verdicts(variants, bootstrap(20), 0.1, None)[0]
    assert (one.outcome, many.outcome) == ("leaks", "few")
    assert many.advantage.low < one.advantage.low


def test_runs_that_are_needed_grow_as_the_limit_comes_near():
    far, near = (decided(0.1, a=result(value, 0.05))[0].runs_needed for value in (0.05, 0.08))
    assert far is not None
    assert near is not None
    assert 20 < far < near
    assert near / far == pytest.approx((0.05 / 0.02) ** 2, rel=0.1)
    assert decided(0.1, a=result(0.1, 0.05))[0].runs_needed is None
    assert decided(0.1, a=result(0.5, 0.02))[0].runs_needed is None  # it is decided
    assert (decided(0.1, a=result(0.0999, 0.05))[0].runs_needed or 0) <= MANY


@pytest.mark.parametrize(
    ("outcomes", "worst"),
    [(["within"], "within"), (["within", "few"], "few"), (["few", "leaks", "within"], "leaks")],
)
def test_the_worst_verdict_is_that_of_the_gate(outcomes: list[Outcome], worst):
    each = [Verdict(f"v{n}", outcome, Interval(0.2, 0.1, 0.3), 50) for n, outcome in enumerate(outcomes)]  # fmt: skip  # noqa: E501
    made = Gate(0.1, None, "lira_eb", 20, 0.95, each)
    assert made.outcome == worst
    assert made.facts()["outcome"] == worst
    assert len(made.sentences) == len(outcomes)
    assert all(said in made.card for said in made.sentences)


def test_the_sentences_say_what_was_found():
    said = Gate(
        0.1, None, "lira_eb", 20, 0.95,
        [
            Verdict("a", "within", Interval(0.02, 0.01, 0.03), None),
            Verdict("b", "leaks", Interval(0.3, 0.2, 0.4), None),
            Verdict("c", "few", Interval(0.12, 0.05, 0.2), 90),
            Verdict("d", "few", Interval(0.1, 0.05, 0.2), None),
        ],
    ).sentences  # fmt: skip
    assert said == [
        "a: advantage 0.020 [0.010, 0.030], within 0.1.",
        "b: advantage 0.300 [0.200, 0.400], more than 0.1.",
        "c: advantage 0.120 [0.050, 0.200], which 20 runs cannot tell from 0.1: about 90 runs "
        "would.",
        "d: advantage 0.100 [0.050, 0.200], which 20 runs cannot tell from 0.1: more than 10000 "
        "runs would.",
    ]
    compared = replace(
        Gate(0.1, "full", "lira_eb", 20, 0.95, []),
        verdicts=[Verdict("a", "within", Interval(-0.02, -0.03, 0.01), None)],
    )
    assert compared.sentences == ["a less full: advantage -0.020 [-0.030, +0.010], within 0.1."]
    assert "0.1 more than against full" in compared.card


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("gate") / "runs")


def asked(folder: RunFolder, **changes) -> Gate:
    merged = merge([folder])
    changed = Merged(replace(merged.config, **changes), merged.dataset, merged.runs, [])
    experiment = of_finished(changed, folder.path, progress())
    return gate(changed, experiment, 0.1, None)


def test_it_is_of_the_trusted_attack_on_finished_runs(folder):
    found = asked(folder)
    assert found.attack == "lira_eb"
    assert [each.quantizer for each in found.verdicts] == merge([folder]).quantizers
    assert found.runs == 8


def test_what_cannot_be_decided_by_is_one_message(folder):
    with pytest.raises(QuantmiaError, match="nothing to decide by: no attack was chosen"):
        asked(folder, attack={})
    merged = merge([folder])
    experiment = of_finished(merged, Path(), progress())
    with pytest.raises(QuantmiaError, match=r"--against sing: .*did you mean sign"):
        gate(merged, experiment, 0.1, "sing")


def outcome(limit: float, leak: float, runs: int, seed: int) -> Verdict:
    """Of models that move their members' signals by so much."""
    seen = problem(runs, 120, leak=leak, seed=seed)
    found = assess(LiraEB().score(seen), seen.members, bootstrap(runs, seed), with_roc=False)
    return verdicts({"a": found}, bootstrap(runs, seed), limit, None)[0]


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked")
def test_false_alarms_are_rare_and_planted_leaks_are_found_with_the_runs_that_are_asked_for():
    nothing = [outcome(0.0, 0.0, 12, seed).outcome for seed in range(300)]
    assert nothing.count("leaks") <= 0.05 * len(nothing)
    # What lira_eb has of such a leak, from many runs.
    true = np.mean([outcome(0.0, 1.0, 40, seed).advantage.value for seed in range(10)])
    limit = float(true) - 0.1
    at_first = [outcome(limit, 1.0, 4, seed) for seed in range(60)]
    needed = [each.runs_needed for each in at_first if each.runs_needed is not None]
    runs = int(np.median(needed))
    assert 4 < runs < 100
    found = [outcome(limit, 1.0, runs, 1000 + seed).outcome for seed in range(100)]
    assert found.count("leaks") >= 90
    assert found.count("within") == 0
