"""Quantizers that change more than weights, from the configuration to what is attacked."""

import numpy as np
import pytest
import torch

from quantmia.attacks.discriminator import Discriminator
from quantmia.attacks.white_box import WhiteBox
from quantmia.errors import QuantmiaError
from quantmia.experiment import Experiment
from quantmia.models.layers import LayerInputs
from quantmia.models.loop import Loop
from quantmia.ranking.evidence import collect
from quantmia.ranking.observer import Observer
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from tests.tiny import experiment_of, fitted, progress, tiny, trained
from tests.training.scored import answers

pytest.importorskip("torchao")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

MLP = ("model=mlp", "model.hidden=[3]", "runs=4", "training.stack=2", "calibration.rows=9")
NAMES = ["onnx_int8_dynamic", "onnx_int8_static", "w8a8_dynamic", "w8a8_static"]
CHOSEN = f"quantizer=[full_precision,{','.join(NAMES)}]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("runtimes"), *MLP, CHOSEN)


@pytest.fixture(scope="module")
def experiment(folder) -> Experiment:
    return experiment_of(folder)


@pytest.fixture(scope="module")
def evaluated(experiment) -> Loop:
    """One for all, for which the architecture is exported once."""
    return Loop(experiment.model, [0], experiment.dataset.task)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_is_scored_is_the_answer_of_each_runs_own_model(folder, experiment, evaluated, name):
    for number in range(4):
        files = folder.read_run(number)
        mask = files.scores["members"][None].astype(bool)
        shown = experiment.shown([(0, number)], mask, "cpu", [name]).get(name)
        assert isinstance(shown, LayerInputs) == name.endswith("static")
        found = answers(experiment, folder, evaluated, number, name)
        np.testing.assert_allclose(files.scores[name], found, atol=1e-6)
        full = files.scores["full_precision"]
        moved = np.abs(files.scores[name] - full)
        assert 0 < np.median(moved) < 0.02 * np.abs(full).max()
        assert 8 < files.meta["quantizers"][name]["bits"] < 40


@pytest.mark.slow
def test_attacks_that_read_models_see_the_weights_that_the_runtime_stores(folder, experiment):
    merged = merge([folder])
    found = collect(merged.runs, merged.quantizers, experiment.config.indicator, progress())
    seen = Observer(found, [Discriminator(features="whitebox")], experiment)("onnx_int8_dynamic")
    assert isinstance(seen.white_box, WhiteBox)
    for name, value in seen.white_box.parameters.items():
        if name.endswith("weight"):
            assert max(len(torch.unique(each)) for each in value) <= 129
        scale = value.abs().max()
        plain = torch.stack(
            [torch.from_numpy(folder.read_model(number)[name]) for number in range(4)]
        )
        assert (value - plain).abs().max() <= scale / 100


@pytest.mark.parametrize("name", [each for each in NAMES if each != "w8a8_dynamic"])
def test_it_is_no_step_of_training(tmp_path, name):
    with pytest.raises(QuantmiaError, match=rf"training\.qat={name}: (looks at|does what no step)"):
        fitted(tiny(*MLP, f"quantizer=[{name}]", f"training.qat={name}"), tmp_path)


def test_private_training_is_calibrated_on_others(tmp_path):
    private = ("training.dp.noise_multiplier=1", "training.vectorize=true")
    for name in ("onnx_int8_static", "w8a8_static"):
        with pytest.raises(QuantmiaError, match="source=members: would see the members without"):
            fitted(tiny(*MLP, f"quantizer=[{name}]", *private), tmp_path)
    assert fitted(tiny(*MLP, "quantizer=[onnx_int8_dynamic,w8a8_dynamic]", *private), tmp_path)
