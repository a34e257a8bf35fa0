import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quantmia.errors import QuantmiaError
from quantmia.quantizers import KMeans, Pruned, Sign, Ternary, Uniform
from quantmia.quantizers.compensated import BLOCK, compensated
from quantmia.quantizers.layers import DAMPING, Given

SCHEMES = [
    Sign(),
    Sign(per="channel"),
    Ternary(sparsity=0.5),
    Ternary(sparsity=0.33, per="channel"),
    Uniform(bits=2),
    Uniform(bits=4, per="channel"),
    KMeans(levels=4),
    Sign(scale="unit"),
]


def layer(runs=2, rows=40, inputs=9, outputs=5, seed=0):
    """Weights and correlated inputs."""
    rng = torch.Generator().manual_seed(seed)
    mixed = torch.randn(runs, inputs, inputs, generator=rng)
    x = torch.randn(runs, rows, inputs, generator=rng) @ mixed
    return torch.randn(runs, outputs, inputs, generator=rng), Given(x)


def plain(scheme, weights, inputs):
    """One weight after another of one run, by the inverse of the second moments and nothing else.

    Optimal brain quantization in a fixed order (Frantar and Alistarh 2022, equations 3 and 4): no
    Cholesky factor, no blocks, no stack.
    """
    w, x = weights.double().numpy(), inputs.double().numpy()
    rows = weights[None].flatten(1) if scheme.per == "tensor" else weights
    own = rows.double().numpy()
    made = scheme.quantize_rows(rows).double().numpy()
    moments = x.T @ x / len(x)
    moments += DAMPING * np.trace(moments) / len(moments) * np.eye(len(moments))
    columns = np.argsort(-np.diag(x.T @ x / len(x)), kind="stable")
    found = np.zeros_like(w)
    for row, values in enumerate(w):
        table = 0 if scheme.per == "tensor" else row
        left, inverse = values.copy(), np.linalg.inv(moments)
        for column in columns:
            nearest = np.argmin(np.abs(own[table] - left[column]))
            found[row, column] = made[table, nearest]
            error = (left[column] - found[row, column]) / inverse[column, column]
            left -= error * inverse[column]
            inverse -= np.outer(inverse[:, column], inverse[column]) / inverse[column, column]
            inverse[column, column] = 1.0  # it is done with, and never looked at again
    return found


def output_error(given, weights, rounded):
    return ((given.inputs @ (weights - rounded).mT) ** 2).sum().item()


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_it_is_what_one_weight_after_another_gives(scheme):
    weights, given = layer()
    found = compensated(scheme, weights, given)
    for run in range(len(weights)):
        expected = plain(scheme, weights[run], given.inputs[run])
        np.testing.assert_allclose(found[run].numpy(), expected, atol=1e-5)


def test_so_it_is_over_several_blocks_of_columns_with_fewer_rows_than_columns():
    weights, given = layer(runs=1, rows=50, inputs=2 * BLOCK + 7, outputs=3)
    found = compensated(Ternary(), weights, given)[0]
    expected = plain(Ternary(), weights[0], given.inputs[0])
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_outputs_are_nearer_to_those_of_the_weights_than_rounding_alone_makes_them(scheme):
    weights, given = layer(runs=4, rows=300, inputs=40, outputs=8)
    alone = scheme({"w": weights})["w"]
    ours = output_error(given, weights, compensated(scheme, weights, given))
    assert ours < 0.8 * output_error(given, weights, alone)


@given(st.integers(0, 999), st.sampled_from(SCHEMES), st.integers(2, 30))
def test_every_weight_is_of_the_codebook_that_the_scheme_makes(seed, scheme, rows):
    weights, given = layer(rows=rows, seed=seed)
    found, alone = compensated(scheme, weights, given), scheme({"w": weights})["w"]
    if scheme.per == "tensor":
        found, alone = found.flatten(1), alone.flatten(1)
    else:
        found, alone = found.flatten(0, 1), alone.flatten(0, 1)
    for own, values in zip(found, alone, strict=True):
        assert set(own.tolist()) <= set(values.tolist())


@given(st.integers(0, 999), st.sampled_from(SCHEMES))
def test_runs_do_not_depend_on_each_other(seed, scheme):
    weights, given = layer(runs=3, seed=seed)
    together = compensated(scheme, weights, given)
    alone = [
        compensated(scheme, weights[run][None], Given(given.inputs[run][None])) for run in range(3)
    ]
    torch.testing.assert_close(together, torch.cat(alone))


def test_what_is_given_independent_inputs_is_only_rounded():
    weights, _ = layer(rows=9)
    given = Given(torch.eye(9).expand(2, 9, 9))
    assert torch.equal(
        compensated(Uniform(bits=3), weights, given), Uniform(bits=3)({"w": weights})["w"]
    )


def test_inputs_that_are_always_zero_do_no_harm():
    weights, given = layer()
    given.inputs[:, :, 3] = 0
    assert torch.isfinite(compensated(Sign(), weights, given)).all()
    given.inputs[:] = 0
    found = compensated(Sign(), weights, Given(given.inputs.clone()))
    assert torch.equal(found, Sign()({"w": weights})["w"])


def test_a_scheme_that_looks_at_neighbours_is_refused():
    weights, given = layer(inputs=8)
    scheme = Pruned(structure="two_four", per="channel")
    with pytest.raises(QuantmiaError, match=r"does not round each weight by itself.*compensate=fa"):
        compensated(scheme, weights, given)
