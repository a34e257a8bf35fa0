import numpy as np
import pytest
import torch
from torch import nn

from quantmia.device import choose, describe, deterministic
from quantmia.errors import QuantmiaError
from quantmia.models.heads import mlp
from quantmia.models.loop import Loop
from quantmia.models.room import Sizes, stack_size
from quantmia.models.stack import Stack
from quantmia.quantizers import Codebook, Float8, KMeans, Sign, Ternary, Uniform
from quantmia.tasks import TASKS
from quantmia.training.losses import measure
from quantmia.training.train import train
from tests.configurations import training

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
RUNS, POOL, FEATURES = 4, 300, 32
QUANTIZERS = {
    "sign": Sign(),
    "ternary": Ternary(sparsity=0.9),
    "uniform": Uniform(bits=3, per="channel"),
    "kmeans": KMeans(levels=4),
    "nf4": Codebook(per="group", group_size=16),
    "fp8": Float8(),
}


def test_names_of_devices():
    assert choose("cpu").type == "cpu"
    assert choose("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert describe(choose("cpu")) == "cpu"
    absent = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(QuantmiaError, match=f"device={absent}.*device=cpu"):
        choose(absent)


def work(device, kind, factory, epochs=5):
    """Losses, outputs and final parameters of a small stack that was trained and quantized."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(POOL, FEATURES, generator=generator).to(device)
    y = (x[:, 0] + 0.3 * torch.randn(POOL, generator=generator).to(device)).expand(RUNS, -1)
    y = y.contiguous()
    members = [torch.randperm(POOL, generator=generator)[: POOL // 2] for _ in range(RUNS)]
    # Adam would make steps of the noise that is the gradient of a bias before BatchNorm.
    config = training(optimizer="sgd", epochs=epochs, batch_size=32, lr=1e-3)
    models = kind(factory, range(RUNS), TASKS["regression"], device)
    with deterministic(torch.device(device)):
        steps = train(models, config, x, y, members, 0, range(RUNS), lambda count: None)
        found = measure(
            steps, epochs, models, QUANTIZERS, (x, y), x, {"last": epochs}, lambda count: None
        )
        return found.quantizers, found.final


def batch_norm():
    return nn.Sequential(nn.Linear(FEATURES, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 1))


def dropout():
    return nn.Sequential(nn.Linear(FEATURES, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))


CASES = [(Stack, lambda: mlp(FEATURES, 1, hidden=[16])), (Loop, batch_norm)]


def test_two_threads_give_the_same_bits_twice():
    """Other tests compute on one."""
    kind, factory = CASES[0]
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first, second = (work("cpu", kind, factory, epochs=2) for _ in range(2))
    finally:
        torch.set_num_threads(before)
    for name, value in first[1].items():
        np.testing.assert_array_equal(second[1][name], value)
    for name in QUANTIZERS:
        np.testing.assert_array_equal(first[0][name].losses, second[0][name].losses)


@on_a_gpu
@pytest.mark.parametrize(("kind", "factory"), CASES, ids=["stack", "separate"])
def test_a_gpu_agrees_with_the_processor(kind, factory):
    (here, final_here), (there, final_there) = (
        work(device, kind, factory) for device in ("cpu", "cuda")
    )
    for name, value in final_here.items():
        np.testing.assert_allclose(final_there[name], value, rtol=1e-3, atol=1e-5)
    for name in QUANTIZERS:
        # A weight at the edge of two codes may fall on either side.
        np.testing.assert_allclose(
            there[name].losses.mean(-1), here[name].losses.mean(-1), rtol=0.05
        )
        assert there[name].bits == here[name].bits


@on_a_gpu
@pytest.mark.parametrize(
    ("kind", "factory"), [*CASES, (Loop, dropout)], ids=["stack", "separate", "dropout"]
)
def test_a_gpu_gives_the_same_bits_twice(kind, factory):
    (first, final_first), (second, final_second) = (work("cuda", kind, factory) for _ in range(2))
    for name, value in final_first.items():
        np.testing.assert_array_equal(final_second[name], value)
    for name in QUANTIZERS:
        np.testing.assert_array_equal(first[name].losses, second[name].losses)


@on_a_gpu
@pytest.mark.parametrize("name", QUANTIZERS)
def test_a_gpu_quantizes_the_same_weights_alike(name):
    weights = torch.randn(3, 40, 50, generator=torch.Generator().manual_seed(0))
    here = QUANTIZERS[name]({"w": weights})["w"]
    there = QUANTIZERS[name]({"w": weights.cuda()})["w"].cpu()
    assert ((here - there).abs() > 1e-5).float().mean() < 1e-3


@on_a_gpu
def test_a_stack_of_auto_fits_the_memory_of_a_gpu():
    def factory():
        return mlp(2048, 1, hidden=[2048])

    sizes = Sizes(2048 * 2049 + 2049, 2 * 2048 + 1)
    runs = stack_size(choose("cuda"), sizes, 64)
    x = torch.randn(4000, 2048, device="cuda")
    y = torch.randn(runs, 4000, device="cuda")
    members = [torch.arange(2000)] * runs
    torch.cuda.reset_peak_memory_stats()
    models = Stack(factory, range(runs), TASKS["regression"], "cuda")
    config = training(epochs=1, batch_size=64)
    steps = train(models, config, x, y, members, 0, range(runs), lambda count: None)
    measure(steps, 1, models, {"sign": Sign()}, (x, y), x, {"last": 1}, lambda count: None)
    total = torch.cuda.get_device_properties("cuda").total_memory
    print(
        f"\n{runs} runs, {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB of {total / 2**30:.0f}"
    )
    assert torch.cuda.max_memory_allocated() < 0.8 * total
