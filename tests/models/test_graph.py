import re
import subprocess
import sys
import weakref

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from quantmia.errors import QuantmiaError
from quantmia.models.graph import _record, capture

W, B = torch.randn(3, 5, 4), torch.randn(3, 5)
X, Y = torch.randn(3, 7, 4), torch.randn(3, 7, 5)


def captured_operations(graph) -> list[str]:
    """Their names, as `add_tensor` for `aten.add.Tensor`."""
    nodes = graph.__self__.graph.nodes
    return [re.sub(r"_\d+$", "", n.name) for n in nodes if n.op == "call_function"]


def gradient(loss):
    skeleton = nn.Linear(4, 5)

    def function(w, b, x, y):
        return loss(functional_call(skeleton, {"weight": w, "bias": b}, (x,)), y)

    return vmap(grad(function, argnums=(0, 1)))


@pytest.mark.parametrize(
    "loss",
    [
        nn.functional.mse_loss,
        nn.functional.l1_loss,
        nn.functional.binary_cross_entropy_with_logits,
        lambda output, y: (torch.zeros_like(output).cumsum(0) + output * y).relu().mean(),
    ],
)
def test_a_captured_gradient_is_the_gradient_for_other_values_too(loss):
    function = gradient(loss)
    graph = capture(function, (W, B, X, Y.sigmoid()), "Linear")
    for _ in range(3):
        args = torch.randn_like(W), torch.randn_like(B), torch.randn_like(X), torch.rand_like(Y)
        for got, expected in zip(graph(*args), function(*args), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


def test_biases_are_fused_and_constants_computed_once():
    names = captured_operations(capture(gradient(nn.functional.mse_loss), (W, B, X, Y), "Linear"))
    assert "baddbmm_default" in names
    assert not {"add_tensor", "ones_like_default", "expand_default"} & set(names)


def test_a_loss_that_writes_into_its_own_memory_is_simplified_too():
    loss = nn.functional.binary_cross_entropy_with_logits
    args = W, B, X, Y.sigmoid()
    graph = capture(gradient(loss), args, "Linear")
    names = captured_operations(graph)
    assert not [name for name in names if name.endswith("__default")]
    assert not {"log_default", "mean_dim", "ones_like_default", "clone_default"} & set(names)
    for got, expected in zip(graph(*args), gradient(loss)(*args), strict=True):
        assert torch.equal(got, expected)


def test_what_is_computed_twice_is_computed_once():
    graph = capture(lambda x: (x.exp() + x.exp(), x.exp() * 1.5), (X,), "")
    assert captured_operations(graph).count("exp_default") == 1
    once, more = graph(X)
    assert torch.equal(once, 2 * X.exp())
    assert torch.equal(more, 1.5 * X.exp())


def test_what_is_written_where_a_view_looks_is_kept():
    def function(x):
        total = x * 2
        first = total[:, 0]
        total += 1
        other = first.clone()
        first -= x[:, 0]
        return total, first, other

    graph = capture(function, (X,), "")
    for x in (X, torch.randn_like(X)):
        for got, expected in zip(graph(x), function(x), strict=True):
            assert torch.equal(got, expected)


def test_capturing_imports_neither_the_compiler_nor_sympy():
    script = """
import sys, torch
from torch import nn
from quantmia.models.stack import Stack
from quantmia.tasks import TASKS
layers = lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
for task in ("regression", "binary"):
    stack = Stack(layers, range(2), TASKS[task])
    stack.gradients(stack.initial, torch.randn(2, 5, 4), torch.zeros(2, 5))
assert not {"torch._dynamo", "sympy"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_product_that_is_needed_elsewhere_is_not_fused():
    def function(b, x, w):
        product = torch.bmm(x, w)
        return b + product, product.square()

    args = torch.randn(3, 1, 5), torch.randn(3, 7, 4), torch.randn(3, 4, 5)
    graph = capture(function, args, "")
    for got, expected in zip(graph(*args), function(*args), strict=True):
        assert torch.equal(got, expected)


@pytest.mark.parametrize("shape", [(9, 3, 7, 5), (2, 1, 1, 1)])
def test_a_bias_larger_than_the_product_is_added(shape):
    def function(b, x, w):
        return b + torch.bmm(x, w)

    args = torch.randn(shape), torch.randn(3, 7, 4), torch.randn(3, 4, 5)
    assert torch.equal(capture(function, args, "")(*args), function(*args))


def test_a_scaled_sum_is_not_taken_for_a_bias():
    def function(b, x, w):
        return torch.add(b, torch.bmm(x, w), alpha=2)

    args = torch.randn(3, 1, 5), torch.randn(3, 7, 4), torch.randn(3, 4, 5)
    assert torch.equal(capture(function, args, "")(*args), function(*args))


def test_what_is_written_into_starts_afresh_every_time():
    def function(x):
        total = torch.zeros_like(x)
        total += x
        doubled = x * 1
        doubled += x
        return total, doubled

    graph = capture(vmap(function), (X,), "")
    for _ in range(3):
        x = torch.randn_like(X)
        given = x.clone()
        total, doubled = graph(x)
        assert torch.equal(x, given)
        assert torch.equal(total, x)
        assert torch.equal(doubled, 2 * x)


def test_what_was_there_before_is_kept_as_it_is():
    scale, labels = torch.tensor(3.0), torch.arange(4)

    def function(x):
        picked = nn.functional.one_hot(labels, num_classes=4).to(x.dtype)
        return x * scale @ picked, [torch.tensor([1.0, 2.0, 3.0, 4.0]) + x, {"x": (x, 1)}]

    graph = capture(function, (X[0],), "")
    for _ in range(2):
        x = torch.randn_like(X[0])
        product, (total, rest) = graph(x)
        assert torch.equal(product, 3 * x)
        assert torch.equal(total, torch.tensor([1.0, 2.0, 3.0, 4.0]) + x)
        assert rest["x"] == (x, 1)


def test_it_notes_what_pytorch_s_own_tracer_does():
    from torch.fx.experimental.proxy_tensor import make_fx

    model = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 5))
    names = [name for name, _ in model.named_parameters()]
    leaves = [torch.stack([each.detach()] * 3) for each in model.parameters()]

    def loss(leaves, x, y):
        output = functional_call(model, dict(zip(names, leaves, strict=True)), (x,))
        return nn.functional.cross_entropy(output, y.argmax(1))

    def function(*args):
        return vmap(grad(loss))(list(args[:-2]), *args[-2:])

    ours, theirs = _record(function, (*leaves, X, Y)), make_fx(function)(*leaves, X, Y)
    assert [node.target for node in ours.graph.nodes if node.op == "call_function"] == [
        node.target for node in theirs.graph.nodes if node.op == "call_function"
    ]


def test_what_branches_on_values_is_refused_by_name():
    def function(x):
        return x if x.sum() > 0 else -x

    with pytest.raises(QuantmiaError, match="Chooser"):
        capture(vmap(function), (X,), "Chooser")


def test_it_holds_no_tensor_of_the_example():
    alive = []

    def function(x):
        for _ in range(5):
            x = x + 1
            alive.append(weakref.ref(x))
        return x

    def looked(x):
        y = function(x)
        assert [each() is not None for each in alive] == [False] * 4 + [True]
        return y

    capture(looked, (X,), "")
