import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike
from torch import nn

from quantmia.models.heads import mlp
from quantmia.models.layers import LayerInputs
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.quantizers import Activations, Calibrated, FullPrecision, Function, Sign, Uniform
from quantmia.quantizers.activations import Rounding
from quantmia.quantizers.stored import Stored
from quantmia.tasks import TASKS

RUNS, FEATURES = 3, 6
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(40, FEATURES, generator=GENERATOR)
SHOWN = torch.randn(RUNS, 25, FEATURES, generator=GENERATOR)
KINDS = [Stack, Loop]


def factory() -> nn.Module:
    return mlp(FEATURES, 2, hidden=[16, 8])


def models_of(kind: type[Stack] | type[Loop], made=factory) -> Stack | Loop:
    return kind(made, range(RUNS), TASKS["regression"])


def by_hand(x: np.ndarray, bits: int, low: ArrayLike, high: ArrayLike) -> np.ndarray:
    """The ONNX operators' own words: DynamicQuantizeLinear, QuantizeLinear, DequantizeLinear."""
    largest = np.float32(2**bits - 1)
    low = np.minimum(np.asarray(low, np.float32), 0)
    high = np.maximum(np.asarray(high, np.float32), 0)
    scale = (high - low) / largest
    scale = np.where(scale == 0, np.float32(1), scale)
    zero = np.clip(np.rint(-low / scale), 0, largest)
    codes = np.clip(np.rint(x / scale) + zero, 0, largest)
    assert set(np.unique(codes)) <= set(range(2**bits))
    return (codes - zero) * scale


ROWS = {
    "both signs": torch.randn(5, 30, generator=GENERATOR),
    "positive, far from zero": torch.rand(5, 30, generator=GENERATOR) + 3,
    "negative": -torch.rand(5, 30, generator=GENERATOR) - 0.1,
    "zeros": torch.zeros(5, 30),
    "one number": torch.full((5, 30), -2.0),
    "halves": torch.arange(-60, 90).reshape(5, 30) / 2.0,
    "an outlier": torch.cat([torch.randn(5, 29, generator=GENERATOR), torch.full((5, 1), 1e4)], 1),
}


@pytest.mark.parametrize("bits", [2, 4, 6, 8])
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_rounding_is_that_of_affine_integers(rows, bits):
    x = rows.numpy()
    expected = by_hand(x, bits, x.min(1, keepdims=True), x.max(1, keepdims=True))
    np.testing.assert_array_equal(Rounding(bits)(rows).numpy(), expected)
    expected = by_hand(x, bits, x.min(keepdims=True), x.max(keepdims=True))
    np.testing.assert_array_equal(Rounding(bits, of_rows=False)(rows).numpy(), expected)
    ends = torch.tensor([-0.5, 1.25])
    expected = by_hand(x, bits, np.float32(-0.5), np.float32(1.25))
    np.testing.assert_array_equal(Rounding(bits)(rows, ends).numpy(), expected)


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_of_a_tensor_it_is_the_runtimes_own_operator(rows):
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    node, number = onnx.helper.make_node, onnx.TensorProto.FLOAT
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["codes", "scale", "zero"]),
        node("DequantizeLinear", ["codes", "scale", "zero"], ["y"]),
    ]
    ends = [onnx.helper.make_tensor_value_info(name, number, [None, 30]) for name in "xy"]
    graph = onnx.helper.make_graph(nodes, "rounded", ends[:1], ends[1:])
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9
    )
    session = runtime.InferenceSession(model.SerializeToString())
    expected = session.run(None, {"x": rows.numpy()})[0]
    np.testing.assert_array_equal(Rounding(8, of_rows=False)(rows).numpy(), expected)


