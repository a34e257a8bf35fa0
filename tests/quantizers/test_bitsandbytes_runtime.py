import importlib
import sys
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load
from torch import nn

from quantmia.errors import QuantmiaError
from quantmia.models.heads import mlp
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.quantizers import BitsAndBytes
from quantmia.quantizers.quiet import quiet
from quantmia.quantizers.stored import Stored
from quantmia.tasks import TASKS
from tests.quantizers.architectures import FACTORIES, FEATURES, RUNS, models_of

pytest.importorskip("bitsandbytes")

from quantmia.quantizers.bitsandbytes_modules import by_itself, functional

with by_itself(), quiet():
    from bitsandbytes.nn import modules as bnb

X = torch.randn(40, FEATURES, generator=torch.Generator().manual_seed(0))
X[5, 2] = 7.0  # an outlier
INT8, NF4, FP4 = (
    BitsAndBytes(format="int8"),
    BitsAndBytes(format="nf4", batch=None),
    BitsAndBytes(format="fp4", batch=None),
)
SCHEMES = {each.format: each for each in (INT8, NF4, FP4)}
of_all = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)


def own_of(models, run: int) -> dict[str, torch.Tensor]:
    return {name: value[run].clone() for name, value in models.initial.items()}


def by_the_library(plain: nn.Linear, scheme: BitsAndBytes) -> nn.Module:
    """A layer by itself, loaded and moved as the library says."""
    sizes, bias = (plain.in_features, plain.out_features), plain.bias is not None
    if scheme.format == "int8":
        layer = bnb.Linear8bitLt(*sizes, bias, has_fp16_weights=False, threshold=6.0)
    else:
        kind = {"nf4": bnb.LinearNF4, "fp4": bnb.LinearFP4}[scheme.format]
        layer = kind(*sizes, bias, compute_dtype=torch.float32, compress_statistics=False)
    layer.load_state_dict(plain.state_dict())
    return layer.to("cpu").eval()


def whole(models, run: int, scheme: BitsAndBytes) -> nn.Module:
    """A model with the library's layers, by hand."""
    module = models.module(own_of(models, run))
    if isinstance(module, nn.Linear):
        return by_the_library(module, scheme)
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear):
            setattr(module, name, by_the_library(child, scheme))
    return module


def asked(module: nn.Module, x: torch.Tensor, size: int | None) -> torch.Tensor:
    with quiet(), torch.no_grad():
        return torch.cat([module(rows) for rows in x.split(size or len(x))])


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(FACTORIES["mlp"], range(RUNS), TASKS["regression"])


@of_all
@pytest.mark.parametrize("architecture", FACTORIES)
def test_it_is_the_librarys_own_layers_to_the_last_bit(architecture, scheme):
    models = models_of(architecture)
    found = scheme.release(models.initial, models, X)(X)
    for run in range(RUNS):
        expected = asked(whole(models, run, scheme), X, scheme.batch)
        assert torch.equal(found[run], expected)


@of_all
def test_without_biases_and_a_layer_by_itself(scheme):
    models = Loop(lambda: nn.Linear(FEATURES, 2, bias=False), [0, 1], TASKS["regression"])
    expected = asked(whole(models, 1, scheme), X, scheme.batch)
    assert torch.equal(scheme.release(models.initial, models, X)(X)[1], expected)


@of_all
def test_a_run_alone_answers_as_among_others(scheme):
    both, alone = (Loop(FACTORIES["mlp"], seeds, TASKS["regression"]) for seeds in ([0, 1], [1]))
    many, one = (scheme.release(models.initial, models, X) for models in (both, alone))
    assert torch.equal(many(X)[1], one(X)[0])
    assert many.fingerprints()[1] == one.fingerprints()[0]


@of_all
def test_who_looks_into_models_sees_the_weights_that_they_store(stack, scheme):
    weights, module = scheme.release(stack.initial, stack, X).weights, whole(stack, 1, scheme)
    for name, layer in module.named_children():
        if not isinstance(layer, nn.Linear):
            continue
        assert torch.equal(weights[f"{name}.bias"], stack.initial[f"{name}.bias"])
        weight: Any = layer.weight
        if scheme.format == "int8":
            expected = functional.int8_vectorwise_dequant(weight.CB, weight.SCB)
        else:
            expected = functional.dequantize_4bit(weight.data, weight.quant_state)
        assert torch.equal(weights[f"{name}.weight"][1], expected)
    for name, value in scheme(stack.initial).items():  # by quantize_rows
        assert torch.equal(value, weights[name])


@of_all
def test_lengths_that_no_kernel_of_the_library_takes_are_not_compiled(scheme):
    models = Loop(lambda: nn.Linear(7, 5), [0], TASKS["regression"])
    x = torch.randn(9, 7, generator=torch.Generator().manual_seed(1))
    compiled = len(torch._dynamo.utils.compilation_time_metrics)
    shipped = scheme.release(models.initial, models, x)
    weight, bias = shipped.weights["weight"][0], shipped.weights["bias"][0]
    assert torch.allclose(shipped(x)[0], x @ weight.T + bias, atol=0.02)
    assert len(torch._dynamo.utils.compilation_time_metrics) == compiled


