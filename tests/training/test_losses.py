from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from quantmia.data.kept import Kept, OfReleases
from quantmia.data.split import halves
from quantmia.models.heads import mlp
from quantmia.models.stack import Stack
from quantmia.quantizers import FullPrecision, Sign, Ternary, Uniform
from quantmia.tasks import TASKS
from quantmia.training.losses import measure
from quantmia.training.train import train
from tests.configurations import training

RUNS, FEATURES, SAMPLES, POOL, EPOCHS = 3, 4, 15, 11, 5
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(SAMPLES, FEATURES, generator=GENERATOR)
POOL_X = torch.randn(POOL, FEATURES, generator=GENERATOR)
TARGETS = {
    "regression": torch.randn(RUNS, SAMPLES, generator=GENERATOR),
    "binary": torch.randint(2, (RUNS, SAMPLES), generator=GENERATOR).float(),
    "multiclass": torch.randint(3, (RUNS, SAMPLES), generator=GENERATOR),
}
QUANTIZERS = {
    "full": FullPrecision(),
    "sign": Sign(),
    "ternary": Ternary(sparsity=0.5, per="channel"),
    "bits": Uniform(bits=2, bias=True),
}


def factory(task):
    return lambda: mlp(FEATURES, 3 if task == "multiclass" else 1, hidden=[6])


def stack_of(task):
    return Stack(factory(task), list(range(RUNS)), TASKS[task])


def drifting(stack, epochs=EPOCHS):
    """Checkpoints that are changed in place, as training changes them."""
    generator = torch.Generator().manual_seed(1)
    params = {name: value.clone() for name, value in stack.initial.items()}
    for epoch in range(1, epochs + 1):
        for value in params.values():
            value += 0.1 * torch.randn(value.shape, generator=generator)
        yield epoch, params


def copies(checkpoints):
    return [(epoch, {k: v.clone() for k, v in params.items()}) for epoch, params in checkpoints]


def measured(stack, checkpoints, n, quantizers=QUANTIZERS, advance=lambda count: None, last=None):
    y = TARGETS[stack.task.name]
    found = measure(checkpoints, n, stack, quantizers, (X, y), POOL_X, {"last": last or n}, advance)
    return found.quantizers, found.final, found.diverged


def evaluated(task, params, run, x):
    """Outputs of one run by a plain module."""
    model = factory(task)()
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(params[name][run])
        return model(x)


def loss_in_numpy(task, output, y):
    output, y = output.numpy().astype(np.float64), y.numpy()
    if task == "regression":
        return (output[:, 0] - y) ** 2
    if task == "binary":
        return np.logaddexp(0, np.where(y == 1, -1, 1) * output[:, 0])
    return np.log(np.exp(output).sum(1)) - output[np.arange(len(y)), y]


@pytest.mark.parametrize("task", list(TARGETS))
def test_measurements_against_a_plain_loop(task):
    stack = stack_of(task)
    kept = copies(drifting(stack))
    found, final, diverged = measured(stack, drifting(stack), EPOCHS)
    assert list(found) == list(QUANTIZERS)
    assert not diverged.any()
    for name, value in kept[-1][1].items():
        np.testing.assert_array_equal(final[name], value)
    for name, value in kept[-1][1].items():
        np.testing.assert_array_equal(final[name], value)
    for name, quantizer in QUANTIZERS.items():
        for run in range(RUNS):
            for k, (_, params) in enumerate(kept):
                output = evaluated(task, quantizer(params), run, X)
                expected = loss_in_numpy(task, output, TARGETS[task][run])
                assert np.allclose(found[name].losses[run, k], expected, atol=1e-5)
            last = quantizer(kept[-1][1])
            for outputs, x in (
                (found[name].released.measured["last"], X[halves(SAMPLES)[1]]),
                (found[name].released.pool["last"], POOL_X),
            ):
                assert np.allclose(outputs[run], evaluated(task, last, run, x), atol=1e-5)
            answers, targets = evaluated(task, last, run, X).numpy(), TARGETS[task][run].numpy()
            assert found[name].utility[run] == pytest.approx(
                TASKS[task].utility(answers, targets), rel=1e-4
            )
        assert found[name].means is None  # all losses are kept
        assert found[name].losses.dtype == np.float32
        assert found[name].models.tolist() == [list(range(EPOCHS))] * RUNS


