"""What values may be, beyond their types."""

import math
import re
from collections.abc import Callable
from typing import Any

from quantmia.config.wording import did_you_mean, show
from quantmia.runs.shards import blocks

CHOICES = {
    "split.membership": ("half", "coin"),
    "training.optimizer": ("adam", "sgd"),
    "indicator.variant": ("paper", "rate", "low_loss", "pooled"),
    "quantization.scale": ("data", "unit", "fixed"),
    "quantization.per": ("tensor", "channel", "group"),
}
AT_LEAST = {
    "seed": 0,
    "split.seed": 0,
    "runs_max": 1,
    "shards": 1,
    "shard": 0,
    "training.epochs": 1,
    "training.batch_size": 1,
    "training.checkpoint_every": 1,
    "quantization.group_size": 1,
    "ranking.bootstrap": 1,
    "ranking.halves": 1,
    "indicator.low_loss_models": 2,
}
INSIDE_0_1 = ("split.validation", "ranking.confidence")
POSITIVE = ("training.lr", "quantization.scale_value", "ranking.tolerance")
NOT_NEGATIVE = ("training.weight_decay", "training.momentum")


def beyond_limits(values: dict[str, Any]) -> list[str]:
    """One sentence for every value outside its limits.

    Args:
        values: dotted key to value, of the keys whose type is right.
    """
    faults = []

    def limit(key: str, holds: Callable[[Any], bool], allowed: str) -> None:
        if key in values and not holds(values[key]):
            faults.append(f"{key}={show(values[key])}: {allowed}")

    limit(
        "name",
        lambda v: bool(v) and "/" not in v and not v.startswith("."),
        "has to be a folder's name: not empty, without '/', not starting with '.'",
    )
    limit(
        "runs",
        lambda v: v == "auto" or (isinstance(v, int) and v >= 1),
        "has to be an integer of 1 or more, or auto",
    )
    limit(
        "training.stack",
        lambda v: v == "auto" or (isinstance(v, int) and v >= 1),
        "has to be an integer of 1 or more, or auto",
    )
    limit(
        "device",
        lambda v: re.fullmatch(r"auto|cpu|cuda(:\d+)?", v) is not None,
        "has to be auto, cpu, cuda or, of several GPUs, one such as cuda:1",
    )
    for key, choices in CHOICES.items():
        near = did_you_mean(str(values.get(key)), choices)
        limit(key, choices.__contains__, f"has to be one of {', '.join(choices)}{near}")
    for key, least in AT_LEAST.items():
        limit(key, lambda v, least=least: v >= least, f"has to be {least} or more")
    for key in INSIDE_0_1:
        limit(key, lambda v: 0 < v < 1, "has to lie between 0 and 1, both excluded")
    for key in POSITIVE:
        limit(key, lambda v: 0 < v < math.inf, "has to be a finite number above 0")
    for key in NOT_NEGATIVE:
        limit(key, lambda v: 0 <= v < math.inf, "has to be a finite number, 0 or more")
    limit(
        "indicator.grids",
        lambda v: bool(v) and all(step >= 1 for step in v),
        "has to list integers of 1 or more",
    )
    limit(
        "ranking.epsilon",
        lambda v: not v or values.get("split.membership") != "half",
        "a bound on epsilon needs members drawn by independent coins, and halves are not: use "
        "split.membership=coin",
    )
    _limit_shards(values, limit)
    epochs = values.get("training.epochs")
    if epochs is not None and epochs >= 1:
        limit(
            "training.checkpoint_every",
            lambda v: v <= epochs,
            f"no checkpoint would be made: has to be at most training.epochs={epochs}",
        )
    return faults


def _limit_shards(values: dict[str, Any], limit: Callable[..., None]) -> None:
    shards, runs, stack = (values.get(key) for key in ("shards", "runs", "training.stack"))
    if shards is None or shards < 1:
        return
    limit(
        "shard",
        lambda v: v < shards,
        f"shards={shards} are numbered 0 to {shards - 1}; a sweep takes "
        f"shards={shards} 'shard=range({shards})'",
    )
    if shards > 1 and runs == "auto":
        limit("shards", lambda v: False, "runs=auto looks at all runs; give a number of runs")
    if shards > 1 and stack == "auto":
        limit("shards", lambda v: False, "shards take whole stacks; give training.stack a number")
    if isinstance(runs, int) and isinstance(stack, int) and runs >= 1 and stack >= 1:
        count = len(blocks(runs, stack))
        limit(
            "shards",
            lambda v: v <= count,
            f"runs={runs} are {count} stacks of training.stack={stack}, which are not divided; use "
            f"at most {count} shards, or smaller stacks",
        )
