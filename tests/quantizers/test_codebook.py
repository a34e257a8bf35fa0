import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from quantmia.quantizers import Codebook, Uniform

# QLoRA (Dettmers et al. 2023), appendix E, as printed there.
PUBLISHED = """
-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
0.7229568362236023, 1.0
"""
ROWS = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 12)),
    elements=st.floats(-9, 9, width=32, allow_subnormal=False),
)
OWN = (0.75, -0.5, 0.0, -0.5, 0.1)  # in any order, and one of them twice
LEVELS = st.sampled_from(["nf4", "fp4", OWN, (-1.0, 1.0)])
SCALES = st.sampled_from(["data", "unit", "fixed"])


def test_nf4_is_the_published_table():
    assert Codebook(levels="nf4").table == tuple(map(float, PUBLISHED.split(",")))


def test_nf4_is_made_of_quantiles_of_a_gaussian():
    # 8 above zero and 7 below, from the mean of 29/30 and 31/32 to one half.
    tail = (29 / 30 + 31 / 32) / 2
    above, below = (norm.ppf(np.linspace(tail, 0.5, count)[:-1]) for count in (9, 8))
    derived = np.sort(np.concatenate([-below, [0.0], above])) / above.max()
    assert derived == pytest.approx(Codebook(levels="nf4").table, abs=1e-6)


def e2m1(code: int) -> float:
    """The number of a sign, two exponent and one mantissa bit: bias 1, no infinity, no NaN."""
    sign, exponent, mantissa = code >> 3, code >> 1 & 3, code & 1
    size = mantissa / 2 if exponent == 0 else 2.0 ** (exponent - 1) * (1 + mantissa / 2)
    return -size if sign else size


def test_fp4_is_every_code_of_e2m1_over_the_largest():
    codes = {e2m1(code) for code in range(16)}
    assert Codebook(levels="fp4").table == pytest.approx([code / 6 for code in sorted(codes)])
    weights = torch.tensor([sorted(codes)])
    assert Codebook(levels="fp4").quantize_rows(weights)[0].tolist() == pytest.approx(weights[0])


def test_levels_are_ascending_and_each_counts_once():
    assert Codebook(levels=OWN).table == (-0.5, 0.0, 0.1, 0.75)
    assert Codebook(levels=OWN).bits_per_weight == 2
    assert Codebook(levels=[0.0, -0.0, 1]).table == (0.0, 1.0)
    assert str(Codebook(levels=[-0.0, 1]).table[0]) == "0.0"


@given(ROWS, LEVELS, SCALES)
def test_no_level_is_nearer_by_brute_force(weights, levels, scale):
    quantizer = Codebook(levels=levels, scale=scale, scale_value=2.5)
    quantized = quantizer.quantize_rows(torch.tensor(weights)).numpy()
    for row, result in zip(weights.astype(np.float64), quantized, strict=True):
        width = {"data": np.abs(row).max(), "unit": 1.0, "fixed": 2.5}[scale]
        codebook = np.array(quantizer.table) * width
        assert np.abs(codebook - result[:, None]).min(1).max() <= 1e-7 * width
        nearest = np.abs(codebook - row[:, None]).min(1)
        assert np.all(np.abs(row - result) <= nearest + 1e-6 * width)


@pytest.mark.parametrize("levels", ["nf4", "fp4", OWN])
def test_the_levels_of_many_weights_are_the_nearest_ones(levels):
    weights = torch.randn(3, 4000, generator=torch.Generator().manual_seed(0))
    table = np.array(Codebook(levels=levels).table)
    scale = np.abs(weights.numpy()).max(1, keepdims=True)
    distance = np.abs(weights.numpy()[:, :, None].astype(np.float64) / scale[:, :, None] - table)
    expected = table[distance.argmin(2)].astype(np.float32) * scale
    assert np.array_equal(Codebook(levels=levels).quantize_rows(weights).numpy(), expected)


def test_a_weight_halfway_takes_the_lower_level():
    quantizer = Codebook(levels=[-1, -0.5, 0, 0.5, 1], scale="unit")
    row = torch.tensor([[-0.75, -0.25, 0.25, 0.75]])
    assert quantizer.quantize_rows(row).tolist() == [[-1.0, -0.5, 0.0, 0.5]]


def test_weights_outside_a_constant_codebook_take_its_ends():
    quantizer = Codebook(levels="fp4", scale="fixed", scale_value=3.0)
    row = torch.tensor([[-100.0, 3.1, 1e38, -1e38]])
    assert quantizer.quantize_rows(row).tolist() == [[-3.0, 3.0, 3.0, -3.0]]


@given(ROWS)
def test_the_largest_magnitude_is_kept_and_zero_stays_zero(weights):
    rows = torch.tensor(weights)
    for levels in ("nf4", "fp4"):
        quantized = Codebook(levels=levels).quantize_rows(rows)
        assert torch.equal(quantized.abs().amax(1), rows.abs().amax(1))
        assert (quantized[rows == 0] == 0).all()


@given(ROWS, st.sampled_from([1, 2, 3, 4]))
def test_equally_spaced_levels_are_a_constant_uniform_quantizer(weights, bits):
    levels = np.linspace(-1, 1, 2**bits).tolist()
    step = levels[1] - levels[0]
    rows = torch.tensor(weights)
    inner = (rows + 1) / step % 1  # at one half the two round to different sides
    codebook, uniform = (
        each.quantize_rows(rows)
        for each in (Codebook(levels=levels, scale="unit"), Uniform(bits=bits, scale="unit"))
    )
    apart = (inner - 0.5).abs() > 1e-4
    assert torch.allclose(codebook[apart], uniform[apart], atol=1e-6)


def test_nf4_is_closer_to_gaussian_weights_than_the_others_of_four_bits():
    weights = torch.randn(200, 64, generator=torch.Generator().manual_seed(0))
    nf4, fp4, grid = (
        float((Codebook(levels=levels).quantize_rows(weights) - weights).square().mean())
        for levels in ("nf4", "fp4", np.linspace(-1, 1, 16).tolist())
    )
    assert nf4 < min(fp4, grid)


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ("nf5", "levels=nf5 must be nf4, fp4 or a list of numbers"),
        ([], "two numbers or more"),
        ([0.5], "two numbers or more"),
        ([0.5, 0.5], "two numbers or more"),
        ([0.0, -0.0], "two numbers or more"),
        ([-1, 0, 1.001], r"in \[-1, 1\]"),
        *(
            (list(order), r"in \[-1, 1\]")
            for order in itertools.permutations([float("nan"), 0.0, 1.0])
        ),
    ],
    ids=str,
)
def test_impossible_levels_are_refused(levels, said):
    with pytest.raises(ValueError, match=said):
        Codebook(levels=levels)