def plain(params: dict[str, torch.Tensor], run: int, scheme: Activations) -> np.ndarray:
    """A run's answers, layer by layer in NumPy."""
    names = [name.removesuffix(".weight") for name in params if name.endswith(".weight")]
    weights = scheme.scheme(params)

    def layer(name: str, x: np.ndarray, of: dict[str, torch.Tensor]) -> np.ndarray:
        return x @ of[f"{name}.weight"][run].numpy().T + of[f"{name}.bias"][run].numpy()

    x, shown = X.numpy(), SHOWN[run].numpy()
    for number, name in enumerate(names):
        if scheme.ranges == "row":
            low, high = x.min(1, keepdims=True), x.max(1, keepdims=True)
        else:
            given = x if scheme.ranges == "tensor" else shown
            low, high = given.min(), given.max()
        x = layer(name, by_hand(x, scheme.bits, low, high), weights)
        shown = layer(name, shown, params)  # ranges are those of full precision
        if number < len(names) - 1:
            x, shown = np.maximum(x, 0), np.maximum(shown, 0)
    return x


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", [4, 6, 8])
@pytest.mark.parametrize("ranges", ["row", "tensor", "static"])
@pytest.mark.parametrize("inner", [FullPrecision(), Uniform(bits=4)], ids=["full", "uniform"])
def test_models_answer_as_a_plain_loop_does(kind, bits, ranges, inner):
    models, scheme = models_of(kind), Activations(scheme=inner, bits=bits, ranges=ranges)
    shipped = scheme.release(models.initial, models, X, LayerInputs(factory(), SHOWN))
    found = shipped(X).numpy()
    for run in range(RUNS):
        expected = plain(models.initial, run, scheme)
        # A number on the edge between two codes may fall to either side.
        close = np.isclose(found[run], expected, atol=1e-5).all(1)
        assert close.mean() >= 0.95
    assert all(
        torch.equal(shipped.weights[name], value) for name, value in inner(models.initial).items()
    )


