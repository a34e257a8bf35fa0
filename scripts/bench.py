"""Time training and the main job against plain loops and against their own matrix products.

    python scripts/bench.py

Everything runs in this one process; each figure is the median of interleaved rounds after a
warm-up, so that a slow moment of the machine falls on all sides alike.
"""

import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Literal, cast

import torch
from rich.console import Console
from torch import Tensor, nn

from quantmia.cli.choices import choices
from quantmia.cli.overrides import composed
from quantmia.experiment import Experiment
from quantmia.models import linear, mlp
from quantmia.models.layers import LayerInputs
from quantmia.models.loop import Loop
from quantmia.models.skeleton import skeleton
from quantmia.models.stack import Stack
from quantmia.pipeline.run import run
from quantmia.preemption import Stop
from quantmia.progress import Progress
from quantmia.quantizers import Quantizer, Sign, Ternary, Uniform, make
from quantmia.tasks import TASKS, TaskName
from quantmia.training.allocator import keep_freed_memory
from quantmia.training.train import train

RUNS, MEMBERS, ROUNDS, JOB_ROUNDS = 20, 1260, 9, 3
DP_OVER_PLAIN = 3.0
QAT_OVER_PLAIN = 1.6
QAT = {"sign": Sign(), "uniform_4": Uniform(bits=4), "ternary_50": Ternary(sparsity=0.5)}
SHOWN = 512  # rows of data that quantizers look at
JOB_OVER_PRODUCTS = 2.0  # of the last checkpoint alone
FRONT_OVER_JOB = 1.5
Work = Callable[[], object]


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


def interleaved(works: Sequence[Work], rounds: int) -> list[float]:
    """Median seconds of each work over rounds in which they take turns, after one warm-up."""
    seconds: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 1):
        for work, kept in zip(works, seconds, strict=True):
            started = time.perf_counter()
            work()
            if number:
                kept.append(time.perf_counter() - started)
    return [median(kept) for kept in seconds]


def trained(
    kind: type[Stack | Loop],
    setting: Setting,
    x: Tensor,
    y: Tensor,
    members: Tensor,
    noise: float | None = None,
    quantizer: Quantizer | None = None,
) -> Work:
    """All runs as one stack or each by itself, by the function that the experiments use."""
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
    """One run after another in plain PyTorch."""
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


def training_products(
    widths: Sequence[int], members: int, batch: int, epochs: int, runs: int
) -> Work:
    """The matrix products of training alone: forward, weight gradient, input gradient."""
    pairs = [(torch.randn(runs, o, i), i, o) for i, o in pairwise(widths)]
    sizes = [len(part) for part in torch.arange(members).split(batch)]
    inputs = {size: [torch.randn(runs, size, i) for _, i, _ in pairs] for size in set(sizes)}
    errors = {size: [torch.randn(runs, size, o) for _, _, o in pairs] for size in set(sizes)}

    def work() -> None:
        for size in sizes * epochs:
            for layer, (weight, _, _) in enumerate(pairs):
                given, error = inputs[size][layer], errors[size][layer]
                torch.bmm(given, weight.mT)
                torch.bmm(error.mT, given)
                if layer:
                    torch.bmm(error, weight)

    return work


def evaluation_products(widths: Sequence[int], samples: int, times: int, runs: int) -> Work:
    """The matrix products of evaluating a stack on shared samples: one big one, then by run."""
    x = torch.randn(samples, widths[0])
    first = torch.randn(widths[0], runs * widths[1])
    hidden = [torch.randn(runs, samples, width) for width in widths[1:-1]]
    weights = [torch.randn(runs, i, o) for i, o in pairwise(widths[1:])]

    def work() -> None:
        for _ in range(times):
            torch.mm(x, first)
            for given, weight in zip(hidden, weights, strict=True):
                torch.bmm(given, weight)

    return work


