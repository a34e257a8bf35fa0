import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from quantmia.errors import QuantmiaError
from quantmia.models.heads import mlp
from quantmia.models.layers import LayerInputs
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.quantizers import Calibrated, OpenVino, Quantizer, Uniform, contract
from quantmia.quantizers.layers import Linear
from quantmia.quantizers.openvino_runtime import Method
from quantmia.quantizers.stored import Stored
from quantmia.tasks import TASKS
from tests.quantizers.architectures import FACTORIES, FEATURES, RUNS, models_of

# Not the packages by themselves, which would send home every call of the tests.
pytest.importorskip("quantmia.quantizers.untracked")
pytest.importorskip("onnxscript")

from quantmia.quantizers.quiet import quiet  # noqa: E402
from quantmia.quantizers.untracked import nncf, openvino  # noqa: E402

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(40, FEATURES, generator=GENERATOR)
SHOWN = torch.randn(RUNS, 25, FEATURES, generator=GENERATOR)
METHODS: list[Method] = ["quantize", "compress", "awq", "gptq"]
INT4 = METHODS[1:]


def by_the_library(file: Path, run: int, method: str) -> np.ndarray:
    """An exported model by itself, quantized and asked by the libraries' own calls alone."""
    rows = SHOWN[run].numpy()
    options: dict[str, Any] = {
        "mode": nncf.CompressWeightsMode.INT4_SYM,
        "ratio": 1.0,
        "group_size": -1,
    }
    options |= {"all_layers": True}
    one_by_one = nncf.Dataset([row[None] for row in rows])
    with quiet():
        model = openvino.convert_model(file)
        if method == "quantize":
            advanced = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE)
            model = nncf.quantize(model, nncf.Dataset([rows]), advanced_parameters=advanced)
        elif method == "compress":
            model = nncf.compress_weights(model, **options)
        else:
            options |= {method: True}
            model = nncf.compress_weights(model, **options, dataset=one_by_one)
    one_thread = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    return openvino.compile_model(model, "CPU", one_thread)(X.numpy())[0]


