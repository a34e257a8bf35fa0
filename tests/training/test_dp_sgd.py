from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from quantmia.accountant import Sampling, noise_multiplier
from quantmia.attacks import LiraEB, LossThreshold, Observed
from quantmia.attacks.epsilon import epsilon_table
from quantmia.config.training import DpConfig
from quantmia.data.split import members
from quantmia.models.heads import linear, mlp
from quantmia.models.stack import Stack
from quantmia.tasks import TASKS
from quantmia.training.dp_sgd import WIDTH, PoissonBatches, PrivateGradients
from quantmia.training.train import train
from tests.configurations import training

RUNS, POOL, FEATURES = 3, 200, 4


def dp(**changes):
    return replace(
        DpConfig(epsilon=None, noise_multiplier=1.0, max_grad_norm=0.5, delta=1e-5), **changes
    )


def batches(rate=0.25, steps=4, runs: Sequence[int] = range(RUNS), seed=0):
    features = torch.arange(POOL, dtype=torch.float32)[:, None]
    targets = torch.arange(POOL).expand(len(runs), -1) * 10
    chosen = [torch.arange(run, POOL, 2) for run in runs]
    return PoissonBatches(features, targets, chosen, Sampling(rate, steps), seed, runs), chosen


def trained(stack, config, x, y, chosen):
    """Parameters after the last epoch."""
    *_, (_, params) = train(stack, config, x, y, chosen, 0, range(len(y)), lambda _: None)
    return params


def drawn(source):
    """Of every step and run, who is in the batch."""
    found = []
    for x, y, weights in source.epoch():
        assert torch.equal(y, x[..., 0].long() * 10)
        assert x.shape[1] % WIDTH == 0
        found.append([row[w > 0] for row, w in zip(x[..., 0].long(), weights, strict=True)])
        assert set(weights.unique().tolist()) <= {0.0, 1.0}
    return found


def test_each_member_is_drawn_by_a_coin_of_its_own_and_nobody_else():
    source, chosen = batches()
    sizes, times = [], torch.zeros(RUNS, POOL)
    for _ in range(100):
        for rows in drawn(source):
            for run, row in enumerate(rows):
                assert len(row.unique()) == len(row)
                assert set(row.tolist()) <= set(chosen[run].tolist())
                times[run, row] += 1
                sizes.append(len(row))
    n = len(chosen[0])
    assert np.mean(sizes) == pytest.approx(n / 4, abs=0.3)
    assert np.var(sizes) == pytest.approx(n * 0.25 * 0.75, rel=0.15)  # of a binomial
    rates = times[0, chosen[0]] / 400
    assert rates.std() == pytest.approx((0.25 * 0.75 / 400) ** 0.5, rel=0.25)  # none is favoured


def test_a_run_draws_the_same_whoever_else_is_in_its_stack():
    together, alone = drawn(batches()[0]), drawn(batches(runs=[1])[0])
    assert all(torch.equal(rows[1], own[0]) for rows, own in zip(together, alone, strict=True))


def test_a_rate_of_one_takes_all():
    source, chosen = batches(rate=1.0, steps=1)
    assert [row.tolist() for row in drawn(source)[0]] == [each.tolist() for each in chosen]


def noisy(runs: Sequence[int] = range(RUNS), **changes):
    stack = Stack(lambda: mlp(FEATURES, 1, (5,)), [run + 10 for run in runs], TASKS["regression"])
    gradients = PrivateGradients(stack, dp(**changes), 8.0, 0, runs)
    x = torch.randn(RUNS, 16, FEATURES, generator=torch.Generator().manual_seed(0))[list(runs)]
    return stack, gradients, (stack.initial, x, x[..., 0], torch.ones(len(runs), 16))


