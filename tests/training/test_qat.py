"""Quantization-aware training against plain PyTorch, whose autograd passes straight through."""

import numpy as np
import pytest
import torch

from quantmia.errors import QuantmiaError
from quantmia.models.heads import mlp
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.preemption import Stop
from quantmia.quantizers import (
    Activations,
    FullPrecision,
    KMeans,
    Quantizer,
    Sign,
    Ternary,
    Uniform,
)
from quantmia.runs.folder import RunFolder
from quantmia.seeding import Purpose, stream
from quantmia.tasks import TASKS, TaskName
from quantmia.training.blocks import train_missing
from quantmia.training.train import train
from tests.configurations import training
from tests.tiny import bits, fitted, tiny, trained

RUNS, POOL, MEMBERS, FEATURES, SEED = 3, 60, 30, 8, 7
QUANTIZERS = {
    "sign": Sign(),
    "sign_channel": Sign(per="channel"),
    "ternary": Ternary(sparsity=0.5),
    "ternary_of_each_step": Ternary(sparsity=0.5, held=1),
    "uniform": Uniform(bits=2),
    "kmeans": KMeans(levels=4),
    "w8a8": Activations(scheme=Uniform(bits=8), bits=8),
    "w2a4": Activations(scheme=Uniform(bits=2), bits=4),
    "ternary_a4": Activations(scheme=Ternary(), bits=4),
}


def problem(task: str):
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=(POOL, FEATURES)), dtype=torch.float32)
    y = torch.tensor(rng.normal(size=(RUNS, POOL)), dtype=torch.float32)
    members = torch.tensor(np.stack([rng.permutation(POOL)[:MEMBERS] for _ in range(RUNS)]))
    return x, y if task == "regression" else (y > 0).float(), members


def models(kind: type[Stack | Loop], task: TaskName = "regression"):
    return kind(lambda: mlp(FEATURES, 1, hidden=[6]), [10, 11, 12], TASKS[task])


def trajectory(stack, quantizer: Quantizer | None, task: TaskName = "regression", **settings):
    """Copies of the weights after every epoch."""
    config = training(lr=1e-2, batch_size=8, epochs=4, **settings)
    x, y, members = problem(task)
    steps = train(stack, config, x, y, list(members), SEED, range(RUNS), lambda _: None, quantizer)
    return [{name: value.clone() for name, value in params.items()} for _, params in steps]


def answered(quantizer: Quantizer, model, weights, x: torch.Tensor) -> torch.Tensor:
    """Layer by layer, where what layers are given is rounded."""
    if not isinstance(quantizer, Activations):
        return torch.func.functional_call(model, weights, (x,))
    layers = [name.removesuffix(".weight") for name in weights if name.endswith(".weight")]
    for number, name in enumerate(layers):
        low = x.detach().amin(1, keepdim=True).clamp(max=0)
        scale = (x.detach().amax(1, keepdim=True).clamp(min=0) - low) / (2**quantizer.bits - 1)
        scale = scale.where(scale > 0, 1.0)  # of zeros alone
        zero = torch.round(-low / scale)
        code = (torch.round(x / scale) + zero).clamp(0, 2**quantizer.bits - 1)
        x = x + ((code - zero) * scale - x).detach()
        x = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        x = x if number == len(layers) - 1 else torch.relu(x)
    return x.squeeze(-1) if x.ndim == 3 else x


def alone(quantizer: Quantizer, task: TaskName, run: int) -> dict[str, torch.Tensor]:
    """One run as a user of PyTorch would write it: w + (Q(w) - w).detach()."""
    x, y, members = problem(task)
    quantized = quantizer.in_steps()
    torch.manual_seed(10 + run)
    model = mlp(FEATURES, 1, hidden=[6])
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    rng = stream(SEED, Purpose.BATCHES, run)
    for _ in range(4):
        order = members[run][torch.from_numpy(rng.permutation(MEMBERS))]
        for batch in order.split(8):
            weights = dict(model.named_parameters())
            rounded = quantized({name: value.detach()[None] for name, value in weights.items()})
            through = {name: w + (rounded[name][0] - w).detach() for name, w in weights.items()}
            output = answered(quantizer, model, through, x[batch])
            optimiser.zero_grad()
            TASKS[task].loss(output, y[run][batch]).mean().backward()
            optimiser.step()
    return {name: value.detach() for name, value in model.named_parameters()}


@pytest.mark.parametrize("kind", [Stack, Loop])
@pytest.mark.parametrize("task", ["regression", "binary"])
@pytest.mark.parametrize("name", QUANTIZERS)
def test_it_is_what_autograd_makes_of_a_straight_through_estimator(name, task, kind):
    *_, last = trajectory(models(kind, task), QUANTIZERS[name], task)
    for run in range(RUNS):
        for key, value in alone(QUANTIZERS[name], task, run).items():
            torch.testing.assert_close(last[key][run], value, atol=1e-5, rtol=1e-5)


