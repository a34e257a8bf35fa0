"""The schema of an experiment: every key, what it may be, and what depends on it.

Defaults are not here but in `conf/`: one source, which users read and which a run records.
"""

from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from typing import Annotated, get_type_hints

from annotated_types import Ge
from pydantic import Strict
from pydantic.dataclasses import dataclass

from quantmia.config.roles import Role, keys
from quantmia.config.training import TrainingConfig
from quantmia.config.values import (
    CHECKED,
    Checkpoints,
    Count,
    CountOrAuto,
    Counts,
    Device,
    Enough,
    Entry,
    Flag,
    FolderName,
    Natural,
    Part,
    Positive,
    Share,
)
from quantmia.vocabulary import Membership, Per, Scale, Shown, Variant, Winsorise


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SplitConfig:
    """How samples are held out.

    Args:
        validation: share of the samples on which losses are measured, in (0, 1).
        seed: draws the validation samples, the same for every `seed` of the experiment.
        calibration: samples set apart from the pool, for quantizers that look at data
            (`calibration.source=apart`).
        membership: each run trains on a random `half` of the pool, or on every sample by a fair
            `coin` of its own, which a lower bound on epsilon needs.
        standardise: features by the mean and deviation of the validation samples; `winsorise`: and
            values beyond 10 deviations are brought in.
        label_noise: share of the pool, in [0, 1), that gets the label of another class, or of a
            regression each other's targets; the same samples in every run.
    """

    validation: Share
    seed: Natural
    calibration: Natural
    membership: Membership
    standardise: Flag | Winsorise
    label_noise: Part


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class RuleConfig:
    """What decides between releases.

    Args:
        utility_loss: share of the best utility that may be given up for privacy.
        mis: what the MIS has to be at least, if that decides; null: the utility does.
    """

    utility_loss: Annotated[Part, Role("tables")]
    mis: Annotated[Share | None, Role("tables")]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class ReleaseConfig(RuleConfig):
    """Which checkpoints might be shipped, and what decides between them.

    Args:
        utility_loss: share of the best utility that may be given up for privacy.
        mis: what the MIS has to be at least, if that decides; null: the utility does.
        checkpoints: `best` (the lowest loss on one half of the held-out samples), `last`, epochs;
            `auto`: both and epochs on a geometric grid. `last` alone makes no front.
        samples: on which releases are compared, at most: so many of the pool are attacked, and of
            so many held-out samples answers are kept; null: all. Utilities are of all, and so is
            the ranking after the last epoch.
    """

    checkpoints: Checkpoints
    samples: Enough | None


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class TrajectoryConfig:
    """Whether checkpoints stay in the cache for later commands.

    Args:
        keep: write every checkpoint; a later command with more quantizers trains nothing again.
    """

    keep: Flag


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class QuantizationConfig:
    """Settings that all built-in quantizers share unless one overrides its own.

    Args:
        scale: `data`, `unit` or `fixed`.
        scale_value: half-width of the codebook for `scale: fixed`.
        per: one codebook a `tensor`, an output `channel` or a `group` of its weights.
        group_size: weights a group.
        bias: quantize biases too.
    """

    scale: Scale
    scale_value: Positive
    per: Per
    group_size: Count
    bias: Flag


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class CalibrationConfig:
    """Settings that quantizers which look at data share unless one overrides its own.

    Args:
        rows: samples that each run is shown, at most.
        source: `members` of the run, samples set `apart` (`split.calibration`), or `noise`,
            standard normal numbers.
        audit: whether to ask which of the samples set apart calibrated a run.
    """

    rows: Annotated[int, Strict(), Ge(2)]
    source: Shown
    audit: Annotated[Flag, Role("tables")]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class IndicatorConfig:
    """Which variant of r_Q the ranking uses; all are reported.

    Args:
        variant: `paper`, `rate`, `low_loss` or `pooled`.
        low_loss_models: K, models that `low_loss` takes its maximum over.
        grids: checkpoint grids of the sensitivity analysis, 1 = every checkpoint.
    """

    variant: Annotated[Variant, Role("tables")]
    low_loss_models: Annotated[int, Strict(), Ge(2), Role("tables")]
    grids: Annotated[Counts, Role("tables")]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class MeasuredIndicatorConfig(IndicatorConfig):
    """Which variant of r_Q the ranking uses, and what is kept to compute it.

    Args:
        variant: `paper`, `rate`, `low_loss` or `pooled`.
        low_loss_models: K, models that `low_loss` takes its maximum over.
        grids: checkpoint grids of the sensitivity analysis, 1 = every checkpoint.
        samples: held-out samples, at most, whose losses are kept for every checkpoint and give the
            variances of r_Q; null: all. Mean losses are of all.
    """

    samples: Enough | None


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class RankingConfig:
    """Uncertainty of the ranking.

    Args:
        confidence: of every interval, in (0, 1).
        bootstrap: resamples of the runs.
        halves: random halves of the runs for the stability of the ranking.
        tolerance: differences of AUC that `runs=auto` counts as none.
        epsilon: whether to bound epsilon from below; null: where that holds, which is with
            `split.membership=coin`.
    """

    confidence: Share
    bootstrap: Count
    halves: Count
    tolerance: Positive
    epsilon: Flag | None


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class ReportConfig:
    """The page at the end of a run; `report=true` is short for `report.page=true`.

    Args:
        page: whether to write report.html and figures/.
        expose_samples: write it, and name the samples that are found beyond chance, which makes the
            page as sensitive as they are.
        verbose: print r_Q and all that is to be known of it, `--verbose` for short.
    """

    page: Flag
    expose_samples: Flag
    verbose: Flag

    @property
    def wanted(self) -> bool:
        """Whether there is to be a page."""
        return self.page or self.expose_samples


