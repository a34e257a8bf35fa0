from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from quantmia.attacks import Attack, LiraShrunk, LossThreshold, Observed, Quantile, Rmia
from quantmia.attacks.discriminator import Discriminator
from quantmia.errors import FolderError
from quantmia.experiment import Experiment, of_finished
from quantmia.files import read_tensors
from quantmia.ranking.evidence import Evidence, collect
from quantmia.ranking.observer import Observer
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from tests.tiny import experiment_of, progress, trained

RUNS = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("observed"))


@pytest.fixture(scope="module")
def experiment(folder) -> Experiment:
    return experiment_of(folder)


@pytest.fixture(scope="module")
def found(folder, experiment) -> Evidence:
    merged = merge([folder])
    return collect(merged.runs, merged.quantizers, experiment.config.indicator, progress())


def read(folder: RunFolder, kind: str, name: str) -> np.ndarray:
    paths = sorted((folder.path / kind).glob("run-*"))
    return np.stack([read_tensors(path)[0][name] for path in paths])


def observed(found: Evidence, experiment: Experiment, *attacks: Attack, name="sign") -> Observed:
    return Observer(found, attacks, experiment)(name)


@pytest.mark.parametrize("name", ["full_precision", "sign", "uniform_2"])
def test_it_is_what_the_files_say(folder, found, experiment, name):
    seen = observed(found, experiment, LossThreshold(), Rmia(), name=name)
    output, target = read(folder, "scores", name), read(folder, "scores", "target")
    np.testing.assert_array_equal(seen.output[..., 0], output)
    np.testing.assert_array_equal(seen.target, target)
    np.testing.assert_array_equal(seen.members, read(folder, "scores", "members") == 1)
    assert seen.members.shape == (RUNS, 36)
    assert (seen.members.sum(1) == 18).all()
    signed = output.astype(np.float64) * np.where(target > 0.5, 1, -1)
    np.testing.assert_array_equal(seen.signal, signed)
    np.testing.assert_allclose(seen.loss, np.logaddexp(0, -signed), rtol=1e-5)
    np.testing.assert_array_equal(seen.population, read(folder, "losses", name)[:, -1])
    assert not seen.two_sided
    assert not seen.only_earlier


def test_diverged_runs_are_not_seen(found, experiment):
    kept = Evidence(**vars(found) | {"runs": found.runs[1:], "meta": found.meta[1:]})
    seen, whole = (observed(each, experiment, LossThreshold()) for each in (kept, found))
    np.testing.assert_array_equal(seen.loss, whole.loss[1:])


def test_what_few_attacks_read_is_read_only_if_one_wants_it(found, experiment):
    seen = observed(found, experiment, LossThreshold(), LiraShrunk())
    assert seen.population is None
    assert seen.features is None
    assert seen.white_box is None
    seen = observed(found, experiment, LossThreshold(), Quantile())
    assert seen.features is not None
    assert seen.white_box is None
    np.testing.assert_array_equal(seen.features[0], experiment.inputs[experiment.parts.pool])
    np.testing.assert_array_equal(seen.features[1], experiment.inputs[experiment.parts.validation])


@pytest.mark.parametrize("name", ["full_precision", "sign", "uniform_2"])
def test_the_models_are_the_final_parameters_quantized(folder, found, experiment, name):
    seen = observed(found, experiment, Discriminator(features="whitebox"), name=name)
    assert seen.white_box is not None
    final = {key: torch.from_numpy(read(folder, "models", key)) for key in ("weight", "bias")}
    expected = experiment.quantizers[name](final)
    assert seen.white_box.parameters.keys() == final.keys()
    for key, value in expected.items():
        assert torch.equal(seen.white_box.parameters[key], value)
    if name == "full_precision":
        assert all(torch.equal(expected[key], value) for key, value in final.items())
    else:
        assert not torch.equal(expected["weight"], final["weight"])


def test_the_models_give_the_outputs_that_were_measured(found, experiment):
    seen = observed(found, experiment, Discriminator(features="whitebox"))
    assert seen.white_box is not None
    assert all(each.is_meta for each in seen.white_box.module.parameters())
    for run in range(RUNS):
        params = {key: value[run] for key, value in seen.white_box.parameters.items()}
        output = torch.func.functional_call(
            seen.white_box.module, params, (seen.white_box.features,)
        )
        np.testing.assert_allclose(output, seen.output[run], atol=1e-6)


def test_data_that_changed_are_asked_for_only_by_attacks_that_read_them(folder, found):
    merged = merge([folder])
    other = replace(merged, dataset=merged.dataset | {"sha256": "0" * 64})
    changed = of_finished(other, Path(), progress())
    assert isinstance(changed, Experiment)
    observed(found, changed, LossThreshold())
    with pytest.raises(FolderError, match="no longer the one that the runs were trained on"):
        observed(found, changed, Quantile())
