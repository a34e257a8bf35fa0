import sys
from functools import cache
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
from quantmia.quantizers import OnnxRuntime
from quantmia.quantizers.stored import Stored
from quantmia.tasks import TASKS
from tests.quantizers.architectures import FACTORIES, FEATURES, RUNS, models_of

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
runtime = pytest.importorskip("onnxruntime")
quantization = pytest.importorskip("onnxruntime.quantization")

from quantmia.quantizers.exported import exported  # noqa: E402
from quantmia.quantizers.quiet import quiet  # noqa: E402
from quantmia.quantizers.sessions import Settings  # noqa: E402

GENERATOR = torch.Generator().manual_seed(0)


class Branching(nn.Module):
    """It cannot be exported."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(FEATURES, 1)

    def forward(self, x):
        return self.last(x) if x.sum() > 0 else -self.last(x)


X = torch.randn(40, FEATURES, generator=GENERATOR)
SHOWN = torch.randn(RUNS, 25, FEATURES, generator=GENERATOR)


@cache
def by_itself(architecture: str, run: int) -> bytes:
    """A model exported by the library's own call alone."""
    models = models_of(architecture)
    module = models.module({name: value[run] for name, value in models.initial.items()})
    shapes = ({0: torch.export.Dim("n")},)
    with quiet():
        program = torch.onnx.export(
            module, (X[:5],), dynamo=True, dynamic_shapes=shapes, verbose=False
        )
    assert program is not None
    return program.model_proto.SerializeToString()


def by_the_library(architecture: str, run: int, folder: Path, scheme: OnnxRuntime) -> np.ndarray:
    """A model by itself, exported, quantized and asked by the libraries' own calls alone."""
    plain, quantized = folder / "plain.onnx", folder / "quantized.onnx"
    plain.write_bytes(by_itself(architecture, run))
    options = {"per_channel": scheme.per == "channel", "reduce_range": scheme.reduce_range}
    with quiet():
        if scheme.ranges == "dynamic":
            quantization.quantize_dynamic(plain, quantized, **options)
        else:
            unsigned = quantization.QuantType.QUInt8
            reader = Reader(runtime.InferenceSession(plain).get_inputs()[0].name, SHOWN[run])
            quantization.quantize_static(
                plain, quantized, reader, activation_type=unsigned, **options
            )
    session = runtime.InferenceSession(quantized)
    name = session.get_inputs()[0].name
    size = scheme.batch or len(X)
    return np.concatenate([session.run(None, {name: x.numpy()})[0] for x in X.split(size)])


class Reader(quantization.CalibrationDataReader):
    def __init__(self, name: str, rows: torch.Tensor):
        self.batches = iter([{name: rows.numpy()}])

    def get_next(self):
        return next(self.batches, None)


DYNAMIC, STATIC = OnnxRuntime(), OnnxRuntime(ranges="static", batch=None)
CASES = {
    "linear, dynamic": ("linear", DYNAMIC),
    "mlp, dynamic": ("mlp", DYNAMIC),
    "mlp, of the whole batch, 8 bits": ("mlp", OnnxRuntime(batch=None, reduce_range=False)),
    "mlp, a channel, batches": ("mlp", OnnxRuntime(per="channel", batch=7)),
    "mlp, static": ("mlp", STATIC),
    "mlp, static, a channel": ("mlp", OnnxRuntime(ranges="static", per="channel")),
    "normed, dynamic": ("normed", DYNAMIC),
    "normed, static": ("normed", STATIC),
    "convolved, dynamic": ("convolved", DYNAMIC),
    "convolved, static": ("convolved", STATIC),
}


@pytest.mark.parametrize(("architecture", "scheme"), CASES.values(), ids=CASES)
@pytest.mark.slow
def test_it_is_the_librarys_own_call_to_the_last_bit(architecture, scheme, tmp_path):
    models = models_of(architecture)
    rows = LayerInputs(models.module(first_of(models)), SHOWN)
    found = scheme.release(models.initial, models, X, rows)(X)
    for run in range(RUNS):
        expected = by_the_library(architecture, run, tmp_path, scheme)
        np.testing.assert_array_equal(found[run].numpy(), expected)


def first_of(models: Loop) -> dict[str, torch.Tensor]:
    return {name: value[0] for name, value in models.initial.items()}


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(FACTORIES["mlp"], range(RUNS), TASKS["regression"])


def test_an_architecture_is_exported_once_and_filled_with_each_runs_numbers(stack, monkeypatch):
    first = OnnxRuntime().release(stack.initial, stack, X)
    monkeypatch.setattr(torch.onnx, "export", None)
    moved = {name: value + 0.1 for name, value in stack.initial.items()}
    second = OnnxRuntime().release(moved, stack, X)
    assert (first(X) - second(X)).abs().min() > 0
    graph = exported(stack, moved, X)({name: value[1] for name, value in moved.items()})
    with quiet():
        session = runtime.InferenceSession(graph.SerializeToString())
    found = session.run(None, {"x": X.numpy()})[0]
    np.testing.assert_allclose(found, stack(moved, X)[1].numpy(), atol=1e-5)