class Tokens(nn.Module):
    """Several rows a sample, and a weight that is used twice."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(2, 4), nn.Linear(4, 1)
        self.second, self.third = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
        self.third.weight = self.second.weight

    def forward(self, x):
        x = self.second(self.first(input=x.unflatten(1, (-1, 2))).relu())
        return self.last(self.third(x)).mean(1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ranges", ["row", "static"])
def test_no_answer_depends_on_its_batch(kind, ranges):
    models = models_of(kind, Tokens)
    # Weights of a few values would put sums on the very edge between two codes, where the order in
    # which a matrix product adds up decides.
    scheme = Activations(scheme=FullPrecision(), bits=4, ranges=ranges)
    shipped = scheme.release(models.initial, models, X, LayerInputs(Tokens(), SHOWN))
    assert torch.allclose(shipped(X)[:, 3:9], shipped(X[3:9]), atol=1e-6)
    assert not torch.allclose(shipped(X), models(scheme(models.initial), X))


def test_of_a_tensor_an_answer_does():
    models = models_of(Stack)
    scheme = Activations(scheme=FullPrecision(), ranges="tensor")
    shipped = scheme.release(models.initial, models, X)
    assert not torch.allclose(shipped(X)[:, 3:9], shipped(X[3:9]), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_without_a_static_range_is_left_alone(kind):
    models = models_of(kind, Tokens)
    rows = LayerInputs(Tokens(), SHOWN)
    given = rows.beside(models.initial)(models.initial)
    assert {layer.weight for layer in given} == {"first.weight", "last.weight"}
    scheme = Activations(scheme=FullPrecision(), bits=3, ranges="static")
    found = scheme.release(models.initial, models, X, rows)(X)
    for run in range(RUNS):
        module = models.module({name: value[run] for name, value in models.initial.items()})
        for layer in given:
            ends = given[layer].inputs[run]
            hooked = module.get_submodule(layer.weight.removesuffix(".weight"))

            def hook(_, args, kwargs, ends=ends):
                x = args[0] if args else kwargs["input"]
                low, high = (end(ends.numpy()) for end in (np.min, np.max))
                return (torch.from_numpy(by_hand(x.numpy(), 3, low, high)),), {}

            hooked.register_forward_pre_hook(hook, with_kwargs=True)
        with torch.no_grad():
            expected = module(X)
        assert torch.isclose(found[run], expected, atol=1e-5).float().mean() >= 0.95


def test_training_and_plain_evaluation_are_left_as_they_were():
    models = models_of(Stack)
    before = models(models.initial, X)
    shipped = Activations(scheme=FullPrecision(), bits=2).release(models.initial, models, X)
    assert not torch.allclose(shipped(X), before, atol=1e-2)
    assert torch.equal(models(models.initial, X), before)
    four = Activations(scheme=FullPrecision(), bits=4).release(models.initial, models, X)
    assert not torch.equal(four(X), shipped(X))


def test_a_copy_takes_weights_and_ranges_of_runs():
    models, scheme = models_of(Stack), Activations(scheme=Sign(), ranges="static")
    params = {name: value.clone() for name, value in models.initial.items()}
    first = scheme.release(params, models, X, LayerInputs(factory(), SHOWN))
    wider = scheme.release(params, models, X, LayerInputs(factory(), SHOWN * 3))
    assert not set(first.fingerprints()) & set(wider.fingerprints())
    kept = first.copy()
    kept.take(np.array([2]), wider)
    assert torch.equal(kept(X)[:2], first(X)[:2])
    assert torch.equal(kept(X)[2], wider(X)[2])
    assert kept.fingerprints() == [*first.fingerprints()[:2], wider.fingerprints()[2]]


def test_a_scheme_that_looks_at_data_is_shown_its_rows():
    models, rows = models_of(Stack), LayerInputs(factory(), SHOWN)
    inner = Calibrated(scheme=Sign())
    scheme = Activations(scheme=inner)
    assert scheme.looks_at == ("members", 512)
    shipped = scheme.release(models.initial, models, X, rows)
    expected = inner.release(models.initial, models, X, rows)
    for name, value in expected.weights.items():
        assert torch.equal(shipped.weights[name], value)
    stored, its = (
        Stored.of(each, quantizer, models.initial, models, rows)
        for each, quantizer in ((shipped, scheme), (expected, inner))
    )
    assert stored.bits == its.bits
    assert scheme.bits_per_activation == 8
    assert inner.bits_per_activation == 32


@pytest.mark.parametrize("ranges", ["row", "tensor"])
def test_a_diverged_run_spoils_no_other(ranges):
    models, scheme = models_of(Stack), Activations(scheme=Sign(), ranges=ranges)
    params = {name: value.clone() for name, value in models.initial.items()}
    whole = scheme.release(params, models, X)(X)
    params["0.weight"][1] = torch.nan
    found = scheme.release(params, models, X)(X)
    assert torch.isnan(found[1]).all()
    assert torch.equal(found[[0, 2]], whole[[0, 2]])


# Of the spread of answers. Static ranges of the runtime are also those of outputs and biases.
DRIFT = {"dynamic": 1e-4, "static": 0.02}


@pytest.mark.parametrize("ranges", DRIFT)
def test_onnx_runtime_answers_nearly_the_same(ranges):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    from quantmia.quantizers import OnnxRuntime

    theirs = OnnxRuntime(ranges=ranges)
    weights = Function(function=theirs.quantize_rows, bits=8)
    ours = Activations(scheme=weights, ranges="row" if ranges == "dynamic" else "static")
    models, rows = models_of(Stack), LayerInputs(factory(), SHOWN)
    found, expected, full = (
        each.release(models.initial, models, X, rows)(X) for each in (ours, theirs, FullPrecision())
    )
    drift = (found - expected).square().mean().sqrt() / expected.std()
    rounding = (full - expected).square().mean().sqrt() / expected.std()
    assert drift < DRIFT[ranges]
    assert drift < rounding


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ranges": "odd"}, "ranges=odd must be row, tensor or static"),
        ({"bits": 1}, "bits=1 must lie in 2..8"),
        ({"bits": 9}, "bits=9 must lie in 2..8"),
        ({"per": "channel"}, r"per: set scheme\.per"),
        ({"ranges": "static", "rows": 1}, "rows=1 must be 2 or more"),
        ({"scheme": Activations(scheme=Sign())}, "scheme: rounds activations itself"),
        (
            {"scheme": Calibrated(scheme=Sign(), rows=9), "ranges": "static"},
            r"rows=512, source=members: the scheme looks at other rows \(\('members', 9\)\)",
        ),
    ],
)
def test_impossible_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Activations(**{"scheme": Sign()} | options)


def test_static_ranges_want_rows():
    models = models_of(Stack)
    with pytest.raises(ValueError, match="static ranges want rows"):
        Activations(scheme=Sign(), ranges="static").release(models.initial, models, X)
