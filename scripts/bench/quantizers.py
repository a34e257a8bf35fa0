"""A stack of models quantized: every scheme beside the one that rounds to 4 bits."""

from functools import partial

import torch

from quantmia.cli.choices import choices
from quantmia.cli.overrides import composed
from quantmia.models.layers import LayerInputs
from quantmia.models.skeleton import skeleton
from quantmia.models.stack import Stack
from quantmia.quantizers import make
from quantmia.tasks import TASKS
from scripts.bench.rounds import ROUNDS, RUNS, Row, interleaved
from scripts.bench.training import SETTINGS

SHOWN = 512  # rows of data that quantizers look at
OTHERS = (
    "int",
    "w4",
    "w8",
    "onnx",
    "torchao",
    "bnb",
)  # torchao's, and those that do more than round weights


def quantizer_rows() -> list[Row]:
    """Time every quantizer of weights but torchao's on a stack of 512-64-1, against uniform_4."""
    names = [name for name, _ in choices("quantizer") if not name.startswith(OTHERS)]
    entries = composed([f"quantizer=[{','.join(names)}]"]).quantizer
    stack = Stack(SETTINGS[0].module, range(RUNS), TASKS["regression"])
    rows = torch.randn(RUNS, SHOWN, 512, generator=torch.Generator().manual_seed(0))
    layers = LayerInputs(skeleton(SETTINGS[0].module()), rows)
    works = [partial(make(entry), stack.initial, layers) for entry in entries.values()]
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
