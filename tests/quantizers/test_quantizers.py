"""Properties of every quantizer, and independent references."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quantmia.quantizers import FullPrecision, Sign, Ternary, Uniform

SCHEMES = [
    (Sign, {}, 2),
    (Ternary, {"sparsity": 0.33}, 3),
    (Ternary, {"sparsity": 0.5}, 3),
    (Ternary, {"sparsity": 0.9}, 3),
    *[(Uniform, {"bits": bits}, 2**bits) for bits in (2, 3, 4, 5)],
]
scheme = st.sampled_from(SCHEMES)
scale = st.sampled_from(["data", "unit", "fixed"])
per = st.sampled_from(["tensor", "channel"])


def stacked(seed, runs=3, kind="normal"):
    rng = np.random.default_rng(seed)
    make = {
        "normal": lambda *shape: rng.normal(size=shape),
        "constant": lambda *shape: np.full(shape, 0.7),
        "zero": lambda *shape: np.zeros(shape),
        "ties": lambda *shape: rng.integers(-2, 3, shape) / 2,
    }[kind]
    arrays = {"weight": make(runs, 4, 9), "bias": make(runs, 4)}
    return {name: torch.tensor(value, dtype=torch.float32) for name, value in arrays.items()}


kind = st.sampled_from(["normal", "constant", "zero", "ties"])


@settings(deadline=None)
@given(scheme, scale, per, kind, st.integers(0, 2**31))
def test_codebook_idempotence_and_independence(scheme, scale, per, kind, seed):
    cls, arguments, size = scheme
    quantizer = cls(**arguments, scale=scale, scale_value=0.5, per=per, bias=True)
    params = stacked(seed, kind=kind)
    once = quantizer(params)
    twice = quantizer(once)
    for name, value in once.items():
        assert torch.isfinite(value).all()
        assert value.shape == params[name].shape
        # Sign and ternary average equal magnitudes again, which can move the last bit.
        torch.testing.assert_close(twice[name], value, rtol=2e-7 * 36, atol=0)
        for run in range(3):
            alone = quantizer({name: params[name][run : run + 1]})[name][0]
            torch.testing.assert_close(alone, value[run], rtol=1e-6, atol=0)
            if per == "tensor":
                assert len(value[run].unique()) <= size
            elif value.ndim > 2:
                assert all(len(row.unique()) <= size for row in value[run])
            if cls is not Uniform:
                kept = (value[run] != 0) & (params[name][run] != 0)
                assert (value[run].sign() == params[name][run].sign())[kept].all()


@settings(deadline=None)
@given(scheme, per, st.integers(0, 2**31), st.integers(-6, 6))
def test_data_scale_follows_the_weights(scheme, per, seed, power):
    cls, arguments, _ = scheme
    quantizer = cls(**arguments, per=per)
    params = stacked(seed)
    larger = quantizer({name: value * 2.0**power for name, value in params.items()})
    for name, value in quantizer(params).items():
        torch.testing.assert_close(larger[name], value * 2.0**power, rtol=1e-6, atol=0)


def test_biases_stay_unless_asked_for():
    params = stacked(0)
    assert torch.equal(Sign()(params)["bias"], params["bias"])
    assert not torch.equal(Sign(bias=True)(params)["bias"], params["bias"])


def test_full_precision_changes_nothing():
    params = stacked(0)
    for name, value in FullPrecision(bias=True)(params).items():
        assert torch.equal(value, params[name])


@pytest.mark.parametrize("sparsity", [0.33, 0.5, 0.9])
def test_ternary_zeroes_exactly_the_smallest(sparsity):
    w = torch.randn(5, 1, 1000, generator=torch.Generator().manual_seed(0))
    q = Ternary(sparsity=sparsity)({"w": w})["w"]
    for row, quantized in zip(w[:, 0], q[:, 0], strict=True):
        zero = quantized == 0
        assert zero.sum() == int(sparsity * 1000)
        assert row[zero].abs().max() < row[~zero].abs().min()
        assert quantized.max() == pytest.approx(float(row[~zero].abs().mean()), rel=1e-5)


def test_sign_scale_minimises_the_squared_error():
    w = torch.randn(1, 1, 500, generator=torch.Generator().manual_seed(1))
    s = float(Sign()({"w": w})["w"].max())
    errors = [((w - step * w.sign()) ** 2).sum() for step in (0.98 * s, s, 1.02 * s)]
    assert min(errors) == errors[1]


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_uniform_equals_numpy(bits):
    w = np.random.default_rng(2).normal(size=200)
    grid = np.linspace(w.min(), w.max(), 2**bits)
    expected = grid[np.abs(w[:, None] - grid).argmin(1)]
    found = Uniform(bits=bits)({"w": torch.tensor(w[None, None], dtype=torch.float32)})["w"]
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=1e-5)


def test_unit_scale_is_one_codebook_for_all():
    for cls, arguments, size in SCHEMES:
        values = [
            cls(**arguments, scale="unit")(stacked(seed))["weight"].unique() for seed in range(20)
        ]
        together = torch.cat(values).unique()
        assert len(together) <= size
        assert together.abs().max() <= 1


def test_bits_and_settings_out_of_range():
    assert Sign().bits_per_weight == 1
    assert Ternary().bits_per_weight == pytest.approx(1.585, abs=1e-3)
    assert Uniform(bits=5).bits_per_weight == 5
    with pytest.raises(ValueError, match="sparsity"):
        Ternary(sparsity=1.0)
    with pytest.raises(ValueError, match="bits"):
        Uniform(bits=0)