@pytest.mark.parametrize("architecture", FACTORIES)
@pytest.mark.slow
def test_it_is_the_librarys_own_call_to_the_last_bit(architecture, tmp_path, capsys):
    models = models_of(architecture)
    rows = LayerInputs(FACTORIES[architecture](), SHOWN)
    files = []
    for run in range(RUNS):
        module = models.module({name: value[run] for name, value in models.initial.items()})
        files.append(tmp_path / f"{run}.onnx")
        with quiet():
            torch.onnx.export(
                module, (X[:5],), files[-1], dynamo=True, verbose=False, external_data=False,
                dynamic_shapes=({0: torch.export.Dim("n")},),
            )  # fmt: skip
    capsys.readouterr()
    for method in METHODS:
        shipped = OpenVino(method=method).release(models.initial, models, X, rows)
        found = shipped(X)
        assert capsys.readouterr() == ("", "")
        for run, file in enumerate(files):
            np.testing.assert_array_equal(found[run].numpy(), by_the_library(file, run, method))
        capsys.readouterr()
        if method == "compress" and architecture != "convolved":
            plain = models(shipped.weights, X)
            torch.testing.assert_close(plain, found, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(FACTORIES["mlp"], range(RUNS), TASKS["regression"])


@pytest.fixture(scope="module")
def rows() -> LayerInputs:
    return LayerInputs(FACTORIES["mlp"](), SHOWN)


@pytest.mark.parametrize("method", INT4)
@pytest.mark.parametrize("hidden", [[], [16, 8], [64]])
@pytest.mark.slow
def test_a_plain_forward_with_the_weights_of_int4_gives_the_runtimes_answers(method, hidden):
    stack = Stack(lambda: mlp(FEATURES, 1, hidden=hidden), range(RUNS), TASKS["regression"])
    rows = LayerInputs(mlp(FEATURES, 1, hidden=hidden), SHOWN)
    shipped = OpenVino(method=method).release(stack.initial, stack, X, rows)
    torch.testing.assert_close(stack(shipped.weights, X), shipped(X), rtol=0, atol=2e-6)
    plain = stack(stack.initial, X)
    assert (shipped(X) - plain).abs().amax((1, 2)).min() > 1e-3
    for name in stack.parameters:
        moved = (shipped.weights[name] - stack.initial[name]).abs().amax(-1)
        assert bool((moved > 0).all()) == name.endswith("weight")  # small heads too, and no bias
        if name.endswith("weight") and method != "awq":  # which scales what weights are given
            assert max(len(each.unique()) for each in shipped.weights[name].flatten(0, 1)) <= 16


@pytest.mark.slow
def test_int8_rounds_activations_and_corrects_biases(stack, rows):
    shipped = OpenVino().release(stack.initial, stack, X, rows)
    plain, weights = stack(stack.initial, X), stack(shipped.weights, X)
    size = plain.abs().max()
    assert 1e-3 * size < (shipped(X) - weights).abs().max() < 0.1 * size
    assert (shipped(X) - plain).abs().max() < 0.1 * size
    assert (shipped.weights["0.bias"] != stack.initial["0.bias"]).any()
    codes = [len(each.unique()) for each in shipped.weights["0.weight"].flatten(0, 1)]
    assert max(codes) <= 128


@pytest.mark.parametrize("method", ["quantize", "gptq"])
@pytest.mark.slow
def test_each_run_is_shown_its_own_rows(stack, method):
    scheme = OpenVino(method=method)
    changed = torch.cat([SHOWN[:1], SHOWN[1:] * torch.arange(1, FEATURES + 1)])
    first, second = (
        scheme.release(stack.initial, stack, X, LayerInputs(FACTORIES["mlp"](), shown))
        for shown in (SHOWN, changed)
    )
    assert torch.equal(first(X)[0], second(X)[0])
    assert not torch.equal(first(X)[1], second(X)[1])
    assert first.fingerprints()[0] == second.fingerprints()[0]
    assert first.fingerprints()[1] != second.fingerprints()[1]
    assert torch.equal(first(X)[:, 3:5], first(X[3:5]))
    with pytest.raises(ValueError, match=f"method={method} wants rows of data"):
        scheme.release(stack.initial, stack, X)


@pytest.mark.parametrize("method", ["quantize", "compress"])
@pytest.mark.slow
def test_a_diverged_run_answers_nothing_and_spoils_no_other(stack, rows, method):
    params = {name: value.clone() for name, value in stack.initial.items()}
    params["0.weight"][1, 0, 0] = torch.nan
    scheme = OpenVino(method=method)
    shipped, whole = (scheme.release(each, stack, X, rows) for each in (params, stack.initial))
    assert torch.isnan(shipped(X)[1]).all()
    assert torch.equal(shipped(X)[0], whole(X)[0])
    assert shipped.fingerprints()[0] == whole.fingerprints()[0]
    assert shipped.fingerprints()[1] != whole.fingerprints()[1]
    diverged = torch.tensor([[1.0, torch.nan], [1.0, 2.0]])
    assert torch.isnan(scheme.quantize_rows(diverged)).sum() == 1


@pytest.mark.slow
def test_a_copy_takes_the_models_of_runs(stack):
    params = {name: value.clone() for name, value in stack.initial.items()}
    first = OpenVino(method="compress").release(params, stack, X)
    kept, before = first.copy(), first(X)
    for value in params.values():
        value += 0.5 * torch.rand(value.shape, generator=GENERATOR)
    second = OpenVino(method="compress").release(params, stack, X)
    kept.take(np.array([1]), second)
    assert torch.equal(kept(X)[0], before[0])
    assert torch.equal(kept(X)[1], second(X)[1])
    assert torch.equal(kept.weights["0.weight"][1], second.weights["0.weight"][1])


@pytest.mark.slow
def test_what_it_stores(stack, rows):
    weights, channels = 16 * FEATURES + 8 * 16 + 3 * 8, 16 + 8 + 3
    cases: list[tuple[Method, int, int]] = [("compress", 4, 16), ("quantize", 8, 32)]
    for method, bits, scale in cases:
        scheme = OpenVino(method=method)
        shipped = scheme.release(stack.initial, stack, X, rows)
        stored = Stored.of(shipped, scheme, stack.initial, stack)
        assert stored.bits == pytest.approx(bits + channels * scale / weights)
    assert OpenVino().bits_per_activation == 8
    assert OpenVino(method="gptq").bits_per_activation == 32


@pytest.mark.parametrize("method", ["quantize", "compress"])
@pytest.mark.slow
def test_it_keeps_every_law_that_is_required(method, monkeypatch):
    hardest = ("a single weight a row", "zeros", "one outlier", "very small weights")
    chosen = [each for each in contract.examples() if each[0] in hardest]
    monkeypatch.setattr(contract, "examples", lambda: chosen)
    found = list(contract.verdicts(OpenVino(method=method)))
    assert [(rule.law, why) for rule, why in found if rule.required and why] == []


def error_of_outputs(scheme: Quantizer, stack: Stack, shown: LayerInputs) -> float:
    """Of a layer, on the rows that it was shown, of all runs: the sum of squares."""
    weights = scheme.release(stack.initial, stack, shown.rows[0], shown).weights["0.weight"]
    moved = (weights - stack.initial["0.weight"]) @ shown.rows.mT
    return float(moved.square().sum())


@pytest.mark.slow
def test_our_gptq_spoils_a_layers_outputs_no_more_than_the_librarys():
    """On its own grid, and on ours, whose 16 values reach as far on both sides of zero.

    NNCF adds a tenth of the mean second moment of inputs to all of them, and goes through columns
    as they stand; ours adds a hundredth, and begins with the largest.
    """
    stack = Stack(lambda: nn.Sequential(nn.Linear(64, 32)), range(RUNS), TASKS["regression"])
    shown = torch.randn(RUNS, 128, 16, generator=GENERATOR) @ torch.randn(
        16, 64, generator=GENERATOR
    ) + 0.3 * torch.randn(RUNS, 128, 64, generator=GENERATOR)
    rows = LayerInputs(nn.Sequential(nn.Linear(64, 32)), shown)
    plain: dict[str, Any] = {"rescale": False, "refit": False}
    theirs = error_of_outputs(OpenVino(method="gptq"), stack, rows)
    rounded = error_of_outputs(OpenVino(method="compress"), stack, rows)
    on_their_grid = Calibrated(scheme=OpenVino(method="compress"), **plain)
    on_ours = Calibrated(scheme=Uniform(bits=4, per="channel"), **plain)
    assert theirs < rounded / 2
    assert error_of_outputs(on_their_grid, stack, rows) <= 1.05 * theirs
    assert error_of_outputs(on_ours, stack, rows) <= 1.05 * theirs
    assert list(rows(stack.initial)) == [Linear("0.weight", "0.bias")]


def test_float64_is_refused():
    models = Loop(lambda: mlp(FEATURES, 1, hidden=[]).double(), [0], TASKS["regression"])
    with pytest.raises(QuantmiaError, match="is float64, and OpenVINO quantizes float32"):
        OpenVino(method="compress").release(models.initial, models, X.double())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "odd"}, "method=odd must be quantize, compress, awq or gptq"),
        ({"per": "tensor"}, "per=tensor: one scale an output channel is all there is"),
        ({"scale": "unit"}, "scale: the library decides that itself"),
        ({"group_size": 16}, "group_size: the library decides that itself"),
        ({"bias": True}, "bias: the library decides that itself"),
        ({"rows": 1}, "rows=1 must be 2 or more"),
    ],
)
def test_impossible_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        OpenVino(**options)


