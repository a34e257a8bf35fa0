"""The main job as a user runs it, embeddings cached."""

import contextlib
import io
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, cast

from rich.console import Console

from quantmia.cli.overrides import composed
from quantmia.experiment import Experiment
from quantmia.pipeline.run import run
from quantmia.preemption import Stop
from quantmia.progress import Progress
from scripts.bench.products import evaluation_products, training_products
from scripts.bench.rounds import Row, interleaved, verdict

JOB_ROUNDS = 3
JOB_OVER_PRODUCTS = 2.0  # of the last checkpoint alone
FRONT_OVER_JOB = 1.5


def main_job() -> list[Row]:
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
            verdict(front / seconds <= FRONT_OVER_JOB),
        ),
        (
            "lipophilicity, whole job: times its products",
            f"{seconds:.1f} s",
            f"{alone:.1f} s",
            f"{seconds / alone:.2f}",
            f"<= {JOB_OVER_PRODUCTS:g}",
            verdict(seconds / alone <= JOB_OVER_PRODUCTS),
        ),
    ]
