import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from quantmia.attacks import LiraShrunk
from quantmia.experiment import Experiment
from quantmia.pipeline import until_clear
from quantmia.pipeline.until_clear import train_until_clear
from quantmia.ranking.evidence import collect
from quantmia.ranking.neighbours import auc_of_groups, neighbours
from quantmia.ranking.observer import Observer
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from tests.tiny import progress, tiny, trained

QUICK = ("training.stack=4", "attack=[loss_threshold,lira_shrunk]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("looks"), *QUICK, "runs=12")


def looked(folder: RunFolder, *overrides: str) -> tuple[list[int], str, list[str]]:
    """How many runs were asked for at each look, the last look in words, and all that was said."""
    planned = []

    def train_up_to(runs: int) -> RunFolder:
        planned.append(runs)
        folder.write_manifest(folder.manifest() | {"runs": runs})
        return folder

    shown = progress()
    config = tiny(*QUICK, "runs=auto", "runs_max=12", *overrides)
    last = train_until_clear(Experiment(config, folder.path, shown), train_up_to)
    return planned, last, shown.console.export_text().splitlines()


def test_it_stops_at_the_first_look_where_nothing_is_open(folder):
    planned, last, said = looked(folder, "ranking.tolerance=1000")
    assert planned == [4, 8]  # four runs are one group, whose difference has no interval
    found = re.fullmatch(
        r"runs=auto: after 8 of at most 12 runs (\d) of 2 pairs of neighbours are separated, "
        r"(\d) equal within 1000\.0 of AUC, 0 open",
        last,
    )
    assert found
    assert sum(map(int, found.groups())) == 2
    assert said == [
        "runs=auto: after 4 of at most 12 runs 0 of 2 pairs of neighbours are separated, 0 equal "
        "within 1000.0 of AUC, 2 open",
        last,
    ]


def test_neighbours_are_those_of_the_auc_of_the_trusted_attack(folder, monkeypatch):
    asked = []

    def told(order, groups, *limits):
        asked.append((list(order), groups, limits))
        return neighbours(order, groups, *limits)

    monkeypatch.setattr(until_clear, "neighbours", told)
    planned, *_ = looked(folder, "ranking.tolerance=0.01")
    assert len(asked) == len(planned)
    order, groups, limits = asked[-1]
    assert limits == (pytest.approx(0.05 / 3), 0.01)
    config, attack = tiny(*QUICK), LiraShrunk()
    found = collect(merge([folder]).runs, [], config.indicator, progress())
    observe = Observer(found, [attack], Experiment(config, folder.path, progress()))
    auc = {}
    for name in config.quantizer:
        seen = observe(name)
        pairs = zip(seen.members, attack.score(seen), strict=True)
        auc[name] = np.mean([roc_auc_score(*pair) for pair in pairs])
        np.testing.assert_array_equal(groups[name], auc_of_groups(attack, seen))
    assert order == sorted(auc, key=lambda name: auc[name])  # the smallest first


def test_it_goes_on_to_the_largest_number_of_runs(folder):
    planned, last, said = looked(folder, "ranking.tolerance=1e-9")
    assert planned == [4, 8, 12]
    assert last.startswith("runs=auto: after 12 of at most 12 runs ")
    assert len(said) == 3
    assert said[-1] == last


def test_one_quantizer_is_clear_at_once(folder):
    planned, last, _ = looked(folder, "quantizer=[sign]")
    assert planned == [4]
    assert "after 4 of at most 12 runs 0 of 0 pairs" in last


def test_a_look_before_any_attack_can_be_used_decides_nothing(folder):
    planned, last, said = looked(folder, "attack=[lira]", "ranking.tolerance=1000")
    assert planned == [4, 8, 12]  # eight runs are one group of that attack
    assert len(said) == 2
    assert last.startswith("runs=auto: after 12 of")
