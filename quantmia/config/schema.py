"""The schema of an experiment: every key, its type and its default."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class SplitConfig:
    """How samples are held out.

    Args:
        validation: share of the samples on which losses are measured, in (0, 1).
        seed: draws the validation samples, the same for every `seed` of the experiment.
        membership: each run trains on a random `half` of the pool, or on every sample by a fair
            `coin` of its own, which a lower bound on epsilon needs.
        standardise: features by the mean and deviation of the validation samples.
    """

    validation: float = 0.4
    seed: int = 0
    membership: str = "half"
    standardise: bool = True


@dataclass
class TrainingConfig:
    """How one run is trained; all runs alike.

    Args:
        optimizer: `adam` or `sgd`.
        lr: learning rate.
        batch_size: members a minibatch.
        epochs: passes over the members.
        checkpoint_every: epochs between checkpoints of the trajectory.
        weight_decay: L2 penalty added to the gradient.
        momentum: of `sgd`.
        stack: runs trained together; the same seed and stack give the same bits. `auto`: as many
            as the device's memory holds, 100 at most.
        vectorize: train the runs of a stack as one; false: one after another, for modules with
            buffers (BatchNorm) or random numbers (Dropout).
    """

    optimizer: str = "adam"
    lr: float = 1e-3
    batch_size: int = 64
    epochs: int = 60
    checkpoint_every: int = 1
    weight_decay: float = 0.0
    momentum: float = 0.9
    stack: int | str = 20
    vectorize: bool = True


@dataclass
class TrajectoryConfig:
    """Whether checkpoints stay in the cache for later commands.

    Args:
        keep: write every checkpoint; a later command with more quantizers trains nothing again.
    """

    keep: bool = False


@dataclass
class QuantizationConfig:
    """Settings that all built-in quantizers share unless one overrides its own.

    Args:
        scale: `data`, `unit` or `fixed`.
        scale_value: half-width of the codebook for `scale: fixed`.
        per: one codebook a `tensor`, an output `channel` or a `group` of its weights.
        group_size: weights a group.
        bias: quantize biases too.
    """

    scale: str = "data"
    scale_value: float = 1.0
    per: str = "tensor"
    group_size: int = 128
    bias: bool = False


@dataclass
class IndicatorConfig:
    """Which variant of r_Q the ranking uses; all are reported.

    Args:
        variant: `paper`, `rate`, `low_loss` or `pooled`.
        low_loss_models: K, models that `low_loss` takes its maximum over.
        grids: checkpoint grids of the sensitivity analysis, 1 = every checkpoint.
    """

    variant: str = "paper"
    low_loss_models: int = 10
    grids: list[int] = field(default_factory=lambda: [1, 2, 5, 10])


@dataclass
class RankingConfig:
    """Uncertainty of the ranking.

    Args:
        confidence: of every interval, in (0, 1).
        bootstrap: resamples of the runs.
        halves: random halves of the runs for the stability of the ranking.
        tolerance: differences of MIS that `runs=auto` counts as none.
        epsilon: whether to bound epsilon from below; null: where that holds, which is with
            `split.membership=coin`.
    """

    confidence: float = 0.95
    bootstrap: int = 1000
    halves: int = 200
    tolerance: float = 0.02
    epsilon: bool | None = None


@dataclass
class ReportConfig:
    """The page at the end of a run; `report=true` is short for `report.page=true`.

    Args:
        page: whether to write report.html and figures/.
        expose_samples: write it, and name the samples that are found most easily, which makes the
            page as sensitive as they are.
    """

    page: bool = False
    expose_samples: bool = False

    @property
    def wanted(self) -> bool:
        """Whether there is to be a page."""
        return self.page or self.expose_samples


@dataclass
class ExperimentConfig:
    """One experiment.

    Args:
        name: folder of the results under outputs/.
        seed: of the runs' members, initialisations and batches.
        runs: trainings; `auto`: until neighbours in the ranking are told apart or equal.
        runs_max: of `auto`.
        shards: jobs that share the runs, each with a folder of its own.
        shard: which of them this is, from 0; it trains and measures, `quantmia rank` merges.
        resume: complete the folder of an interrupted run.
        device: to train and evaluate on: `cpu`, `cuda`, `cuda:1`, or `auto`: a GPU if there is one.
        dataset: `_target_` and its arguments.
        embedder: `_target_` and its arguments; null for numeric data.
        model: `_target_` of a function that returns a module.
        quantizer: by name, each with `_target_`.
        attack: by name, each with `_target_`.
    """

    name: str = "experiment"
    seed: int = 0
    runs: int | str = 20
    runs_max: int = 500
    shards: int = 1
    shard: int = 0
    resume: bool = False
    device: str = "auto"
    dataset: dict[str, Any] = field(default_factory=dict)
    embedder: dict[str, Any] | None = None
    model: dict[str, Any] = field(default_factory=dict)
    split: SplitConfig = field(default_factory=SplitConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    trajectory: TrajectoryConfig = field(default_factory=TrajectoryConfig)
    quantization: QuantizationConfig = field(default_factory=QuantizationConfig)
    quantizer: dict[str, Any] = field(default_factory=dict)
    indicator: IndicatorConfig = field(default_factory=IndicatorConfig)
    attack: dict[str, Any] = field(default_factory=dict)
    ranking: RankingConfig = field(default_factory=RankingConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
