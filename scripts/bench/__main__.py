"""Time training, embedding and the main job against plain loops and against matrix products.

    python -m scripts.bench

Everything runs in this one process; each figure is the median of interleaved rounds after a
warm-up, so that a slow moment of the machine falls on all sides alike.
"""

from functools import partial

import torch

from quantmia.training.allocator import keep_freed_memory
from scripts.bench.embedding import embedding_rows
from scripts.bench.job import main_job
from scripts.bench.quantizers import quantizer_rows
from scripts.bench.rounds import MEMBERS, RUNS
from scripts.bench.training import SETTINGS, training_rows


def main() -> None:
    """Print the table."""
    keep_freed_memory()
    print(f"{RUNS} runs, {MEMBERS} members each, {torch.get_num_threads()} threads")
    header = ("", "quantmia", "reference", "ratio", "target", "")
    training = (partial(training_rows, each) for each in SETTINGS)
    for rows in (lambda: [header], *training, quantizer_rows, embedding_rows, main_job):
        for what, *figures in rows():
            print(f"{what:<52}", *(f"{figure:>13}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
