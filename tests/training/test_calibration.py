"""Quantizers that look at data, from the command line's configuration to the run folder."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantmia.attacks.discriminator import Discriminator
from quantmia.errors import QuantmiaError
from quantmia.experiment import Experiment
from quantmia.models.layers import LayerInputs
from quantmia.models.skeleton import skeleton
from quantmia.preemption import Stop
from quantmia.quantizers import Calibrated, Function, make
from quantmia.ranking.evidence import collect
from quantmia.ranking.observer import Observer
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from quantmia.seeding import Purpose, stream
from quantmia.training.blocks import train_missing
from tests.tiny import bits, experiment_of, fitted, progress, tiny, trained

MLP = ("model=mlp", "model.hidden=[3]", "runs=4", "training.stack=2", "calibration.rows=9")
CHOSEN = "quantizer=[sign,sign_gptq,sign_refit,sign_calibrated,uniform_2_channel_scaled]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("calibrated"), *MLP, CHOSEN)


@pytest.fixture(scope="module")
def experiment(folder) -> Experiment:
    return experiment_of(folder)


def models(folder: RunFolder, number: int) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(v)[None] for name, v in folder.read_model(number).items()}


@pytest.mark.parametrize("name", ["sign", "sign_gptq", "sign_refit", "sign_calibrated"])
def test_each_run_is_calibrated_on_members_of_its_own(folder, experiment, name):
    for number in range(4):
        scores = folder.read_run(number).scores
        own = experiment.parts.pool[scores["members"] == 1]
        drawn = stream(0, Purpose.CALIBRATION, number).permutation(own)[:9]
        shown = LayerInputs(
            skeleton(experiment.model()), torch.from_numpy(experiment.inputs[drawn])[None]
        )
        quantized = experiment.quantizers[name](models(folder, number), shown)
        module = experiment.model()
        for key, value in module.named_parameters():
            value.data = quantized[key][0]
        pool = torch.from_numpy(experiment.inputs[experiment.parts.pool])
        expected = module(pool)[:, 0].detach()
        np.testing.assert_allclose(scores[name], expected, rtol=1e-4, atol=1e-5)


def test_what_was_fitted_anew_is_stated(folder):
    facts = folder.read_run(0).meta["quantizers"]
    quantized, kept = 4 * 3, 3
    assert facts["sign_gptq"]["bits"] == pytest.approx((quantized + kept + 64) / (quantized + kept))
    assert facts["sign_refit"]["bits"] == pytest.approx(
        (quantized + 32 + 32 * kept) / (quantized + kept)
    )


def test_attacks_look_into_the_very_models(folder, experiment):
    merged = merge([folder])
    found = collect(merged.runs, merged.quantizers, experiment.config.indicator, progress())
    attack = Discriminator(features="whitebox")
    seen = Observer(found, [attack], experiment)("sign_calibrated")
    assert seen.white_box is not None
    for number in range(4):
        params = {key: value[number] for key, value in seen.white_box.parameters.items()}
        output = torch.func.functional_call(
            seen.white_box.module, params, (seen.white_box.features,)
        )
        np.testing.assert_allclose(output, seen.output[number], rtol=1e-4, atol=1e-5)


def test_interrupted_and_completed_it_has_the_same_bits(folder, tmp_path):
    experiment = fitted(tiny(*MLP, CHOSEN), tmp_path / ".cache")
    mine = RunFolder(tmp_path / "mine")
    with mine.lock():
        train_missing(experiment, mine, 4, Stop())
        max((mine.path / "scores").glob("run-*")).unlink()
        train_missing(experiment, mine, 4, Stop())
    assert bits(mine.path) == bits(folder.path)


def test_samples_that_are_set_apart_are_nobodys(tmp_path):
    apart = ("split.calibration=12", "calibration.source=apart")
    experiment = fitted(tiny(*MLP, CHOSEN, *apart), tmp_path)
    parts = experiment.parts
    everyone = np.concatenate([parts.validation, parts.pool, parts.apart])
    assert sorted(everyone) == list(range(60))
    assert len(parts.apart) == 12
    plain = fitted(tiny(*MLP), tmp_path).parts
    np.testing.assert_array_equal(plain.validation, parts.validation)
    mask = np.zeros((2, len(parts.pool)), bool)
    shown = experiment.shown([(0, 0), (0, 1)], mask, "cpu", ["sign", "sign_gptq"])
    assert set(shown) == {"sign_gptq"}
    inputs = next(iter(shown["sign_gptq"](_of_two_runs(experiment)).values()))
    of_apart = experiment.inputs[parts.apart]
    for rows in inputs.inputs.numpy():
        assert len(rows) == 9
        assert all((of_apart == row).all(1).any() for row in rows)
    assert not torch.equal(inputs.inputs[0], inputs.inputs[1])


def _of_two_runs(experiment: Experiment) -> dict[str, torch.Tensor]:
    return {
        name: torch.stack([value.detach()] * 2)
        for name, value in experiment.model().named_parameters()
    }


def test_quantizers_that_are_shown_the_same_share_it(tmp_path):
    experiment = fitted(tiny(*MLP, CHOSEN), tmp_path)
    shown = experiment.shown([(0, 0)], np.ones((1, len(experiment.parts.pool)), bool), "cpu")
    assert len(shown) == 4
    assert len(set(map(id, shown.values()))) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            ["calibration.source=apart"],
            r"quantizer\.sign_gptq\.source=apart: split\.calibration=0 sets too few.*give 9",
        ),
        (["calibration.source=apart", "split.calibration=1"], r"split\.calibration=1 sets too few"),
        (["training.qat=sign_gptq"], r"training\.qat=sign_gptq: looks at data.*scheme"),
        (
            ["calibration.source=noise", "split.standardise=false"],
            r"quantizer\.sign_gptq\.source=noise: is as wide as standardised features",
        ),
        (
            ["training.dp.noise_multiplier=1", "training.vectorize=true"],
            r"source=members: would see the members without the noise.*calibration\.source=noise",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused(tmp_path, settings, words):
    with pytest.raises(QuantmiaError, match=words):
        fitted(tiny(*MLP, "quantizer=[sign_gptq]", *settings), tmp_path)


def test_a_scheme_that_nothing_fits_is_one_sentence(tmp_path):
    with pytest.raises(QuantmiaError, match=r"quantizer\.sign_scaled: rescale=true: scheme\.scale"):
        fitted(tiny(*MLP, "quantizer=[sign_scaled]", "quantization.scale=unit"), tmp_path)


@pytest.mark.parametrize(
    "source", [("split.calibration=12", "calibration.source=apart"), ("calibration.source=noise",)]
)
def test_private_training_is_calibrated_on_others(tmp_path, source):
    private = ("training.dp.noise_multiplier=1", "training.vectorize=true")
    assert fitted(tiny(*MLP, "quantizer=[sign_gptq]", *source, *private), tmp_path)


def test_noise_is_each_runs_own_and_has_as_many_rows_as_asked_for(tmp_path):
    noise = ("calibration.source=noise", "calibration.rows=500", "quantizer=[sign_gptq]")
    experiment = fitted(tiny(*MLP, *noise), tmp_path)
    mask = np.zeros((2, len(experiment.parts.pool)), bool)
    shown = experiment.shown([(0, 0), (0, 1)], mask, "cpu")["sign_gptq"]
    inputs = next(iter(shown(_of_two_runs(experiment)).values())).inputs
    assert inputs.shape == (2, 500, 4)
    assert inputs.dtype == torch.float32
    assert not torch.equal(inputs[0], inputs[1])
    assert inputs.mean().abs() < 0.1
    assert (inputs.std() - 1).abs() < 0.1
    again = experiment.shown([(0, 1)], mask[:1], "cpu")["sign_gptq"]
    alone = next(iter(again({k: v[:1] for k, v in _of_two_runs(experiment).items()}).values()))
    assert torch.equal(alone.inputs[0], inputs[1])


def test_a_function_of_ones_own_can_be_calibrated(tmp_path):
    experiment = fitted(tiny(*MLP, "quantizer=[sign_gptq]"), tmp_path)
    entry = {"_target_": "quantmia.quantizers.Calibrated", "scheme": {"_target_": "torch.sign"}}
    made = make(entry | {"rescale": False})
    assert isinstance(made, Calibrated)
    assert isinstance(made.scheme, Function)
    weights = {"weight": torch.randn(2, 3, 4)}
    assert torch.equal(made(weights)["weight"], weights["weight"].sign())
    config = replace(experiment.config, quantizer={"mine": entry | {"scheme": OF_ALL_ROWS}})
    with pytest.raises(QuantmiaError, match=r"quantizer\.mine: breaks the rule 'treats each row"):
        replace(experiment, config=config).fitted()


def of_all_rows(weights):
    """A codebook that runs share, which none may."""
    return weights.sign() * weights.abs().mean()


OF_ALL_ROWS = {"_target_": f"{__name__}.of_all_rows"}
