import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from quantmia.accountant import Sampling, epsilon
from quantmia.attacks import LiraShrunk, LossThreshold
from quantmia.data import Dataset, standardise
from quantmia.errors import FolderError, QuantmiaError
from quantmia.experiment import Experiment, of_finished
from quantmia.progress import Progress
from quantmia.runs.folder import RunFolder
from quantmia.runs.manifest import Manifest
from quantmia.runs.merge import merge
from tests.tiny import progress, tiny


def experiment(*overrides: str, cache: Path = Path("cache"), **changes) -> Experiment:
    return Experiment(replace(tiny(*overrides), **changes), cache, progress())


PARTS = ("dataset", "parts", "inputs", "model", "quantizers", "attacks")


def test_every_part_is_made_once():
    made = experiment()
    for name in PARTS:
        assert getattr(made, name) is getattr(made, name)


def test_nothing_is_made_before_it_is_wanted():
    made = experiment(dataset={"_target_": "no.such.thing"})
    assert not set(PARTS) & vars(made).keys()
    assert list(made.attacks) == ["lira", "lira_eb", "loss_threshold"]  # as files keep them
    with pytest.raises(Exception, match=r"no\.such"):
        _ = made.dataset


def test_parts_are_those_of_the_configuration():
    made = experiment("attack=[lira_shrunk,loss_threshold]", "quantizer=[uniform_2,sign]")
    assert made.dataset.size == 60
    assert len(made.parts.validation) == 24
    assert len(made.parts.pool) == 36
    assert list(made.quantizers) == ["sign", "uniform_2"]
    assert made.attacks == {"lira_shrunk": LiraShrunk(), "loss_threshold": LossThreshold()}
    assert {name: value.shape for name, value in made.model().state_dict().items()} == {
        "weight": (1, 4), "bias": (1,)
    }  # fmt: skip
    assert made.model() is not made.model()