def test_the_gradient_is_that_of_the_surrogate_by_finite_differences():
    """That is the loss of Q(w) + d, by d, at d = 0."""
    stack, quantizer = models(Stack), Uniform(bits=2)
    x, y, members = problem("regression")
    double = {name: value.double() for name, value in stack.initial.items()}
    rounded = quantizer(double)
    batch = x[members].double(), y.gather(1, members).double()
    found = dict(zip(stack.trained, stack.gradients(rounded, *batch), strict=True))
    rng = np.random.default_rng(1)
    for name, gradient in found.items():
        for _ in range(5):
            at = tuple(int(rng.integers(size)) for size in gradient.shape)
            losses = []
            for step in (1e-6, -1e-6):
                moved = {key: value.clone() for key, value in rounded.items()}
                moved[name][at] += step
                own = {key: value[at[0]] for key, value in moved.items()}
                output = torch.func.functional_call(
                    mlp(FEATURES, 1, hidden=[6]).double(), own, (batch[0][at[0]],)
                )
                losses.append(stack.task.loss(output, batch[1][at[0]]).mean())
            slope = float(losses[0] - losses[1]) / 2e-6
            assert float(gradient[at]) == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_activations_are_rounded_in_training_and_alone_they_are_no_scheme_of_weights():
    full = Activations(scheme=FullPrecision(), bits=2)
    plain, aware = (trajectory(models(Stack), each)[-1] for each in (None, full))
    assert not any(torch.equal(plain[key], aware[key]) for key in plain)
    warmed = trajectory(models(Stack), full, qat_warmup=2)
    assert all(
        torch.equal(value, warmed[1][key])
        for key, value in trajectory(models(Stack), None)[1].items()
    )


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("quantizer.w8a8_dynamic.ranges=static", "looks at data"),
        ("quantizer.w8a8_dynamic.ranges=tensor", "does what no step of training can"),
        ("training.dp.noise_multiplier=1", "which the clipped gradients of training.dp do not"),
    ],
)
def test_activations_that_no_step_can_round_are_refused(override, said, tmp_path):
    chosen = ("quantizer=[w8a8_dynamic]", "training.qat=w8a8_dynamic", "training.vectorize=true")
    with pytest.raises(QuantmiaError, match=rf"training\.qat=w8a8_dynamic: .*{said}"):
        fitted(tiny(*chosen, override), tmp_path)


def test_an_experiment_with_activations_in_the_loop(tmp_path):
    settings = ("quantizer=[full_precision,w4a4_dynamic]", "training.qat=w4a4_dynamic")
    folder = trained(tmp_path / "aware", *settings)
    after = trained(tmp_path / "after", settings[0])
    aware, plain = (
        np.concatenate([each.read_run(run).losses["w4a4_dynamic"][-1] for run in range(8)])
        for each in (folder, after)
    )
    assert set(folder.read_run(0).losses) == {"w4a4_dynamic"}
    assert np.isfinite(aware).all()
    assert not np.array_equal(aware, plain)


def test_before_the_warm_up_is_over_training_is_plain():
    plain = trajectory(models(Stack), None)
    warmed = trajectory(models(Stack), Sign(), qat_warmup=2)
    for epoch in (0, 1):
        assert all(torch.equal(plain[epoch][key], warmed[epoch][key]) for key in plain[epoch])
    assert not any(torch.equal(plain[2][key], warmed[2][key]) for key in plain[2])


def test_of_full_precision_training_is_plain():
    plain, aware = (trajectory(models(Stack), each)[-1] for each in (None, FullPrecision()))
    assert all(torch.equal(plain[key], aware[key]) for key in plain)


def test_it_learns_what_rounding_afterwards_loses():
    x, y, members = problem("regression")

    def loss(quantizer: Quantizer | None) -> float:
        stack = models(Stack)
        config = training(lr=1e-2, batch_size=8, epochs=150)
        *_, (_, params) = train(
            stack, config, x, y, list(members), SEED, range(RUNS), lambda _: None, quantizer
        )
        answers = stack(params | Sign()(params), x)
        return float(stack.task.loss(answers, y).gather(1, members).mean())

    assert loss(Sign()) < 0.7 * loss(None)


def test_the_folder_holds_the_quantizer_that_was_trained_and_no_other(tmp_path):
    folder = trained(tmp_path, "training.qat=sign")
    assert folder.manifest()["config"]["quantizer"].keys() == {"sign"}
    assert set(folder.read_run(0).scores) == {"sign", "members", "target"}


def test_kept_trajectories_are_of_the_quantizer_that_made_them(tmp_path):
    cache, models = tmp_path / "cache", {}
    for name in (None, "sign", "uniform_2"):
        given = () if name is None else (f"training.qat={name}",)
        for again in ("first", "second"):  # which reads what the first kept
            experiment = fitted(tiny("trajectory.keep=true", "runs=4", *given), cache)
            folder = RunFolder(tmp_path / f"{name}-{again}")
            with folder.lock():
                train_missing(experiment, folder, 4, Stop())
            models[name, again] = bits(folder.path, "models/*")
        assert models[name, "first"] == models[name, "second"]
    assert len({str(each) for each in models.values()}) == 3
    assert len(list((cache / "trajectories").iterdir())) == 3


@pytest.mark.parametrize("name", ["uniform_2", "ternary_50"])
def test_interrupted_and_completed_it_has_the_same_bits(name, tmp_path):
    given = (f"quantizer=[{name}]", f"training.qat={name}", "training.stack=2", "runs=4")
    whole = trained(tmp_path / "whole", *given)
    experiment, folder = fitted(tiny(*given), tmp_path / ".cache"), RunFolder(tmp_path / "mine")
    with folder.lock():
        train_missing(experiment, folder, 4, Stop())
        min((folder.path / "scores").glob("run-*")).unlink()
        train_missing(experiment, folder, 4, Stop())
    assert bits(folder.path) == bits(whole.path)
