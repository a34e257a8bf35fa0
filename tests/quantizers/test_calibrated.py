import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from quantmia.models.heads import linear, mlp
from quantmia.models.layers import LayerInputs
from quantmia.models.skeleton import skeleton
from quantmia.quantizers import (
    Calibrated,
    FullPrecision,
    Function,
    Pruned,
    Sign,
    Ternary,
    Uniform,
)
from quantmia.quantizers.compensated import compensated
from quantmia.quantizers.stored import stored_bits

RUNS, ROWS, FEATURES = 3, 50, 8
SCALED: dict[str, Any] = {"compensate": False, "refit": False}
GPTQ: dict[str, Any] = {"rescale": False, "refit": False}
REFIT: dict[str, Any] = {"compensate": False, "rescale": False}


def factory():
    return mlp(FEATURES, 2, hidden=[6, 5])


def stacked(model=factory):
    states = []
    for seed in range(RUNS):
        torch.manual_seed(seed)
        states.append(dict(model().named_parameters()))
    params = {name: torch.stack([s[name].detach() for s in states]) for name in states[0]}
    rng = torch.Generator().manual_seed(9)
    return {name: v + 0.2 * torch.randn(v.shape, generator=rng) for name, v in params.items()}


def rows():
    rng = torch.Generator().manual_seed(0)
    return torch.randn(RUNS, ROWS, FEATURES, generator=rng) + 0.5


def shown(model=factory):
    return LayerInputs(skeleton(model()), rows())


def outputs(params, run, layers=3):
    """What the first layers give, by plain products."""
    x = rows()[run].double()
    for layer in range(layers):
        x = torch.relu(x) if layer else x
        weight, bias = (params[f"{2 * layer}.{each}"][run].double() for each in ("weight", "bias"))
        x = x @ weight.T + bias
    return x.numpy()


def test_without_rows_it_is_the_scheme():
    params = stacked()
    for scheme in (Sign(), Uniform(bits=2, bias=True), Ternary(per="channel")):
        alone = scheme(params)
        for found in (
            Calibrated(scheme=scheme)(params),
            Calibrated(scheme=scheme)(params),
        ):
            assert all(torch.equal(found[name], alone[name]) for name in params)


def test_without_any_step_it_is_the_scheme_too():
    params = stacked()
    nothing = Calibrated(scheme=Sign(), compensate=False, rescale=False, refit=False)
    found, alone = nothing(params, shown()), Sign()(params)
    assert all(torch.equal(found[name], alone[name]) for name in params)


@pytest.mark.parametrize("per", ["tensor", "channel"])
def test_scales_are_least_squares_and_biases_keep_the_mean(per):
    params, scheme = stacked(), Ternary(per=per)
    found = Calibrated(scheme=scheme, **SCALED)(params, shown())
    alone = scheme(params)
    for run in range(RUNS):
        for layer in (1, 2, 3):
            was, now = outputs(params, run, layer), outputs(found, run, layer)
            np.testing.assert_allclose(now.mean(0), was.mean(0), atol=1e-5)
            x = rows()[run].double().numpy()
            if layer > 1:
                x = np.maximum(outputs(found, run, layer - 1), 0)
            name = f"{2 * layer - 2}.weight"
            base = x @ alone[name][run].double().numpy().T
            base, was = base - base.mean(0), was - was.mean(0)
            columns = [(base.ravel(), was.ravel())]
            if per == "channel":
                columns = list(zip(base.T, was.T, strict=True))
            factors = [np.linalg.lstsq(b[:, None], y, rcond=None)[0][0] for b, y in columns]
            expected = alone[name][run].numpy() * np.array(factors)[:, None]
            np.testing.assert_allclose(found[name][run].numpy(), expected, rtol=1e-4, atol=1e-6)


def test_errors_are_made_up_for_on_what_quantized_layers_give():
    params, layers = stacked(), shown()
    found = Calibrated(scheme=Sign(), **GPTQ)(params, layers)
    for place, (layer, given) in enumerate(layers(found).items()):
        expected = compensated(Sign(), params[layer.weight], given)
        torch.testing.assert_close(found[layer.weight], expected)
        assert torch.equal(found[f"{2 * place}.bias"], params[f"{2 * place}.bias"])


def test_the_last_layer_is_a_ridge_regression_onto_its_former_outputs():
    params = stacked()
    found = Calibrated(scheme=Sign(), ridge=0.3, **REFIT)(params, shown())
    assert torch.equal(found["0.weight"], Sign()(params)["0.weight"])
    for run in range(RUNS):
        x = np.maximum(outputs(found, run, 2), 0)
        penalty = 0.3 * ((x - x.mean(0)) ** 2).sum(0).mean()
        fitted = Ridge(alpha=penalty).fit(x, outputs(params, run))
        np.testing.assert_allclose(found["4.weight"][run].numpy(), fitted.coef_, atol=1e-5)
        np.testing.assert_allclose(found["4.bias"][run].numpy(), fitted.intercept_, atol=1e-5)


def test_layers_without_a_bias_get_none_and_are_fitted_through_zero():
    def model():
        return torch.nn.Sequential(
            torch.nn.Linear(FEATURES, 4, bias=False), torch.nn.Linear(4, 1, bias=False)
        )

    params = stacked(model)
    found = Calibrated(scheme=Sign(), compensate=False, ridge=0.1)(params, shown(model))
    assert found.keys() == params.keys()
    x = (rows()[0] @ found["0.weight"][0].T).double().numpy()
    was = (rows()[0] @ params["0.weight"][0].T @ params["1.weight"][0].T).double().numpy()
    fitted = Ridge(alpha=0.1 * (x**2).sum(0).mean(), fit_intercept=False).fit(x, was)
    np.testing.assert_allclose(found["1.weight"][0].numpy(), np.atleast_2d(fitted.coef_), atol=1e-5)