def test_a_slow_quantizer_is_tried_on_the_last_checkpoint_alone():
    stack, told = stack_of("binary"), []
    short = {name: replace(each, trajectory="last") for name, each in QUANTIZERS.items()}
    every, _, _ = measured(stack, drifting(stack), EPOCHS)
    found, _, _ = measured(stack, drifting(stack), EPOCHS, short, told.append)
    assert sum(told) == len(QUANTIZERS)
    for name, each in found.items():
        np.testing.assert_array_equal(each.losses, every[name].losses[:, -1:])
        np.testing.assert_array_equal(each.models, np.zeros((RUNS, 1)))
        assert each.utility == every[name].utility
        np.testing.assert_array_equal(each.released.pool["last"], every[name].released.pool["last"])
        assert each.bits == every[name].bits


def test_with_the_best_checkpoint_wanted_a_slow_quantizer_has_the_last_alone():
    stack, y = stack_of("binary"), TARGETS["binary"]
    quantizers = {"full": FullPrecision(), "slow": Sign(trajectory="last")}
    wanted = {"best": None, "2": 2, "last": EPOCHS}
    made = measure(
        drifting(stack), EPOCHS, stack, quantizers, (X, y), POOL_X, wanted, lambda count: None
    )
    assert set(made.quantizers["full"].released.epochs) == {"best", "2", "last"}
    assert set(made.quantizers["slow"].released.epochs) == {"last"}


def test_progress_is_told_of_every_quantized_checkpoint():
    told = []
    stack = stack_of("binary")
    measured(stack, drifting(stack), EPOCHS, advance=told.append)
    assert sum(told) == EPOCHS * len(QUANTIZERS)


def test_the_last_checkpoint_is_scored_even_if_training_goes_on():
    stack = stack_of("regression")
    config = training(epochs=5, checkpoint_every=2, batch_size=4, lr=0.05)
    chosen = torch.arange(8).repeat(RUNS, 1)

    def checkpoints():
        targets = TARGETS["regression"][:, :POOL]
        return train(
            stack, config, POOL_X, targets, list(chosen), 0, range(RUNS), lambda count: None
        )

    epoch, last = copies(checkpoints())[-1]
    assert epoch == 4
    found, *_ = measured(stack, checkpoints(), 2, last=4)
    for name, quantizer in QUANTIZERS.items():
        quantized = quantizer(last)
        answers, its = stack(quantized, X).numpy(), found[name].released
        assert np.array_equal(its.measured["last"], answers[:, halves(SAMPLES)[1]]), name
        assert np.array_equal(its.pool["last"], stack(quantized, POOL_X).numpy()), name