def test_outliers_are_not_rounded():
    models = models_of("linear")
    x = X * torch.linspace(1, 50, FEATURES)
    exact = models(models.initial, x)

    def error(threshold: float) -> float:
        scheme = BitsAndBytes(threshold=threshold)
        return float((scheme.release(models.initial, models, x)(x) - exact).abs().mean())

    assert error(6) < 0.8 * error(0)


def test_answers_one_at_a_time_do_not_depend_on_each_other(stack):
    alone, together = (
        BitsAndBytes(batch=batch).release(stack.initial, stack, X) for batch in (1, None)
    )
    assert torch.equal(alone(X)[:, 3:5], alone(X[3:5]))
    assert not torch.equal(together(X)[:, 3:5], together(X[3:5]))  # for the outlier of another


@of_all
def test_a_diverged_run_answers_nothing_and_spoils_no_other(stack, scheme):
    params = {name: value.clone() for name, value in stack.initial.items()}
    params["0.weight"][1, 0, 0] = torch.nan
    shipped, others = (scheme.release(each, stack, X) for each in (params, stack.initial))
    assert torch.isnan(shipped(X)[1]).all()
    assert torch.equal(shipped(X)[0], others(X)[0])
    assert shipped.fingerprints()[0] == others.fingerprints()[0]
    assert shipped.fingerprints()[1] != others.fingerprints()[1]
    assert torch.isnan(scheme(params)["0.weight"][1]).any()


@of_all
def test_a_copy_takes_the_models_of_runs(stack, scheme):
    params = {name: value.clone() for name, value in stack.initial.items()}
    first = scheme.release(params, stack, X)
    kept, before = first.copy(), first(X)
    for value in params.values():
        value += 0.5
    second = scheme.release(params, stack, X)
    kept.take(np.array([1]), second)
    assert torch.equal(kept(X)[0], before[0])
    assert torch.equal(kept(X)[1], second(X)[1])
    assert torch.equal(kept.weights["0.weight"][1], second.weights["0.weight"][1])
    assert torch.equal(first(X), before)


@of_all
def test_its_file_is_what_the_library_stores(stack, scheme):
    shipped = scheme.release(stack.initial, stack, X)
    ending, content = shipped.artefact(1)
    assert (ending, content) == scheme.release(stack.initial, stack, X).artefact(1)
    shipped(X)  # asking changes nothing of it
    assert shipped.artefact(1) == (ending, content)
    assert ending == ".safetensors"
    stored, expected = load(content), whole(stack, 1, scheme).state_dict()
    assert set(stored) == set(expected)
    assert all(torch.equal(stored[name], value) for name, value in expected.items())


@of_all
def test_what_it_stores(stack, scheme):
    stored = Stored.of(scheme.release(stack.initial, stack, X), scheme, stack.initial, stack)
    weights = 16 * FEATURES + 8 * 16 + 3 * 8
    if scheme is INT8:
        assert stored.bits == pytest.approx(8 + (16 + 8 + 3) * 32 / weights)
        assert scheme.bits_per_activation == 8
    else:
        blocks = 2 + 2 + 1  # of 96, 128 and 24 weights
        assert stored.bits == pytest.approx(4 + blocks * 32 / weights)
        assert scheme.bits_per_activation == 32
    assert (stored.sparsity < 0.2).all()
    assert scheme.looks_at is None
    assert not scheme.fits_a_step


@of_all
def test_nothing_but_linear_layers_counts(scheme):
    assert scheme.covered(models_of("convolved").initial) == ["last.weight"]
    assert scheme.stored_bits({}) == 32


def test_float64_is_refused():
    models = Loop(lambda: mlp(FEATURES, 1, hidden=[]).double(), [0], TASKS["regression"])
    with pytest.raises(QuantmiaError, match="is float64, and bitsandbytes quantizes float32"):
        INT8.release(models.initial, models, X.double())


def test_it_is_imported_without_what_fetches_kernels(monkeypatch):
    there = object()
    monkeypatch.setitem(sys.modules, "kernels", there)
    with by_itself(), pytest.raises(ImportError):
        importlib.import_module("kernels")
    assert sys.modules["kernels"] is there
    monkeypatch.delitem(sys.modules, "kernels")
    with by_itself():
        assert sys.modules["kernels"] is None
    assert "kernels" not in sys.modules


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "int4"}, "format=int4 must be int8, nf4 or fp4"),
        ({"per": "channel"}, "per=channel: the format decides that itself"),
        ({"scale": "unit"}, "scale: the library decides that itself"),
        ({"threshold": -1.0}, "threshold=-1.0 must be 0 or more"),
        ({"threshold": float("nan")}, "threshold=nan must be 0 or more"),
        ({"batch": 0}, "batch=0 must be 1 or more, or null"),
    ],
)
def test_impossible_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        BitsAndBytes(**options)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(QuantmiaError, match=r"bitsandbytes is not.*quantmia\[bitsandbytes\]"):
        BitsAndBytes()
