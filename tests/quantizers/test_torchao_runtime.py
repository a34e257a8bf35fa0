import copy
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from quantmia.errors import QuantmiaError
from quantmia.models.heads import mlp
from quantmia.models.layers import LayerInputs
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.quantizers import TorchAORuntime
from quantmia.quantizers.quiet import quiet
from quantmia.quantizers.stored import Stored
from quantmia.quantizers.torchao import library
from quantmia.tasks import TASKS
from tests.quantizers.architectures import FACTORIES, FEATURES, RUNS, models_of

pytest.importorskip("torchao")
ao = library()
with quiet():
    from torchao.quantization.pt2e.lowering import lower_pt2e_quantized_to_x86
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(40, FEATURES, generator=GENERATOR)
SHOWN = torch.randn(RUNS, 25, FEATURES, generator=GENERATOR)
DYNAMIC, STATIC = TorchAORuntime(), TorchAORuntime(ranges="static")


def own_of(models, run: int) -> dict[str, torch.Tensor]:
    return {name: value[run].clone() for name, value in models.initial.items()}


def by_the_library(models, run: int, scheme: TorchAORuntime) -> nn.Module:
    """A model quantized by the library's own calls alone."""
    module = models.module(own_of(models, run))
    if scheme.ranges == "dynamic":
        reduced = scheme.reduce_range
        config = ao.Int8DynamicActivationInt8WeightConfig(
            reduce_range=reduced, set_inductor_config=False
        )
        ao.quantize_(module, config)
        return module
    with quiet(), torch.no_grad():
        shapes = ({0: torch.export.Dim("n")},)
        graph = torch.export.export(module, (X[:5],), dynamic_shapes=shapes).module()
        config = x86.get_default_x86_inductor_quantization_config(reduce_range=scheme.reduce_range)
        prepared = prepare_pt2e(graph, x86.X86InductorQuantizer().set_global(config))
        prepared(SHOWN[run])
        return convert_pt2e(prepared)


def shown_to(models) -> LayerInputs:
    return LayerInputs(models.module(own_of(models, 0)), SHOWN)


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(FACTORIES["mlp"], range(RUNS), TASKS["regression"])


def released(models, scheme=DYNAMIC, params=None, x=X):
    return scheme.release(params or models.initial, models, x, shown_to(models))


