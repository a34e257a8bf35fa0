from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn.utils import prune

from quantmia.cli.overrides import composed
from quantmia.quantizers import Pruned, make
from quantmia.quantizers.contract import verdicts

NUMBERS = st.one_of(st.floats(-9, 9, width=32, allow_subnormal=False), st.sampled_from([0.0, 0.5]))
STACKS = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 13)),
    elements=NUMBERS,
)
SCHEMES = [
    Pruned(),
    Pruned(sparsity=0.9, per="channel"),
    Pruned(sparsity=0.0),
    Pruned(structure="two_four", per="channel"),
    Pruned(structure="inputs"),
    Pruned(structure="inputs", sparsity=0.33),
]


def weights(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@given(STACKS, st.sampled_from(SCHEMES))
def test_what_is_kept_is_kept_as_it_is_and_twice_is_once(values, scheme):
    given = {"weight": torch.tensor(values)}
    once = scheme(given)["weight"]
    assert bool(((once == given["weight"]) | (once == 0)).all())
    assert torch.equal(scheme({"weight": once})["weight"], once)


@given(STACKS, st.sampled_from(SCHEMES))
def test_runs_do_not_depend_on_each_other(values, scheme):
    stack = torch.tensor(values)
    together = scheme({"weight": stack})["weight"]
    alone = torch.cat([scheme({"weight": run[None]})["weight"] for run in stack])
    assert torch.equal(together, alone)


@pytest.mark.parametrize(
    ("structure", "by_torch"),
    [
        ("weights", lambda layer: prune.l1_unstructured(layer, "weight", amount=0.5)),
        ("inputs", lambda layer: prune.ln_structured(layer, "weight", amount=0.5, n=2, dim=1)),
    ],
)
def test_it_is_what_pytorch_prunes(structure, by_torch: Callable):
    stack = weights(3, 6, 10)
    found = Pruned(structure=structure)({"weight": stack})["weight"]
    for run, mine in zip(stack, found, strict=True):
        layer = torch.nn.Linear(10, 6)
        with torch.no_grad():
            layer.weight.copy_(run)
        by_torch(layer)
        torch.testing.assert_close(mine, layer.weight.detach())


def test_of_every_four_neighbours_of_an_output_the_two_largest_are_kept():
    stack = weights(2, 3, 10)
    found = Pruned(structure="two_four", per="channel")({"weight": stack})["weight"]
    for was, now in zip(stack.flatten(0, 1), found.flatten(0, 1), strict=True):
        for first in (0, 4):
            own = now[first : first + 4]
            kept = set(own.nonzero().flatten().tolist())
            assert kept == set(was[first : first + 4].abs().argsort()[2:].tolist())
        assert torch.equal(now[8:], was[8:])  # no four


def test_kernels_lose_whole_input_channels():
    found = Pruned(structure="inputs")({"weight": weights(2, 3, 4, 2, 2)})["weight"]
    gone = (found == 0).flatten(3).all(3).all(1)
    assert gone.sum(1).tolist() == [2, 2]
    assert (found != 0).sum() == 2 * 3 * 2 * 4


def test_biases_have_no_inputs():
    bias = weights(2, 6)
    assert torch.equal(Pruned(structure="inputs", bias=True)({"bias": bias})["bias"], bias)
    assert (Pruned(bias=True)({"bias": bias})["bias"] == 0).sum() == 6


@pytest.mark.parametrize(
    ("scheme", "bits"), [(SCHEMES[0], 17), (SCHEMES[3], 17), (SCHEMES[4], 16), (SCHEMES[1], 4.2)]
)
def test_bits_are_of_what_is_kept_and_of_where_it_is(scheme, bits):
    assert scheme.stored_bits({"weight": weights(2, 4, 8)}) == pytest.approx(bits)


@pytest.mark.parametrize("name", ["pruned_50", "two_four", "inputs_50"])
def test_those_of_the_registry_obey_every_rule(name):
    quantizer = make(composed([f"quantizer=[{name}]"]).quantizer[name])
    assert not [found for _, found in verdicts(quantizer) if found]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sparsity": 1.0}, r"sparsity=1.0 must lie in \[0, 1\)"),
        ({"structure": "two_four", "sparsity": 0.3, "per": "channel"}, "of two_four it is 0.5"),
        ({"structure": "two_four"}, "per=tensor: neighbours are inputs of one output"),
    ],
)
def test_what_cannot_be_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        Pruned(**arguments)