@dataclass(frozen=True, kw_only=True, config=CHECKED)
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
        split: how samples are held out.
        training: how a run is trained.
        release: which checkpoints are released.
        trajectory: whether checkpoints are kept.
        quantization: what the quantizers share.
        calibration: what those share that look at data.
        quantizer: by name, each with `_target_`.
        indicator: variant of r_Q.
        attack: by name, each with `_target_`.
        ranking: its uncertainty.
        report: whether there is a page.
    """

    name: Annotated[FolderName, Role("nothing", adds_up=True)]
    seed: Annotated[Natural, Role("training", merges=True, adds_up=True)]
    runs: Annotated[CountOrAuto, Role("runs", merges=True)]
    runs_max: Annotated[Count, Role("runs")]
    shards: Annotated[Count, Role("runs", merges=True)]
    shard: Annotated[Natural, Role("runs", merges=True, adds_up=True)]
    resume: Annotated[Flag, Role("nothing", adds_up=True)]
    device: Annotated[Device, Role("training", of_machine=True)]
    dataset: Annotated[Entry, Role("data")]
    embedder: Annotated[Entry | None, Role("data")]
    model: Annotated[Entry, Role("training")]
    split: Annotated[SplitConfig, Role("training")]
    training: Annotated[TrainingConfig, Role("training")]
    release: Annotated[ReleaseConfig, Role("measuring")]
    trajectory: Annotated[TrajectoryConfig, Role("nothing", adds_up=True)]
    quantization: Annotated[QuantizationConfig, Role("measuring")]
    calibration: Annotated[CalibrationConfig, Role("measuring")]
    quantizer: Annotated[dict[str, Entry], Role("measuring", merges=True, adds_up=True)]
    indicator: Annotated[MeasuredIndicatorConfig, Role("measuring")]
    attack: Annotated[dict[str, Entry], Role("tables")]
    ranking: Annotated[RankingConfig, Role("tables")]
    report: Annotated[ReportConfig, Role("nothing", adds_up=True)]


def dotted(schema: type, prefix: str = "") -> Iterator[str]:
    """Every key of a schema, those of its sections after them.

    Args:
        schema: a dataclass.
        prefix: of the keys.
    """
    for name, hint in get_type_hints(schema).items():
        yield prefix + name
        if is_dataclass(hint):
            yield from dotted(hint, f"{prefix}{name}.")  # pyright: ignore[reportArgumentType]


TABLES_ONLY = keys(ExperimentConfig, lambda role: role.tables_only)
MERGED = keys(ExperimentConfig, lambda role: role.tables_only or role.merges)
ADDED_UP = keys(ExperimentConfig, lambda role: role.adds_up)
OF_THE_MACHINE = keys(ExperimentConfig, lambda role: role.of_machine)
# Besides the data, which are told by their content, and the numbers of the runs.
OF_A_TRAJECTORY = keys(ExperimentConfig, lambda role: role.decides == "training")


def recorded(config: ExperimentConfig) -> Entry:
    """The configuration as a manifest keeps it."""
    return {key: value for key, value in asdict(config).items() if key != "resume"}
