import numpy as np
import pytest
import torch

from quantmia.quantizers import Calibrated, Sign, Uniform
from quantmia.quantizers.layers import Given
from quantmia.quantizers.scaled_inputs import scaled_inputs

RUNS, ROWS, INPUTS, OUTPUTS = 3, 40, 12, 5


def layer(seed: int = 0) -> tuple[torch.Tensor, Given]:
    """Weights of a layer of every run, and inputs of which few are large."""
    rng = torch.Generator().manual_seed(seed)
    sizes = torch.logspace(-1, 1, INPUTS)[torch.randperm(INPUTS, generator=rng)]
    rows = torch.randn(RUNS, ROWS, INPUTS, generator=rng) * sizes
    return torch.randn(RUNS, OUTPUTS, INPUTS, generator=rng), Given(rows)


def rounded(weights: np.ndarray, levels: int) -> np.ndarray:
    """To equally spaced values between the ends of each row."""
    low, high = weights.min(1, keepdims=True), weights.max(1, keepdims=True)
    steps = levels - 1
    return low + np.round((weights - low) / (high - low) * steps) / steps * (high - low)


def by_hand(weights: np.ndarray, x: np.ndarray, levels: int) -> np.ndarray:
    """AWQ's search for one layer of one run, as its authors write it."""
    importance = np.abs(x).mean(0)
    found: list[tuple[float, np.ndarray]] = []
    for ratio in np.arange(20) / 20:
        scales = np.clip(importance**ratio, 1e-4, None)
        scales = scales / np.sqrt(scales.max() * scales.min())
        candidate = rounded(weights * scales, levels) / scales
        found.append((float(((x @ (candidate - weights).T) ** 2).sum()), candidate))
    return min(found, key=lambda each: each[0])[1]


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_it_is_the_search_of_its_authors(bits):
    weights, given = layer()
    found = scaled_inputs(Uniform(bits=bits, per="channel"), weights, given)
    for run in range(RUNS):
        own, x = weights[run].double().numpy(), given.inputs[run].double().numpy()
        np.testing.assert_allclose(found[run], by_hand(own, x, 2**bits), atol=1e-5)


@pytest.mark.parametrize("scheme", [Sign(), Uniform(bits=3), Uniform(bits=4, per="channel")])
def test_outputs_are_never_farther_off_than_by_rounding_alone(scheme):
    weights, given = layer(1)

    def error(rounded: torch.Tensor) -> torch.Tensor:
        return (given.inputs @ (rounded - weights).mT).square().sum((1, 2))

    ours, plain = scaled_inputs(scheme, weights, given), scheme({"weight": weights})["weight"]
    assert (error(ours) <= error(plain) * (1 + 1e-5)).all()
    assert (error(ours) < 0.9 * error(plain)).any()


def test_runs_do_not_depend_on_each_other_and_a_diverged_one_harms_none():
    weights, given = layer(2)
    scheme = Uniform(bits=3)
    together = scaled_inputs(scheme, weights, given)
    alone = scaled_inputs(scheme, weights[1:2], Given(given.inputs[1:2]))
    torch.testing.assert_close(together[1:2], alone)
    harmed = weights.clone()
    harmed[0] = torch.nan
    torch.testing.assert_close(scaled_inputs(scheme, harmed, given)[1:], together[1:])


def test_an_input_that_is_always_zero_is_rounded_like_any():
    weights, given = layer(3)
    given.inputs[:, :, 4] = 0.0
    assert torch.isfinite(scaled_inputs(Uniform(bits=3), weights, given)).all()


def test_errors_are_made_up_for_in_one_way():
    with pytest.raises(ValueError, match=r"scale_inputs=true: .*compensate=false"):
        Calibrated(scheme=Sign(), scale_inputs=True)
