"""Quantizers that look at data, from the command line's configuration to the run folder."""

import numpy as np
import pytest
import torch

from quantmia.attacks.discriminator import Discriminator
from quantmia.errors import QuantmiaError
from quantmia.experiment import Experiment, of_finished
from quantmia.models.layers import LayerInputs
from quantmia.models.skeleton import skeleton
from quantmia.preemption import Stop
from quantmia.ranking.evidence import collect
from quantmia.ranking.observer import Observer
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from quantmia.seeding import Purpose, stream
from quantmia.training.blocks import train_missing
from tests.tiny import bits, fitted, progress, run, tiny, trained

MLP = ("model=mlp", "model.hidden=[3]", "runs=4", "training.stack=2", "calibration.rows=9")
CHOSEN = "quantizer=[sign,sign_gptq,sign_refit,sign_calibrated,uniform_2_channel_scaled]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("calibrated"), *MLP, CHOSEN)


@pytest.fixture(scope="module")
def experiment(folder) -> Experiment:
    made = of_finished(merge([folder]), folder.path, progress())
    assert isinstance(made, Experiment)
    return made


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
        quantized = experiment.quantizers[name].quantize(models(folder, number), shown)
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
    shown = experiment.shown([(0, 0), (0, 1)], mask, ["sign", "sign_gptq"])
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
    shown = experiment.shown([(0, 0)], np.ones((1, len(experiment.parts.pool)), bool))
    assert len(shown) == 4
    assert len(set(map(id, shown.values()))) == 1


def test_apart_without_any_sample_apart_is_refused(tmp_path):
    with pytest.raises(
        QuantmiaError, match=r"quantizer\.sign_gptq\.source=apart: .*split\.calibration=9"
    ):
        fitted(tiny(*MLP, "quantizer=[sign_gptq]", "calibration.source=apart"), tmp_path)


def test_in_training_it_is_refused(tmp_path):
    with pytest.raises(QuantmiaError, match=r"training\.qat=sign_gptq: looks at data.*scheme"):
        fitted(tiny(*MLP, CHOSEN, "training.qat=sign_gptq"), tmp_path)


def test_members_by_coins_are_enough_for_everyone(tmp_path):
    results = run(
        tmp_path / "coin",
        *MLP,
        "quantizer=[sign_gptq]",
        "split.membership=coin",
        "calibration.rows=1000",
    )
    assert results is not None