@pytest.mark.parametrize("missing", OpenVino.packages)
def test_without_a_package_it_says_what_to_install(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(QuantmiaError, match=rf"{missing} is not installed.*quantmia\[openvino\]"):
        OpenVino()


AUDITED = """
import sys
heard = []
def hook(event, args):
    if event.startswith("socket.") or event in ("subprocess.Popen", "os.posix_spawn", "os.fork"):
        heard.append((event, args))
sys.addaudithook(hook)
import torch
from quantmia.models.heads import mlp
from quantmia.models.layers import LayerInputs
from quantmia.models.stack import Stack
from quantmia.quantizers import OpenVino
from quantmia.tasks import TASKS
stack = Stack(lambda: mlp(6, 1, hidden=[4]), [0], TASKS["regression"])
rows = LayerInputs(mlp(6, 1, hidden=[4]), torch.randn(1, 25, 6))
heard.clear()
for method in ("quantize", "gptq"):
    OpenVino(method=method).release(stack.initial, stack, torch.randn(5, 6), rows)
assert "openvino_telemetry" not in sys.modules
print(heard)
"""


@pytest.mark.slow
def test_nothing_is_sent_and_nothing_is_printed(tmp_path):
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", AUDITED],
        env={key: value for key, value in os.environ.items() if key != "CI"}
        | {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.stdout, found.stderr) == ("[]\n", "")
    assert not (tmp_path / "intel").exists()  # where an identifier would be
