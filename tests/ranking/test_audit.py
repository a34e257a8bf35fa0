from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantmia.attacks import Lira, LiraShrunk, LossThreshold, Rmia
from quantmia.attacks.metrics import assess
from quantmia.experiment import of_finished
from quantmia.ranking.audit import Audit, audit, trusted_attack, usable, wants_epsilon
from quantmia.ranking.evidence import Evidence, collect
from quantmia.ranking.observer import Observer
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import Merged, merge
from quantmia.statistics import Bootstrap
from tests.tiny import progress, tiny, trained

RUNS = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("audited"), "split.membership=coin")


def bootstrap(runs: int = RUNS) -> Bootstrap:
    return Bootstrap(runs, 20, 0.9, np.random.default_rng(0))


def read(folder: RunFolder, runs: int = RUNS, **changes) -> tuple[Merged, Evidence]:
    merged = merge([folder])
    merged = replace(merged, config=replace(merged.config, **changes), runs=merged.runs[:runs])
    return merged, collect(merged.runs, merged.quantizers, merged.config.indicator, progress())


def audited(folder: RunFolder, attacks: Sequence[str], runs: int = RUNS, **changes) -> Audit:
    attack = tiny(f"attack=[{','.join(attacks)}]").attack
    merged, found = read(folder, runs, attack=attack, **changes)
    experiment = of_finished(merged, folder.path, progress())
    return audit(found, experiment, bootstrap(runs))


def test_attacks_that_need_more_runs_are_left_out_with_a_sentence():
    attacks = {"first": Lira(), "second": LossThreshold(), "third": LiraShrunk()}
    kept, left_out = usable(attacks, 8)
    assert kept == attacks
    assert left_out == []
    kept, left_out = usable(attacks, 7)
    assert list(kept) == ["second", "third"]
    assert [each.text for each in left_out] == [
        "first was left out: it needs 8 runs and there are 7"
    ]
    kept, left_out = usable(attacks, 1)
    assert kept == {}
    assert [each.text for each in left_out] == [
        "first was left out: it needs 8 runs and there are 1",
        "second was left out: it needs 2 runs and there are 1",
        "third was left out: it needs 4 runs and there are 1",
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["loss_threshold", "lira", "lira_eb", "lira_shrunk"], "lira_eb"),
        (["loss_threshold", "lira", "lira_shrunk"], "lira_shrunk"),
        (["rmia", "loss_threshold", "lira"], "lira"),
        (["rmia", "loss_threshold"], "loss_threshold"),
        (["rmia", "quantile"], "rmia"),
        (["quantile", "rmia"], "quantile"),
        ([], None),
    ],
)
def test_the_best_known_attack_is_trusted_or_else_the_first(names, expected):
    assert trusted_attack(names) == expected


@pytest.mark.parametrize(
    ("membership", "epsilon", "wanted"),
    [
        ("coin", None, True),
        ("coin", True, True),
        ("coin", False, False),
        ("half", None, False),
        ("half", True, False),  # which the configuration refuses, but a manifest may hold
        ("half", False, False),
    ],
)
def test_epsilon_is_bounded_where_that_holds(membership, epsilon, wanted):
    config = tiny()
    config = replace(
        config,
        split=replace(config.split, membership=membership),
        ranking=replace(config.ranking, epsilon=epsilon),
    )
    assert wants_epsilon(config) is wanted


def test_every_attack_has_a_result_for_every_quantizer(folder):
    attacks = ["rmia", "loss_threshold", "lira_shrunk", "lira_eb"]
    done = audited(folder, attacks)
    names = ["full_precision", "sign", "uniform_2"]
    assert {attack: list(found) for attack, found in done.results.items()} == dict.fromkeys(
        attacks, names
    )
    assert done.trusted == "lira_eb"
    assert done.left_out == []
    assert list(done.roc) == ["quantizer", "attack", "fpr", "tpr", "low", "high"]
    assert set(done.roc["attack"]) == set(done.results)
    assert set(done.roc["quantizer"]) == set(names)
    assert done.roc["tpr"].between(0, 1).all()


def test_a_result_is_what_the_attack_scores(folder):
    done = audited(folder, ["rmia", "lira"])
    merged, found = read(folder)
    experiment = of_finished(merged, folder.path, progress())
    seen = Observer(found, [Rmia()], experiment)("sign")
    for name, attack in {"rmia": experiment_attack("rmia"), "lira": Lira()}.items():
        expected = assess(attack.score(seen), seen.members, bootstrap())
        result = done.results[name]["sign"]
        assert result.auc == expected.auc
        assert result.mis == expected.mis
        np.testing.assert_array_equal(result.resampled, expected.resampled)
        np.testing.assert_array_equal(result.resampled_auc, expected.resampled_auc)


def experiment_attack(name: str) -> Rmia:
    entry = {k: v for k, v in tiny(f"attack=[{name}]").attack[name].items() if k != "_target_"}
    return Rmia(**entry)


def test_bounds_on_epsilon_are_of_every_quantizer_attack_and_run(folder):
    table = audited(folder, ["loss_threshold", "lira_shrunk"]).epsilon
    assert list(table) == ["quantizer", "attack", "run", "guesses", "correct", "epsilon"]
    assert len(table) == 3 * 3 * (RUNS + 1)  # quantizers, attacks with `any`, runs with all
    assert set(table["attack"]) == {"loss_threshold", "lira_shrunk", "any"}
    assert (table["epsilon"] >= 0).all()
    off = replace(tiny().ranking, epsilon=False)
    assert audited(folder, ["loss_threshold"], ranking=off).epsilon.empty


def test_few_runs_leave_attacks_out_everywhere(folder):
    done = audited(folder, ["lira", "lira_shrunk"], runs=4)
    assert list(done.results) == ["lira_shrunk"]
    assert set(done.epsilon["attack"]) == {"lira_shrunk", "any"}
    assert [each.text for each in done.left_out] == [
        "lira was left out: it needs 8 runs and there are 4"
    ]


@pytest.mark.parametrize(("attacks", "runs"), [([], RUNS), (["lira"], 4)])
def test_without_attacks_there_is_nothing_to_order_by(folder, attacks, runs):
    done = audited(folder, attacks, runs=runs)
    assert done.results == {}
    assert done.trusted is None
    assert done.roc.empty
    assert done.epsilon.empty
    assert len(done.left_out) == len(attacks)
    assert isinstance(done.roc, pd.DataFrame)