CASES = {
    **{f"{name}, dynamic": (name, DYNAMIC) for name in FACTORIES},
    **{f"{name}, static": (name, STATIC) for name in FACTORIES},
    "mlp, dynamic, 7 bits": ("mlp", TorchAORuntime(reduce_range=True)),
    "mlp, static, 7 bits": ("mlp", TorchAORuntime(ranges="static", reduce_range=True)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("architecture", "scheme"), CASES.values(), ids=CASES)
def test_it_is_the_librarys_own_call_to_the_last_bit(architecture, scheme):
    models = models_of(architecture)
    found = released(models, scheme)(X)
    for run in range(RUNS):
        with torch.no_grad():
            expected = by_the_library(models, run, scheme)(X)
        np.testing.assert_array_equal(found[run].numpy(), expected.numpy())


@pytest.mark.parametrize("scheme", [DYNAMIC, STATIC], ids=str)
def test_a_run_alone_answers_as_among_others(scheme):
    both, alone = (Loop(FACTORIES["mlp"], seeds, TASKS["regression"]) for seeds in ([0, 1], [1]))
    shown = LayerInputs(alone.module(own_of(alone, 0)), SHOWN[1:])
    single = scheme.release(alone.initial, alone, X, shown)
    assert torch.equal(released(both, scheme)(X)[1], single(X)[0])
    assert released(both, scheme).fingerprints()[1] == single.fingerprints()[0]


def test_without_biases():
    models = Loop(lambda: nn.Linear(FEATURES, 2, bias=False), [0, 1], TASKS["regression"])
    for scheme in (DYNAMIC, STATIC):
        with torch.no_grad():
            expected = by_the_library(models, 1, scheme)(X)
        assert torch.equal(released(models, scheme)(X)[1], expected)


@pytest.mark.parametrize("reduce_range", [False, True])
def test_who_looks_into_models_sees_the_weights_that_they_store(stack, reduce_range):
    scheme = TorchAORuntime(reduce_range=reduce_range)
    weights, module = released(stack, scheme).weights, by_the_library(stack, 1, scheme)
    assert set(weights) == set(stack.initial)
    for name, value in module.state_dict().items():
        expected = value.dequantize() if name.endswith("weight") else value
        assert torch.equal(weights[name][1], expected)
    for name, value in scheme(stack.initial).items():  # by quantize_rows
        assert torch.equal(value, weights[name])


def test_so_they_do_with_static_ranges(stack):
    weights, expected = released(stack, STATIC).weights, STATIC(stack.initial)
    codes = by_the_library(stack, 1, STATIC).state_dict()
    scale, frozen = codes["_scale_0"], codes["_frozen_param0"]
    assert torch.equal(weights["0.weight"][1], frozen * scale[:, None])
    for name, value in expected.items():
        assert torch.equal(weights[name], value)


def test_convolutions_merged_with_a_normalisation_are_seen_in_full_precision():
    models = models_of("convolved")
    weights = released(models, STATIC).weights
    assert torch.equal(weights["conv.weight"], models.initial["conv.weight"])
    assert not torch.equal(weights["last.weight"], models.initial["last.weight"])


@pytest.mark.slow
def test_what_the_library_fuses_for_a_processor_answers_nearly_always_as_the_graph_does(stack):
    graph = by_the_library(stack, 0, TorchAORuntime(ranges="static", reduce_range=True))
    assert isinstance(graph, torch.fx.GraphModule)
    with quiet(), torch.no_grad():
        lowered = lower_pt2e_quantized_to_x86(copy.deepcopy(graph), (X,))
        differ = (lowered(X) - graph(X)).abs().amax(1) > 1e-5
    assert "onednn.qlinear_pointwise" in lowered.code
    assert differ.float().mean() < 0.1


def test_answers_do_not_depend_on_each_other(stack):
    for scheme in (DYNAMIC, STATIC):
        shipped = released(stack, scheme)
        torch.testing.assert_close(shipped(X)[:, 3:5], shipped(X[3:5]), rtol=1e-5, atol=1e-6)
    shipped = released(stack)
    assert torch.equal(shipped(X)[:, 3:5], shipped(X[3:5]))


def test_static_ranges_are_those_of_the_runs_own_rows(stack):
    wider = LayerInputs(FACTORIES["mlp"](), torch.cat([SHOWN[:1], SHOWN[1:] * 9]))
    first, second = released(stack, STATIC), STATIC.release(stack.initial, stack, X, wider)
    assert torch.equal(first(X)[0], second(X)[0])
    assert not torch.equal(first(X)[1], second(X)[1])
    assert first.fingerprints()[0] == second.fingerprints()[0]
    assert first.fingerprints()[1] != second.fingerprints()[1]
    with pytest.raises(ValueError, match="static ranges want rows"):
        STATIC.release(stack.initial, stack, X)


@pytest.mark.parametrize("scheme", [DYNAMIC, STATIC], ids=str)
def test_a_diverged_run_answers_nothing_and_spoils_no_other(stack, scheme):
    params = {name: value.clone() for name, value in stack.initial.items()}
    params["0.weight"][1, 0, 0] = torch.nan
    shipped, whole = released(stack, scheme, params), released(stack, scheme)
    assert torch.isnan(shipped(X)[1]).all()
    assert torch.equal(shipped(X)[0], whole(X)[0])
    assert shipped.fingerprints()[0] == whole.fingerprints()[0]
    assert shipped.fingerprints()[1] != whole.fingerprints()[1]
    with pytest.raises(QuantmiaError, match="diverged: there is nothing to ship"):
        shipped.artefact(1)


@pytest.mark.parametrize("scheme", [DYNAMIC, STATIC], ids=str)
def test_a_copy_takes_the_models_of_runs(stack, scheme):
    params = {name: value.clone() for name, value in stack.initial.items()}
    first = released(stack, scheme, params)
    kept, before = first.copy(), first(X)
    for value in params.values():
        value += 0.5
    second = released(stack, scheme, params)
    kept.take(np.array([1]), second)
    assert torch.equal(kept(X)[0], before[0])
    assert torch.equal(kept(X)[1], second(X)[1])
    assert torch.equal(kept.weights["0.weight"][1], second.weights["0.weight"][1])
    assert torch.equal(first(X), before)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [DYNAMIC, STATIC], ids=str)
