import json
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from quantmia.attacks.epsilon import of_each_model
from quantmia.errors import FolderError, QuantmiaError
from quantmia.experiment import of_finished
from quantmia.pipeline import shipping
from quantmia.ranking.certificate import certificate, level, verdict
from quantmia.ranking.evidence import collect
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from quantmia.statistics import exact_share
from tests.tiny import progress, run, trained

CHOSEN = ("split.membership=coin", "release.checkpoints=[best,2,last]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("certificate") / "coin"
    run(path, *CHOSEN)
    return path


def certified(path, quantizer="sign", checkpoint="last", number=0):
    merged = merge([RunFolder(path)])
    experiment = of_finished(merged, path, progress())
    return certificate(merged, experiment, quantizer, checkpoint, number)


@pytest.mark.parametrize("name", ["full_precision", "sign", "uniform_2"])
def test_after_the_last_epoch_it_is_the_bound_of_the_table(folder, name):
    table = pd.read_csv(folder / "epsilon.csv")
    own = table[(table["quantizer"] == name) & (table["attack"] == "lira_eb")].set_index("run")
    for number in (0, 5):
        found = certified(folder, name, number=number)
        row = own.loc[number]
        assert (found.guesses, found.correct) == (row["guesses"], row["correct"])
        assert found.epsilon == pytest.approx(row["epsilon"], abs=1e-12)
        assert found.epoch == 4
        assert found.level.runs == 7


def test_what_the_ranking_says_to_ship_is_certified_unless_another_is_named(folder, tmp_path):
    decision = json.loads((folder / "conclusion.json").read_text())["decision"]["ship"]
    certify = partial(shipping.certify, folder, tmp_path, folder, progress=progress())
    found, path = certify(run=2, quantizer=None, checkpoint=None)
    assert (found.quantizer, found.checkpoint) == (decision["quantizer"], decision["checkpoint"])
    assert json.loads(path.read_text())["epsilon"] == pytest.approx(found.epsilon)
    found, _ = certify(run=2, quantizer="sign", checkpoint="2")
    assert (found.quantizer, found.checkpoint, found.epoch) == ("sign", "2", 2)
    found, _ = certify(run=2, quantizer="sign", checkpoint=None)
    assert found.checkpoint == "last"


def guesses(epsilons, samples=400, seed=0):
    """Guesses about models that tell the truth of a member as often as an epsilon allows."""
    rng = np.random.default_rng(seed)
    members = rng.random((len(epsilons), samples)) < 0.5
    right = rng.random(members.shape) < 1 / (1 + np.exp(-np.array(epsilons)[:, None]))
    noise = 0.01 * rng.normal(size=members.shape)
    return of_each_model(np.where(right, members, ~members) + noise, members)


def test_bounds_of_models_alike_exceed_as_seldom_as_they_may():
    held = [level(guesses([1.0] * 40, seed=seed), 0.95) for seed in range(20)]
    assert {each.verdict for each in held} == {"open"}  # of 40 none would have to
    exceeded, runs = (sum(getattr(each, key) for each in held) for key in ("exceeded", "runs"))
    assert 0 < exceeded / runs < 0.05
    assert verdict(exact_share(exceeded, runs, 0.95), 0.05) != "models differ"
    assert level(guesses([1.0] * 400), 0.95).verdict == "holds"


def test_models_that_differ_are_found_out():
    found = level(guesses([0.2, 4.0] * 20), 0.95)
    assert found.verdict == "models differ"
    assert found.exceeded == 20
    assert found.share.low < found.share.value == 0.5 < found.share.high


def test_of_a_single_model_nothing_is_known():
    found = level(guesses([1.0]), 0.95, without=0)
    assert (found.runs, found.verdict) == (0, "open")
    assert (found.share.low, found.share.high) == (0, 1)


def test_the_released_model_does_not_vouch_for_itself():
    made = guesses([0.0] * 9 + [6.0])
    assert level(made, 0.95).exceeded == 1
    assert level(made, 0.95, without=9).exceeded == 0


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"quantizer": "sing"}, "--quantizer sing: no such release; did you mean sign"),
        ({"checkpoint": "3"}, "--checkpoint 3: no such release; there is"),
        ({"number": 8}, r"--run 8: there are 0 of this number among 8 runs"),
    ],
)
def test_what_is_not_there_is_refused(folder, asked, words):
    with pytest.raises(QuantmiaError, match=words):
        certified(folder, **asked)


def test_a_run_that_diverged_is_no_model_to_ship(folder, monkeypatch):
    def without_one(*arguments):
        found = collect(*arguments)
        runs, meta = ([*each[:3], *each[4:]] for each in (found.runs, found.meta))
        return replace(found, runs=runs, meta=meta, diverged=[found.runs[3].name])

    monkeypatch.setattr("quantmia.ranking.certificate.collect", without_one)
    with pytest.raises(QuantmiaError, match="--run 3: diverged, and no such model"):
        certified(folder, number=3)
    found = certified(folder, number=4)
    assert found.run.endswith("run-0004")
    assert found.level.runs == 6


def test_members_by_halves_are_refused(tmp_path):
    folder = trained(tmp_path, "runs=4")
    with pytest.raises(QuantmiaError, match=r"drawn by independent coins.*split\.membership=coin"):
        certified(folder.path)


def test_without_a_front_a_release_has_to_be_named(tmp_path):
    run(tmp_path / "coin", *CHOSEN[:1], "release.checkpoints=last", "runs=4")
    certify = partial(
        shipping.certify, tmp_path / "coin", None, tmp_path, run=0, progress=progress()
    )
    with pytest.raises(FolderError, match="says to ship nothing: name a release, --quantizer"):
        certify(quantizer=None, checkpoint=None)
    found, path = certify(quantizer="sign", checkpoint=None)
    assert path == tmp_path / "coin" / "certificate.json"
    assert found.epoch == 4
    assert "after epoch 4" in found.sentences[0]
