"""A step of training: in a stack or a loop, privately, or with a quantizer in it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from quantmia.cli.overrides import composed
from quantmia.models import linear, mlp
from quantmia.models.loop import Loop
from quantmia.models.stack import Stack
from quantmia.quantizers import Quantizer, Sign, Ternary, Uniform
from quantmia.tasks import TASKS, TaskName
from quantmia.training.train import train
from scripts.bench.products import training_products
from scripts.bench.rounds import MEMBERS, ROUNDS, RUNS, Row, Work, interleaved, verdict

DP_OVER_PLAIN = 3.0
QAT_OVER_PLAIN = 1.6
QAT = {"sign": Sign(), "uniform_4": Uniform(bits=4), "ternary_50": Ternary(sparsity=0.5)}


@dataclass(frozen=True)
class Setting:
    """Heads of one shape, and how much faster than a loop they have to train.

    Args:
        name: what the table calls it.
        widths: features, hidden units, outputs.
        batch: members a minibatch.
        epochs: trained in each round.
        task: `regression` or `binary`.
        over_loop: least speed-up over a plain loop.
        over_products: most time as a multiple of the matrix products' time; None: no target.
    """

    name: str
    widths: tuple[int, ...]
    batch: int
    epochs: int
    task: TaskName
    over_loop: float
    over_products: float | None = None

    def module(self) -> nn.Module:
        """One fresh head."""
        if len(self.widths) == 2:
            return linear(*self.widths)
        return mlp(self.widths[0], self.widths[-1], self.widths[1:-1])


SETTINGS = (
    Setting("512-64-1, batch 64", (512, 64, 1), 64, 5, "regression", 3.0, 2.0),
    Setting("128-1, batch 64", (128, 1), 64, 10, "binary", 6.0),
    Setting("512-256-1, batch 128", (512, 256, 1), 128, 3, "regression", 1.0),
)


def trained(
    kind: type[Stack | Loop],
    setting: Setting,
    x: Tensor,
    y: Tensor,
    members: Tensor,
    noise: float | None = None,
    quantizer: Quantizer | None = None,
) -> Work:
    """All runs as one stack or each by itself, by the function that the experiments use.

    Args:
        kind: which of them.
        setting: heads of one shape.
        x: features.
        y: targets.
        members: of every run, [runs, members].
        noise: multiplier of private training; None: it is not private.
        quantizer: that is in the loop; None: none is.
    """
    stack = kind(setting.module, range(RUNS), TASKS[setting.task])
    plain = composed([]).training
    config = replace(
        plain,
        lr=1e-3,
        batch_size=setting.batch,
        epochs=setting.epochs,
        dp=replace(plain.dp, noise_multiplier=noise),
    )
    targets = y.expand(RUNS, -1).contiguous()

    def work() -> None:
        own = list(members)
        for _ in train(stack, config, x, targets, own, 0, range(RUNS), lambda _: None, quantizer):
            pass

    return work


def looped(setting: Setting, x: Tensor, y: Tensor, members: Tensor) -> Work:
    """One run after another in plain PyTorch.

    Args:
        setting: heads of one shape.
        x: features.
        y: targets.
        members: of every run, [runs, members].
    """
    loss = nn.MSELoss() if setting.task == "regression" else nn.BCEWithLogitsLoss()

    def work() -> None:
        for own in members:
            own_x, own_y = x[own], y[own]
            model = setting.module()
            optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
            for _ in range(setting.epochs):
                order = torch.randperm(MEMBERS)
                batches_x = own_x[order].split(setting.batch)
                batches_y = own_y[order].split(setting.batch)
                for batch_x, batch_y in zip(batches_x, batches_y, strict=True):
                    optimiser.zero_grad()
                    loss(model(batch_x).squeeze(-1), batch_y).backward()
                    optimiser.step()

    return work


def training_rows(setting: Setting) -> list[Row]:
    """Time one setting against the loop and against its products.

    Args:
        setting: heads of one shape.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2 * MEMBERS, setting.widths[0], generator=generator)
    y = (x[:, 0] > 0).float()
    shuffled = [torch.randperm(2 * MEMBERS, generator=generator) for _ in range(RUNS)]
    members = torch.stack([each[:MEMBERS] for each in shuffled])
    stack, private, separate, loop, products, *aware = interleaved(
        [
            trained(Stack, setting, x, y, members),
            trained(Stack, setting, x, y, members, noise=1.0),
            trained(Loop, setting, x, y, members),
            looped(setting, x, y, members),
            training_products(setting.widths, MEMBERS, setting.batch, setting.epochs, RUNS),
            *(trained(Stack, setting, x, y, members, quantizer=each) for each in QAT.values()),
        ],
        ROUNDS,
    )
    steps = setting.epochs * -(-MEMBERS // setting.batch)

    def line(
        what: str, mine: float, theirs: float, ratio: float, target: str = "", ok: bool = True
    ):
        said = verdict(ok) if target else ""
        times = (f"{each / steps * 1e3:.2f} ms/step" for each in (mine, theirs))
        return f"{setting.name}: {what}", *times, f"{ratio:.2f}", target, said

    speed_up, multiple, private_over = loop / stack, stack / products, private / stack
    least, most = setting.over_loop, setting.over_products
    wanted = ("", True) if most is None else (f"<= {most:g}", multiple <= most)
    dp_wanted = f"<= {DP_OVER_PLAIN:g}", private_over <= DP_OVER_PLAIN
    return [
        line("faster than a loop", stack, loop, speed_up, f">= {least:g}", speed_up >= least),
        line("faster than vectorize=false", stack, separate, separate / stack),
        line("DP-SGD, times plain training", private, stack, private_over, *dp_wanted),
        *(
            line(
                f"trained as {name}, times plain training",
                mine,
                stack,
                mine / stack,
                f"<= {QAT_OVER_PLAIN:g}",
                mine / stack <= QAT_OVER_PLAIN,
            )
            for name, mine in zip(QAT, aware, strict=True)
        ),
        line("times its products", stack, products, multiple, *wanted),
    ]