def training_rows(setting: Setting) -> list[tuple[str, ...]]:
    """Time one setting against the loop and against its products."""
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
        verdict = _verdict(ok) if target else ""
        times = (f"{each / steps * 1e3:.2f} ms/step" for each in (mine, theirs))
        return f"{setting.name}: {what}", *times, f"{ratio:.2f}", target, verdict

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


def quantizer_rows() -> list[tuple[str, ...]]:
    """Time every quantizer but torchao's on a stack of 512-64-1, against uniform_4."""
    names = [name for name, _ in choices("quantizer") if not name.startswith("int")]
    entries = composed([f"quantizer=[{','.join(names)}]"]).quantizer
    stack = Stack(SETTINGS[0].module, range(RUNS), TASKS["regression"])
    rows = torch.randn(RUNS, SHOWN, 512, generator=torch.Generator().manual_seed(0))
    layers = LayerInputs(skeleton(SETTINGS[0].module()), rows)
    works = [partial(make(entry).quantize, stack.initial, layers) for entry in entries.values()]
    seconds = dict(zip(entries, interleaved(works, ROUNDS), strict=True))
    reference = seconds["uniform_4"]
    return [
        (
            f"512-64-1 quantized: {name}",
            f"{mine * 1e3:.2f} ms",
            f"{reference * 1e3:.2f} ms",
            f"{mine / reference:.2f}",
        )
        for name, mine in seconds.items()
    ]


def main_job() -> list[tuple[str, ...]]:
    """Time the Lipophilicity experiment, embeddings cached: against its products, and its front."""
    progress = Progress(Console(file=io.StringIO()))
    silent = io.StringIO()
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stderr(silent):
        folder = Path(name)
        config = composed(["+experiment=lipophilicity"])
        dataset = Experiment(config, folder, progress).dataset
        n_val = round(config.split.validation * dataset.size)
        widths = (dataset.features.shape[1], *config.model["hidden"], 1)
        training, runs = config.training, cast(int, config.runs)
        evaluations = len(training.checkpoints) * len(config.quantizer)
        products = (
            training_products(
                widths,
                (dataset.size - n_val) // 2,
                training.batch_size,
                training.epochs,
                runs,
            ),
            evaluation_products(widths, n_val, evaluations, runs),
        )
        paths = (folder / f"job-{number}" for number in range(3 * JOB_ROUNDS))

        def job(checkpoints: Literal["auto", "last"]) -> None:
            release = replace(config.release, checkpoints=checkpoints)
            with contextlib.redirect_stdout(silent):
                run(replace(config, release=release), next(paths), folder, progress, [], Stop())

        def own_products() -> None:
            for work in products:
                work()

        seconds, front, alone = interleaved(
            [partial(job, "last"), partial(job, "auto"), own_products], JOB_ROUNDS
        )
    return [
        (
            "lipophilicity, whole job: with its front",
            f"{front:.1f} s",
            f"{seconds:.1f} s",
            f"{front / seconds:.2f}",
            f"<= {FRONT_OVER_JOB:g}",
            _verdict(front / seconds <= FRONT_OVER_JOB),
        ),
        (
            "lipophilicity, whole job: times its products",
            f"{seconds:.1f} s",
            f"{alone:.1f} s",
            f"{seconds / alone:.2f}",
            f"<= {JOB_OVER_PRODUCTS:g}",
            _verdict(seconds / alone <= JOB_OVER_PRODUCTS),
        ),
    ]


def _verdict(reached: bool) -> str:
    return "ok" if reached else "MISSED"


def main() -> None:
    """Print the table."""
    keep_freed_memory()
    print(f"{RUNS} runs, {MEMBERS} members each, {torch.get_num_threads()} threads")
    header = ("", "quantmia", "reference", "ratio", "target", "")
    training = (partial(training_rows, each) for each in SETTINGS)
    for rows in (lambda: [header], *training, quantizer_rows, main_job):
        for what, *figures in rows():
            print(f"{what:<52}", *(f"{figure:>13}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
