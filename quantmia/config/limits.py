"""What values may be beside each other; what each may be by itself, the schema says."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from quantmia.config.wording import show
from quantmia.errors import did_you_mean


def beyond_limits(values: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for every value that does not go with another.

    Args:
        values: dotted key to value, of the keys that are right by themselves.
    """
    epochs, every = values.get("training.epochs"), values.get("training.checkpoint_every")
    if epochs is not None and every is not None and every > epochs:
        yield (
            f"training.checkpoint_every={every}: no checkpoint would be made: has to be at most "
            f"training.epochs={epochs}"
        )
    if values.get("training.dp.epsilon") and values.get("training.dp.noise_multiplier"):
        yield (
            "training.dp: epsilon decides the noise multiplier, or the noise multiplier decides "
            "epsilon: give one of them, and null for the other"
        )
    private = values.get("training.dp.epsilon") or values.get("training.dp.noise_multiplier")
    if private and values.get("training.vectorize") is False:
        yield (
            "training.vectorize=false: training.dp clips the gradient of every sample by itself, "
            "which takes a stack: use training.vectorize=true"
        )
    if values.get("training.qat") is not None:
        yield from _of_qat(values)
    yield from _of_sam(values, private)
    yield from _of_averages(values, epochs)
    yield from _of_releases(values.get("release.checkpoints"), epochs, every)
    if values.get("ranking.epsilon") and values.get("split.membership") == "half":
        yield (
            "ranking.epsilon=true: a bound on epsilon needs members drawn by independent coins, "
            "and halves are not: use split.membership=coin"
        )
    if values.get("calibration.audit"):
        yield from _of_audit(values)
    if values.get("shards") is not None:
        yield from _of_shards(values["shards"], values)


def _of_qat(values: Mapping[str, Any]) -> Iterator[str]:
    name, epochs = values["training.qat"], values.get("training.epochs")
    quantizers, warmup = values.get("quantizer"), values.get("training.qat_warmup")
    if isinstance(quantizers, dict) and name not in quantizers:
        listed = ", ".join(quantizers) or "none"
        hint = did_you_mean(name, quantizers) or f"; add it: 'quantizer=[{name}]'"
        yield (f"training.qat={name}: is not among the quantizers that are chosen ({listed}){hint}")
    if epochs is not None and warmup is not None and warmup >= epochs:
        yield (
            f"training.qat_warmup={warmup}: nothing would be trained as it is quantized; has to be "
            f"below training.epochs={epochs}"
        )


def _of_sam(values: Mapping[str, Any], private: Any) -> Iterator[str]:
    radius = values.get("training.sam")
    if radius is None:
        return
    if private:
        yield (
            f"training.sam={radius}: the gradient that moves the parameters would have to be "
            "private as well, which training.dp does not account for: use training.sam=null, or "
            "null for training.dp.epsilon and training.dp.noise_multiplier"
        )
    if values.get("training.qat") is not None:
        yield (
            f"training.sam={radius}: training.qat={values['training.qat']} takes gradients at "
            "quantized weights, which are not moved: use training.sam=null or training.qat=null"
        )


def _of_averages(values: Mapping[str, Any], epochs: int | None) -> Iterator[str]:
    ema, swa = values.get("training.ema"), values.get("training.swa")
    if ema is not None and swa is not None:
        yield (
            f"training.ema={ema}: training.swa={swa} averages the weights in another way: give "
            "one of them, and null for the other"
        )
    if swa is not None and epochs is not None and swa > epochs:
        yield (
            f"training.swa={swa}: nothing would be averaged: has to be at most "
            f"training.epochs={epochs}"
        )
    restarts = values.get("training.warm_restarts")
    if restarts is not None and epochs is not None and restarts > epochs:
        yield (
            f"training.warm_restarts={restarts}: not one cycle would come to its end: has to be "
            f"at most training.epochs={epochs}"
        )


def _of_releases(chosen: Any, epochs: int | None, every: int | None) -> Iterator[str]:
    if not isinstance(chosen, list) or epochs is None or every is None:
        return
    absent = [each for each in chosen if isinstance(each, int) and (each % every or each > epochs)]
    if absent:
        yield (
            f"release.checkpoints: there is no checkpoint after epoch {absent[0]}: it has to be a "
            f"multiple of training.checkpoint_every={every}, at most training.epochs={epochs}"
        )


def _of_audit(values: Mapping[str, Any]) -> Iterator[str]:
    rows, apart = values.get("calibration.rows"), values.get("split.calibration")
    source = values.get("calibration.source")
    if apart is not None and apart < 4:
        yield (
            f"calibration.audit=true: split.calibration={apart} sets too few samples apart to ask "
            "about: give 512, or four times as many as calibrate"
        )
        return
    if source == "members":
        yield (
            "calibration.audit=true: asks which of the samples set apart calibrated a run, and "
            "calibration.source=members shows it none of them: use calibration.source=apart"
        )
    if source == "apart" and rows is not None and apart is not None and apart < rows + 2:
        yield (
            f"calibration.audit=true: tells the rows that a run is shown from others that are set "
            f"apart too, and split.calibration={apart} leaves none beside calibration.rows={rows}: "
            f"use split.calibration={4 * rows}, or fewer rows"
        )


def _of_shards(shards: int, values: Mapping[str, Any]) -> Iterator[str]:
    shard, runs, stack = (values.get(key) for key in ("shard", "runs", "training.stack"))
    if shard is not None and shard >= shards:
        yield (
            f"shard={shard}: shards={shards} are numbered 0 to {shards - 1}; a sweep takes "
            f"shards={shards} 'shard=range({shards})'"
        )
    if shards > 1 and runs == "auto":
        yield f"shards={show(shards)}: runs=auto looks at all runs; give a number of runs"
    if shards > 1 and stack == "auto":
        yield f"shards={shards}: shards take whole stacks; give training.stack a number"
    if isinstance(runs, int) and isinstance(stack, int):
        count = math.ceil(runs / stack)
        if shards > count:
            yield (
                f"shards={shards}: runs={runs} are {count} stacks of training.stack={stack}, which "
                f"are not divided; use at most {count} shards, or smaller stacks"
            )