def test_models_see_standardised_features_unless_told_otherwise():
    made = experiment()
    np.testing.assert_array_equal(made.inputs, standardise(made.dataset, made.parts).values)
    held_out = made.inputs[made.parts.validation]
    np.testing.assert_allclose(held_out.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(held_out.std(0), 1, rtol=1e-5)
    plain = experiment("split.standardise=false")
    assert plain.inputs is plain.dataset.features


def test_fitting_settles_the_device_and_the_stack_and_keeps_what_is_made():
    training = replace(tiny().training, stack="auto")
    made = experiment(device="auto", training=training)
    data = made.dataset
    fitted = made.fitted()
    assert fitted.config.device == ("cuda" if torch.cuda.is_available() else "cpu")
    assert isinstance(fitted.config.training.stack, int)
    assert 1 <= fitted.config.training.stack <= 100
    assert fitted.dataset is data
    assert fitted.model is made.model
    assert made.config.device == "auto"
    assert made.config.training.stack == "auto"
    given = experiment().fitted().config
    assert given == tiny()


def norm(in_features: int, out_features: int) -> nn.Module:
    return nn.Sequential(nn.BatchNorm1d(in_features), nn.Linear(in_features, out_features))


@pytest.mark.parametrize(
    ("target", "as_one"), [("torch.nn.Linear", True), (f"{__name__}.norm", False)]
)
def test_runs_are_trained_as_one_where_the_model_allows(target, as_one):
    sizes = {"in_features": 4, "out_features": 1} if as_one else {}
    training = replace(tiny().training, vectorize="auto")
    made = experiment(model={"_target_": target} | sizes, training=training)
    assert made.fitted().config.training.vectorize is as_one


def private(**dp):
    plain = replace(tiny().training, vectorize="auto")
    return replace(plain, dp=replace(plain.dp, **dp))


def test_an_epsilon_becomes_noise():
    dp = experiment(training=private(epsilon=2.0)).fitted().config.training.dp
    noise = dp.noise_multiplier
    assert noise is not None
    sampling = Sampling(1.0, 1)  # 18 members are one batch
    assert 1.99 <= epsilon(noise, sampling, 4, 1e-5) <= 2.0
    assert dp.epsilon == 2.0
    given = private(noise_multiplier=1.5)
    assert experiment(training=given).fitted().config.training.dp == given.dp


def test_a_model_that_no_stack_can_train_cannot_be_private():
    made = experiment(
        model={"_target_": f"{__name__}.norm"}, training=private(noise_multiplier=1.0)
    )
    with pytest.raises(QuantmiaError, match=r"BatchNorm1d.*With training\.dp it cannot"):
        made.fitted()


def test_a_delta_that_gives_a_member_away_is_refused():
    training = private(noise_multiplier=1.0, delta=0.06)
    with pytest.raises(QuantmiaError, match=r"training\.dp\.delta=0\.06: has to be below 1 / 18"):
        experiment(training=training).fitted()


def no_data() -> Dataset:
    raise AssertionError("the data were read")


def both(in_features: int) -> nn.Module:
    return nn.Sequential(nn.BatchNorm1d(in_features), nn.Dropout(), nn.Linear(in_features, 1))


def test_a_model_that_no_stack_can_train_is_refused_before_the_data_are_read():
    made = experiment(
        dataset={"_target_": f"{__name__}.no_data"},
        model={"_target_": f"{__name__}.both"},
        training=replace(tiny().training, vectorize=True),
    )
    with pytest.raises(QuantmiaError, match=r"BatchNorm1d.*Dropout.*training\.vectorize=false"):
        made.fitted()


def of_four(in_features: int) -> nn.Module:
    if in_features != 4:
        raise LookupError("made for four features")
    return norm(in_features, 1)


def test_a_model_for_certain_sizes_is_looked_at_with_the_data():
    training = replace(tiny().training, vectorize=True)
    made = experiment(model={"_target_": f"{__name__}.of_four"}, training=training)
    with pytest.raises(QuantmiaError, match="BatchNorm1d"):
        made.fitted()


def halved(weights):
    return weights[:, :1]


def test_a_quantizer_of_the_users_that_breaks_a_rule_is_refused_before_any_run():
    mine = {"mine": {"_target_": f"{__name__}.halved"}}
    with pytest.raises(QuantmiaError, match=r"quantizer\.mine: breaks the rule 'keeps the shape"):
        experiment(quantizer=mine).fitted()


def test_a_model_that_does_not_fit_the_data_is_refused():
    with pytest.raises(QuantmiaError, match="model"):
        experiment(model={"_target_": "torch.nn.LayerNorm", "normalized_shape": 3}).fitted()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(QuantmiaError, match="device=cuda: there are 0 GPUs"):
        experiment(device="cuda").fitted()


def finished(path: Path) -> RunFolder:
    """A folder that says what it was trained on; nobody asks for its runs."""
    made, config = RunFolder(path), tiny()
    data = experiment()
    content = Manifest.begun(
        config, data.dataset, data.parts, data.standardised, data.labels, "quantmia run", {}
    ).content
    with made.lock():
        made.write_manifest(content | {"runs": 8})
    return made


def test_finished_runs_have_the_experiment_of_their_manifest(tmp_path):
    merged = merge([finished(tmp_path)])
    made = of_finished(merged, tmp_path, progress())
    assert isinstance(made, Experiment)
    assert made.config is merged.config
    assert made.finished is merged
    np.testing.assert_array_equal(made.dataset.features, experiment().dataset.features)


def test_data_that_changed_are_refused_when_they_are_wanted(tmp_path):
    folder = finished(tmp_path)
    manifest = folder.manifest()
    manifest["config"]["dataset"]["seed"] = 1
    folder.write_manifest(manifest)
    made = of_finished(merge([folder]), tmp_path, progress())
    assert isinstance(made, Experiment)
    assert len(made.attacks) == 3
    with pytest.raises(FolderError) as refused:
        _ = made.inputs
    assert str(refused.value) == (
        f"{tmp_path}: its dataset is wanted, and is no longer the one that the runs were trained "
        "on; restore it, or leave out what wants it (an attack that reads features, "
        "--expose-samples)."
    )


OFFERED = {}


def molecules(embedder, cache: Path, progress: Progress, size: int = 60):
    """A dataset that wants to be given everything."""
    OFFERED.update(embedder=embedder, cache=cache, progress=progress)
    return experiment().dataset


def numbers(cache: Path, embedder=None):
    """One that can do without an embedder."""
    OFFERED.update(embedder=embedder, cache=cache)
    return experiment().dataset


@pytest.fixture
def importable(monkeypatch):
    """This module by its name, which pytest does not import it under."""
    module = ModuleType(__name__.rpartition(".")[2])
    vars(module).update(molecules=molecules, numbers=numbers)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module.__name__


def test_molecules_without_an_embedder_are_refused(importable):
    made = experiment(embedder=None, dataset={"_target_": f"{importable}.molecules"})
    with pytest.raises(QuantmiaError) as refused:
        _ = made.dataset
    assert str(refused.value) == (
        "embedder=none: this dataset holds molecules; use embedder=minimol"
    )


def test_a_dataset_is_given_what_it_asks_for(importable, tmp_path):
    ecfp = tiny("embedder=ecfp").embedder
    made = experiment(
        cache=tmp_path, embedder=ecfp, dataset={"_target_": f"{importable}.molecules"}
    )
    assert made.dataset.size == 60
    assert type(OFFERED["embedder"]).__name__ == "Ecfp"
    assert OFFERED["cache"] == tmp_path
    assert OFFERED["progress"] is made.progress
    bare = experiment(embedder=None, dataset={"_target_": f"{importable}.numbers"})
    assert bare.dataset.size == 60
    assert OFFERED["embedder"] is None