@pytest.mark.parametrize(
    "settings", [SCALED, GPTQ, REFIT, {}], ids=["scaled", "gptq", "refit", "all"]
)
def test_all_of_it_brings_outputs_nearer_to_what_they_were(settings):
    params, layers = stacked(), shown()
    alone, found = Sign()(params), Calibrated(scheme=Sign(), **settings)(params, layers)

    def error(models):
        return sum(((outputs(models, i) - outputs(params, i)) ** 2).sum() for i in range(RUNS))

    assert error(found) < error(alone)


def test_runs_do_not_depend_on_each_other():
    params, scheme = stacked(), Calibrated(scheme=Ternary())
    together = scheme(params, shown())
    for run in range(RUNS):
        one = LayerInputs(skeleton(factory()), rows()[run][None])
        alone = scheme({name: value[run][None] for name, value in params.items()}, one)
        for name in params:
            torch.testing.assert_close(together[name][run], alone[name][0], rtol=1e-4, atol=1e-5)


def test_one_layer_alone_is_quantized_though_it_is_the_last():
    def model():
        return linear(FEATURES, 2)

    params = stacked(model)
    scheme = Calibrated(scheme=Sign(), **REFIT)
    found = scheme(params, shown(model))
    assert torch.equal(found["weight"], Sign()(params)["weight"])
    assert scheme.covered(params, shown(model)) == ["weight"]


def test_weights_that_are_fitted_anew_are_counted_in_full():
    params, layers = stacked(), shown()
    scheme = Calibrated(scheme=Sign())
    assert scheme.covered(params, layers) == ["0.weight", "2.weight"]
    assert scheme.covered(params) == ["0.weight", "2.weight", "4.weight"]
    quantized, kept = FEATURES * 6 + 6 * 5, 5 * 2
    bits = (quantized * 1 + 2 * 32 + kept * 32) / (quantized + kept)
    assert scheme.stored_bits(params, layers) == pytest.approx(bits)
    full = Calibrated(scheme=FullPrecision(), compensate=False, rescale=False, refit=False)
    assert full.stored_bits(params, layers) == 32


def test_bits_of_a_function_that_states_none_are_counted_where_it_rounds():
    params, layers = stacked(), shown()
    scheme = Calibrated(scheme=Function(function=torch.sign), rescale=False, compensate=False)
    assert math.isnan(scheme.stored_bits(params, layers))
    assert stored_bits(params, scheme(params, layers), scheme, layers) == 1


def test_a_codebook_that_gives_nothing_keeps_its_scale():
    params = stacked()
    params["0.weight"][1] = 0
    found = Calibrated(scheme=Sign(), **SCALED)(params, shown())
    assert all(torch.isfinite(value).all() for value in found.values())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scheme": Sign(scale="unit")}, r"rescale=true: scheme\.scale=unit .*rescale=false"),
        ({"scheme": Sign(per="group")}, r"scheme\.per=group: has to be tensor or channel"),
        ({"scheme": Calibrated(scheme=Sign())}, "looks at data itself"),
        ({"scheme": Sign(), "rows": 1}, "rows=1 must be 2 or more"),
        ({"scheme": Pruned()}, "compensate=true: scheme keeps real numbers.*compensate=false"),
        ({"scheme": Sign(), "ridge": 0.0}, "ridge=0.0 must be above 0"),
        ({"scheme": Sign(), "per": "channel"}, r"per: set scheme\.per"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Calibrated(**settings)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_run_that_diverged_does_no_harm_to_others(bad):
    params, scheme = stacked(), Calibrated(scheme=Ternary())
    alone = scheme(params, shown())
    params["0.weight"][1, 0, 0] = bad
    found = scheme(params, shown())
    for name in params:
        for run in (0, 2):
            assert torch.equal(found[name][run], alone[name][run])


def test_a_bias_that_is_fitted_anew_is_not_of_the_codebook():
    params, layers = stacked(), shown()
    scheme = Calibrated(scheme=Sign(bias=True))
    assert "2.bias" in scheme.covered(params, layers)
    assert "4.bias" not in scheme.covered(params, layers)
    found = scheme(params, layers)
    assert torch.equal(found["2.bias"], Sign(bias=True)(params)["2.bias"])
    assert len(found["4.bias"][0].unique()) == 2
    assert len(found["4.bias"][0].abs().unique()) == 2


class Tied(torch.nn.Module):
    """Two layers of one weight, and one of its own before them."""

    def __init__(self):
        super().__init__()
        self.own, self.a, self.b = (torch.nn.Linear(FEATURES, FEATURES) for _ in range(3))
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.b(torch.relu(self.a(torch.relu(self.own(x)))))


def test_a_weight_that_two_layers_share_is_left_to_the_scheme():
    params, layers = stacked(Tied), shown(Tied)
    scheme = Calibrated(scheme=Sign())
    found = scheme(params, layers)
    assert torch.equal(found["a.weight"], Sign()(params)["a.weight"])
    assert not torch.equal(found["own.weight"], Sign()(params)["own.weight"])
    assert set(scheme.covered(params, layers)) == {"own.weight", "a.weight"}


def test_outputs_that_never_change_teach_no_scale():
    params = stacked()
    constant = rows()
    constant[:, :, 0] = 1.0
    params["0.weight"][:, :, 1:] *= 1e-3  # so that a channel keeps the constant input alone
    layers = LayerInputs(skeleton(factory()), constant)
    scheme = Ternary(sparsity=0.9, per="channel")
    found = Calibrated(scheme=scheme, **SCALED)(params, layers)["0.weight"]
    assert torch.equal(found, scheme(params)["0.weight"])