def test_its_file_answers_alike_and_holds_no_weight_in_full_precision(stack, scheme):
    shipped = released(stack, scheme)
    ending, content = shipped.artefact(1)
    assert (ending, content) == released(stack, scheme).artefact(1)
    assert ending == ".pt2"
    with quiet():
        read = torch.export.load(io.BytesIO(content)).module()
        assert torch.equal(read(X), shipped(X)[1])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert not any(part.startswith((b"PK", b"\x80")) for part in parts.values())  # a pickle
    assert not any(b'"use_pickle": true' in part for part in parts.values())
    assert not any(str(Path(torch.__file__).parent).encode() in part for part in parts.values())
    whole = stack.initial["0.weight"][1]
    assert not any(len(part) == whole.numel() * 4 for part in parts.values())
    assert not any(whole[0].numpy().tobytes() in part for part in parts.values())


@pytest.mark.parametrize("scheme", [DYNAMIC, STATIC], ids=str)
def test_what_it_stores(stack, scheme):
    stored = Stored.of(released(stack, scheme), scheme, stack.initial, stack)
    weights = 16 * FEATURES + 8 * 16 + 3 * 8
    assert stored.bits == pytest.approx(8 + (16 + 8 + 3) * 32 / weights)
    assert (stored.sparsity < 0.05).all()
    assert scheme.bits_per_activation == 8
    assert not scheme.fits_a_step
    assert scheme.looks_at == (("members", 512) if scheme is STATIC else None)


def test_kernels_of_convolutions_count_where_they_are_quantized():
    params = models_of("convolved").initial
    assert DYNAMIC.covered(params) == ["last.weight"]
    assert STATIC.covered(params) == ["conv.weight", "last.weight"]


def test_layers_that_the_library_cannot_quantize_are_one_sentence():
    models = Loop(lambda: mlp(1, 1, hidden=[4]), [0], TASKS["regression"])
    with pytest.raises(
        QuantmiaError, match=r"model: torchao cannot quantize it \(RuntimeError: sh"
    ):
        DYNAMIC.release(models.initial, models, X[:, :1])


class Branching(nn.Module):
    """It cannot be traced."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(FEATURES, 1)

    def forward(self, x):
        return self.last(x) if x.sum() > 0 else -self.last(x)


def test_what_cannot_be_traced_is_one_sentence():
    models = Loop(Branching, [0], TASKS["regression"])
    shown = LayerInputs(models.module(own_of(models, 0)), SHOWN[:1])
    with pytest.raises(QuantmiaError, match=r"model: Branching cannot be traced by torch\.export"):
        STATIC.release(models.initial, models, X, shown)


def test_float64_is_refused():
    models = Loop(lambda: mlp(FEATURES, 1, hidden=[]).double(), [0], TASKS["regression"])
    with pytest.raises(QuantmiaError, match="is float64, and torchao quantizes float32"):
        DYNAMIC.release(models.initial, models, X.double())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ranges": "odd"}, "ranges=odd must be dynamic or static"),
        ({"per": "tensor"}, "per=tensor: one scale an output channel is all there is"),
        ({"scale": "unit"}, "scale: the library decides that itself"),
        ({"bias": True}, "bias: the library decides that itself"),
        ({"ranges": "static", "rows": 1}, "rows=1 must be 2 or more"),
    ],
)
def test_impossible_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        TorchAORuntime(**options)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(QuantmiaError, match=r"torchao is not installed.*quantmia\[torchao\]"):
        TorchAORuntime()
