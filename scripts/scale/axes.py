"""What grows, how far, and the command that is measured at each point."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.scale.sources import molecules, table

SMALL = ("full_precision", "sign", "ternary_50", "uniform_4")
# Of the registry, those that look at no data and answer in PyTorch; the first nine are the default.
QUANTIZERS = (
    "full_precision", "sign", "ternary_33", "ternary_50", "ternary_90", "uniform_2", "uniform_3",
    "uniform_4", "uniform_5", "sign_channel", "ternary_33_channel", "ternary_50_channel",
    "ternary_90_channel", "uniform_2_channel", "uniform_3_channel", "uniform_4_channel",
    "uniform_5_channel", "kmeans_2", "kmeans_4", "kmeans_8", "kmeans_16", "fp4", "nf4", "fp8_e4m3",
    "fp8_e5m2", "pruned_50", "inputs_50", "two_four", "int8", "int4",
)  # fmt: skip
MIXTURE = ("+experiment=synthetic", "dataset.size=1000", "training.epochs=10")


@dataclass(frozen=True)
class Axis:
    """One thing that grows while the others stay.

    Args:
        key: of its rows.
        name: on the page.
        points: how many, in order.
        about: what stays.
        command: overrides of `quantmia run` at a point; given the file of its data.
        source: makes that file, if there is to be one.
    """

    key: str
    name: str
    points: Sequence[int]
    about: str
    command: Callable[[int, Path], Sequence[str]]
    source: Callable[[int, Path], None] | None = None


def _rows(_: int, data: Path) -> list[str]:
    return [
        "dataset=csv", f"dataset.path={data}", "dataset.target=y",
        "embedder=none", "runs=8", "training.stack=8", "training.epochs=4",
        "training.batch_size=1024", _chosen(SMALL),
    ]  # fmt: skip


def _molecules(_: int, data: Path) -> list[str]:
    return [
        "dataset=csv", f"dataset.path={data}", "dataset.target=y",
        "dataset.smiles=smiles", "embedder=minimol", "model=mlp", "model.hidden=[64]", "runs=8",
        "training.stack=8", "training.epochs=4", "training.batch_size=256", _chosen(SMALL),
    ]  # fmt: skip


def _runs(runs: int, _: Path) -> list[str]:
    small = ("+experiment=synthetic", "dataset.size=400", "dataset.dimension=16")
    return [*small, "training.epochs=10", f"runs={runs}", _chosen(SMALL)]


def _hidden(units: int, _: Path) -> list[str]:
    return [*MIXTURE, "model=mlp", f"model.hidden=[{units}]", "runs=20", _chosen(SMALL)]


def _quantizers(count: int, _: Path) -> list[str]:
    return [*MIXTURE, "runs=20", _chosen(QUANTIZERS[:count])]


def _chosen(names: Sequence[str]) -> str:
    return f"quantizer=[{','.join(names)}]"


AXES = (
    Axis(
        "rows",
        "rows",
        (10**3, 10**4, 10**5, 10**6),
        "a CSV file of 12 numbers and a binary target, a linear model, 8 runs of 4 epochs, "
        "4 quantizers",
        _rows,
        table,
    ),
    Axis(
        "molecules",
        "molecules",
        (10**3, 10**4),
        "SMILES embedded by MiniMol from the beginning, 512-64-1, 8 runs of 4 epochs, 4 quantizers",
        _molecules,
        molecules,
    ),
    Axis(
        "runs",
        "runs",
        (20, 200, 2000),
        "the mixture of 400 samples in 16 numbers, a linear model, 10 epochs, 4 quantizers",
        _runs,
    ),
    Axis(
        "hidden",
        "hidden units",
        (64, 256, 1024, 2048),
        "the mixture of 1,000 samples in 128 numbers, one hidden layer, 20 runs of 10 epochs, "
        "4 quantizers",
        _hidden,
    ),
    Axis(
        "quantizers",
        "quantizers",
        (3, 9, 30),
        "the mixture of 1,000 samples in 128 numbers, a linear model, 20 runs of 10 epochs",
        _quantizers,
    ),
)