@pytest.mark.parametrize("task", list(TARGETS))
def test_of_a_part_of_the_samples_single_numbers_are_kept_and_of_all_their_means(task):
    stack, y = stack_of(task), TARGETS[task]
    kept = Kept(
        np.array([1, 2, 7, 11, 14]), OfReleases(np.array([0, 3, 4]), np.array([2, 5, 6, 9]))
    )
    assert kept.releases is not None
    wanted = {"best": None, "2": 2, "last": EPOCHS}

    def made(**more):
        steps = drifting(stack)
        return measure(steps, EPOCHS, stack, QUANTIZERS, (X, y), POOL_X, wanted, print, **more)

    some, every = made(kept=kept).quantizers, made().quantizers
    for name, whole in every.items():
        part = some[name]
        assert part.means is not None
        np.testing.assert_array_equal(part.losses, whole.losses[..., kept.losses])
        for at, of in enumerate((slice(None), *halves(SAMPLES))):
            expected = whole.losses[..., of].mean(2, dtype=np.float64)
            np.testing.assert_allclose(part.means[:, at], expected, rtol=1e-12)
        assert part.utility == whole.utility
        np.testing.assert_array_equal(part.models, whole.models)
        measuring = y.numpy()[:, halves(SAMPLES)[1]]
        for release in wanted:
            np.testing.assert_array_equal(
                part.released.epochs[release], whole.released.epochs[release]
            )
            answers = whole.released.measured[release]
            np.testing.assert_array_equal(
                part.released.measured[release], answers[:, kept.releases.measured]
            )
            merits = [stack.task.merit(*each)[0] for each in zip(answers, measuring, strict=True)]
            np.testing.assert_array_equal(part.released.merits[release], merits)
            pool = whole.released.pool[release]
            seen = pool if release == "last" else pool[:, kept.releases.pool]
            np.testing.assert_allclose(part.released.pool[release], seen, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("task", list(TARGETS))
def test_of_a_run_that_diverges_a_part_is_kept_without_a_warning(task):
    stack, kept = stack_of(task), Kept(np.arange(4), OfReleases(np.arange(3), np.arange(5)))

    def steps():
        for epoch, params in drifting(stack):
            if epoch > 2:
                for value in params.values():
                    value[1] = 1e30 if epoch < EPOCHS else torch.inf
            yield epoch, params

    wanted, y = {"best": None, "4": 4, "last": EPOCHS}, TARGETS[task]
    made = measure(steps(), EPOCHS, stack, QUANTIZERS, (X, y), POOL_X, wanted, print, kept=kept)
    assert made.diverged.tolist() == [False, True, False]
    for each in made.quantizers.values():
        assert each.utility[1] == {}
        for merits in each.released.merits.values():
            assert np.isfinite(merits[[0, 2]]).all()


def test_equal_quantized_models_are_recognised():
    stack = Stack(lambda: nn.Linear(FEATURES, 1, bias=False), [0, 1, 2], TASKS["regression"])
    base = torch.tensor([[[0.3, -0.4, 0.5, -0.6]]]).repeat(RUNS, 1, 1)
    other = base.clone()
    other[0] *= 2  # the same signs
    other[1, 0, 0] *= -1
    third = base.clone()
    third[2, 0, 3] += 0.01
    checkpoints = [(k, {"weight": w}) for k, w in enumerate([base, other, base, third, other])]
    quantizers = {"full": FullPrecision(), "sign": Sign(scale="unit"), "two": Uniform(bits=2)}
    found, *_ = measured(stack, checkpoints, 5, quantizers)
    assert found["sign"].models.tolist() == [[0, 0, 0, 0, 0], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0]]
    assert found["full"].models.tolist() == [[0, 1, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 0, 3, 0]]
    # Another minimum moves the whole grid.
    assert found["two"].models[2].tolist() == [0, 0, 0, 3, 0]


def test_a_bias_that_is_not_quantized_makes_another_model():
    stack = Stack(lambda: nn.Linear(FEATURES, 1), [0, 1, 2], TASKS["regression"])
    moved = {name: value.clone() for name, value in stack.initial.items()}
    moved["bias"][1] += 1e-6
    found, *_ = measured(stack, [(1, stack.initial), (2, moved)], 2, {"sign": Sign()})
    assert found["sign"].models.tolist() == [[0, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("name", ["0.weight", "2.bias"])
def test_a_diverged_run_is_flagged_and_leaves_the_others_alone(name, value):
    stack = stack_of("regression")
    good = copies(drifting(stack))
    bad = copies(good)
    bad[2][1][name][1].view(-1)[0] = value  # in the middle only: the last is finite again
    expected, _, none = measured(stack, good, EPOCHS)
    found, _, diverged = measured(stack, bad, EPOCHS)
    assert none.tolist() == [False, False, False]
    assert diverged.tolist() == [False, True, False]
    for scheme in QUANTIZERS:
        for run in (0, 2):
            assert np.array_equal(found[scheme].losses[run], expected[scheme].losses[run])
            assert np.array_equal(found[scheme].models[run], expected[scheme].models[run])


def test_sparsity_counts_quantized_weights_only():
    stack = stack_of("regression")
    params = {name: value.clone() for name, value in stack.initial.items()}
    params["0.bias"].zero_()
    params["0.weight"][1, :2] = 0.0  # 8 of 30 weights of the second run
    quantizers = {
        "full": FullPrecision(),
        "sign": Sign(),
        "half": Ternary(sparsity=0.5),
        "half and biases": Ternary(sparsity=0.5, bias=True),
    }
    found, *_ = measured(stack, [(1, params)], 1, quantizers)
    assert found["full"].sparsity.tolist() == [0, 0, 0]
    assert found["sign"].sparsity.tolist() == [0, 0, 0]
    assert found["half"].sparsity.tolist() == pytest.approx([0.5, 0.5, 0.5])
    # 24 weights: 12; 6 biases that are all zero; 6 weights: 3; 1 bias that is kept. Of 37.
    assert found["half and biases"].sparsity.tolist() == pytest.approx([21 / 37] * 3)