def test_noise_has_its_deviation_and_is_new_at_every_step():
    stack, gradients, args = noisy(noise_multiplier=3.0)
    exact = stack.clipped(*args, 0.5)
    steps = [
        torch.cat([(8 * a - b).flatten(1) for a, b in zip(gradients(*args), exact, strict=True)], 1)
        for _ in range(200)
    ]
    noise = torch.stack(steps)  # [steps, runs, parameters]
    assert float(noise.std()) == pytest.approx(3.0 * 0.5, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.05)
    flat = noise.transpose(0, 1).flatten(1)
    assert torch.corrcoef(flat).fill_diagonal_(0).abs().max() < 0.06  # of other runs
    assert torch.corrcoef(noise[:, 0]).fill_diagonal_(0).abs().max() < 0.9  # of other steps


def test_noise_is_a_runs_own_and_comes_from_the_seed():
    all_of_them, alone = noisy(), noisy(runs=[1])
    first = [each[1] for each in all_of_them[1](*all_of_them[2])]
    torch.testing.assert_close(first, [each[0] for each in alone[1](*alone[2])])
    again = noisy()[1](*noisy()[2])
    assert all(torch.equal(a[1], b) for a, b in zip(again, first, strict=True))


def test_almost_no_noise_on_whole_unclipped_batches_is_plain_training():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(POOL, FEATURES, generator=generator)
    y = torch.randn(RUNS, POOL, generator=generator)
    chosen = [torch.arange(run, POOL, 2)[: POOL // 2] for run in (0, 1, 0)]

    def last(**changes):
        stack = Stack(lambda: linear(FEATURES, 1), range(RUNS), TASKS["regression"])
        config = training(
            optimizer="sgd", momentum=0.0, lr=0.1, epochs=5, batch_size=100, **changes
        )
        return trained(stack, config, x, y, chosen)

    private = last(dp=dp(noise_multiplier=1e-9, max_grad_norm=1e4))
    for name, value in last().items():
        torch.testing.assert_close(private[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [1.0, 8.0])
def test_attacks_never_show_more_than_training_guarantees_and_not_much_less(epsilon):
    """Steinke, Nasr and Jagielski 2023 on 200 models that leak all that they may.

    Each sample has a feature of its own, so that a weight sees it alone, under the noise.
    """
    runs, pool = 200, 1000
    x = 3 * torch.eye(pool)
    y = torch.randint(2, (pool,), generator=torch.Generator().manual_seed(0)).float()
    mask = members(0, range(runs), pool, "coin")
    sampling = Sampling.of(pool, pool // 2)
    config = training(
        optimizer="sgd",
        momentum=0.0,
        lr=150.0,
        batch_size=pool // 2,
        epochs=10,
        dp=dp(
            epsilon=epsilon,
            noise_multiplier=noise_multiplier(epsilon, sampling, 10, 1e-5),
            max_grad_norm=0.1,
        ),
    )
    stack = Stack(lambda: linear(pool, 1), range(runs), TASKS["binary"])
    chosen = [torch.from_numpy(np.flatnonzero(row)) for row in mask]
    targets = y.expand(runs, -1).contiguous()
    params = trained(stack, config, x, targets, chosen)
    output, target = stack(params, x).numpy(), targets.numpy()
    task = TASKS["binary"]
    seen = Observed(
        signal=task.signal(output, target),
        loss=task.loss(torch.from_numpy(output), targets).numpy().astype(np.float64),
        members=mask,
        population=np.zeros((runs, 2)),
        output=output,
        target=target,
        two_sided=False,
    )
    attacks = {"lira_eb": LiraEB(), "loss_threshold": LossThreshold()}
    scores = {name: attack.score(seen) for name, attack in attacks.items()}
    found = epsilon_table(attacks, scores, seen, confidence=0.95)
    of_any = found[found["attack"] == "any"]
    of_all = float(of_any[of_any["run"].isna()]["epsilon"].iloc[0])
    of_each = of_any[of_any["run"].notna()]["epsilon"]
    assert len(of_each) == runs
    assert (of_each <= epsilon).mean() >= 0.95
    assert epsilon / 3 < of_all <= epsilon