@pytest.mark.parametrize("ranges", ["dynamic", "static"])
@pytest.mark.parametrize("per", ["tensor", "channel"])
@pytest.mark.parametrize("reduce_range", [False, True])
def test_who_looks_into_models_sees_the_weights_that_they_store(stack, ranges, per, reduce_range):
    scheme = OnnxRuntime(ranges=ranges, per=per, reduce_range=reduce_range)
    rows = LayerInputs(FACTORIES["mlp"](), SHOWN)
    weights = scheme.release(stack.initial, stack, X, rows).weights
    settings = Settings(ranges == "static", per == "channel", reduce_range)
    own = {name: value[1] for name, value in stack.initial.items()}
    model = settings(exported(stack, stack.initial, X)(own), SHOWN[1].numpy())
    stored = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    for name in stack.parameters:
        if not name.endswith("weight"):
            assert torch.equal(weights[name], stack.initial[name])
            continue
        turned = ranges == "dynamic"  # a Gemm becomes a MatMul
        turned_name = f"{name}_Transposed"  # as ONNX Runtime has it since 1.32
        key = turned_name if f"{turned_name}_quantized" in stored else name
        codes, zero, scale = (
            stored[f"{key}_{each}"] for each in ("quantized", "zero_point", "scale")
        )
        if per == "channel" and not turned:
            zero, scale = zero[:, None], scale[:, None]
        expected = (codes.astype(np.float32) - zero.astype(np.float32)) * scale
        found = weights[name][1].numpy()
        np.testing.assert_array_equal(found, expected.T if turned else expected)
        assert np.abs(codes.astype(int)).max() <= (64 if reduce_range else 127)


def test_answers_one_at_a_time_do_not_depend_on_each_other(stack):
    alone, together = (
        OnnxRuntime(batch=batch).release(stack.initial, stack, X) for batch in (1, None)
    )
    assert torch.equal(alone(X)[:, 3:5], alone(X[3:5]))
    assert not torch.equal(together(X)[:, 3:5], together(X[3:5]))


def test_static_ranges_are_those_of_the_runs_own_rows(stack):
    scheme = OnnxRuntime(ranges="static", batch=None)
    rows = LayerInputs(FACTORIES["mlp"](), SHOWN)
    wider = LayerInputs(FACTORIES["mlp"](), torch.cat([SHOWN[:1], SHOWN[1:] * 9]))
    first = scheme.release(stack.initial, stack, X, rows)
    second = scheme.release(stack.initial, stack, X, wider)
    assert torch.equal(first(X)[0], second(X)[0])
    assert not torch.equal(first(X)[1], second(X)[1])
    assert first.fingerprints()[0] == second.fingerprints()[0]
    assert first.fingerprints()[1] != second.fingerprints()[1]
    assert torch.equal(first(X)[:, 3:5], first(X[3:5]))
    with pytest.raises(ValueError, match="static ranges want rows"):
        scheme.release(stack.initial, stack, X)


def test_a_diverged_run_answers_nothing_and_spoils_no_other(stack):
    params = {name: value.clone() for name, value in stack.initial.items()}
    params["0.weight"][1, 0, 0] = torch.nan
    shipped, whole = (OnnxRuntime().release(each, stack, X) for each in (params, stack.initial))
    assert torch.isnan(shipped(X)[1]).all()
    assert torch.equal(shipped(X)[0], whole(X)[0])
    assert shipped.fingerprints()[0] == whole.fingerprints()[0]
    assert shipped.fingerprints()[1] != whole.fingerprints()[1]


def test_a_copy_takes_the_models_of_runs(stack):
    params = {name: value.clone() for name, value in stack.initial.items()}
    first = OnnxRuntime().release(params, stack, X)
    kept, before = first.copy(), first(X)
    for value in params.values():
        value += 0.5
    second = OnnxRuntime().release(params, stack, X)
    kept.take(np.array([1]), second)
    assert torch.equal(kept(X)[0], before[0])
    assert torch.equal(kept(X)[1], second(X)[1])
    assert torch.equal(kept.weights["0.weight"][1], second.weights["0.weight"][1])
    assert torch.equal(first(X), before)


def test_what_it_stores(stack):
    shipped = OnnxRuntime().release(stack.initial, stack, X)
    stored = Stored.of(shipped, OnnxRuntime(), stack.initial, stack)
    weights = 16 * FEATURES + 8 * 16 + 3 * 8
    assert stored.bits == pytest.approx(8 + 3 * 40 / weights)
    assert (stored.sparsity < 0.05).all()
    assert OnnxRuntime().bits_per_activation == 8


def test_what_cannot_be_exported_is_one_sentence():
    models = Loop(Branching, [0], TASKS["regression"])
    with pytest.raises(QuantmiaError, match=r"model: Branching cannot be exported to ONNX \(.*\);"):
        OnnxRuntime().release(models.initial, models, X)


def test_float64_is_refused():
    models = Loop(lambda: mlp(FEATURES, 1, hidden=[]).double(), [0], TASKS["regression"])
    with pytest.raises(QuantmiaError, match="is float64, and ONNX Runtime quantizes float32"):
        OnnxRuntime().release(models.initial, models, X.double())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ranges": "odd"}, "ranges=odd must be dynamic or static"),
        ({"per": "group"}, "per=group: the runtime has one scale a tensor or a channel"),
        ({"scale": "unit"}, "scale: the library decides that itself"),
        ({"bias": True}, "bias: the library decides that itself"),
        ({"batch": 0}, "batch=0 must be 1 or more, or null"),
        ({"ranges": "static", "rows": 1}, "rows=1 must be 2 or more"),
    ],
)
def test_impossible_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        OnnxRuntime(**options)


@pytest.mark.parametrize("missing", OnnxRuntime.packages)
def test_without_a_package_it_says_what_to_install(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(
        QuantmiaError, match=rf"{missing} is not installed.*quantmia\[onnxruntime\]"
    ):
        OnnxRuntime()
