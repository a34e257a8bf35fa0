"""Sessions of ONNX Runtime: models quantized by its own tool, which answer by themselves."""

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import xxhash
from jaxtyping import Float
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.quant_utils import quantize_data
from torch import Tensor

from quantmia.quantizers.answering import Answering, Sessions, numbers_of_runs, refuse_wide
from quantmia.quantizers.exported import INPUT, Exported, asked, exported, opened
from quantmia.quantizers.layers import Calibration
from quantmia.quantizers.quiet import quiet
from quantmia.quantizers.shipped import Models, Params, Quantized


@dataclass(frozen=True)
class Settings:
    """Of the library's call.

    Args:
        static: `quantize_static`, not `quantize_dynamic`.
        per_channel: one scale an output channel of a weight.
        reduce_range: weights in 7 bits.
    """

    static: bool
    per_channel: bool
    reduce_range: bool

    def __call__(
        self, model: onnx.ModelProto, rows: Float[np.ndarray, "rows *features"] | None
    ) -> onnx.ModelProto:
        """The quantized model.

        Args:
            model: is not changed.
            rows: of which static ranges are.
        """
        with tempfile.TemporaryDirectory(prefix="quantmia-onnx-") as folder, quiet():
            source, target = Path(folder, "model.onnx"), Path(folder, "quantized.onnx")
            onnx.save(model, source)
            if self.static:
                assert rows is not None  # seen to when they are released
                quantize_static(
                    source,
                    target,
                    _Rows(rows),
                    quant_format=QuantFormat.QDQ,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    per_channel=self.per_channel,
                    reduce_range=self.reduce_range,
                )
            else:
                quantize_dynamic(
                    source,
                    target,
                    weight_type=QuantType.QInt8,
                    per_channel=self.per_channel,
                    reduce_range=self.reduce_range,
                )
            return onnx.load(target)


class _Rows(CalibrationDataReader):
    """Rows that a model is calibrated on, all at once."""

    def __init__(self, rows: np.ndarray):
        self._left = [{INPUT: rows}]

    def get_next(self):  # pyright: ignore[reportIncompatibleMethodOverride]: None is its end
        """The rows, and then nothing."""
        return self._left.pop() if self._left else None


def sessions(
    settings: Settings,
    params: Params,
    weights: Params,
    models: Models,
    sample: Float[Tensor, "samples *features"],
    calibration: Calibration | None,
    batch: int | None,
) -> Sessions:
    """Quantized models of all runs.

    Args:
        settings: of the library's call.
        params: in full precision, with the buffers.
        weights: the same as the library rounds them.
        models: that evaluate the architecture.
        sample: features like those that it is asked about.
        calibration: rows of which static ranges are.
        batch: samples a call, or None for all at once.

    Raises:
        QuantmiaError: the architecture cannot be exported, or is not of float32.
        ValueError: static ranges and no rows.
    """
    if settings.static and calibration is None:
        raise ValueError("static ranges want rows of data")
    refuse_wide("ONNX Runtime", params, models)
    graph = exported(models, params, sample)
    answering = [
        None if own is None else _of_run(run, settings, own, graph, calibration)
        for run, own in enumerate(numbers_of_runs(params))
    ]
    return Sessions(answering, Quantized(models, weights), graph.out_features, batch)


def _of_run(
    run: int, settings: Settings, own: Params, graph: Exported, calibration: Calibration | None
) -> Answering:
    rows = calibration.rows[run].numpy(force=True) if settings.static and calibration else None
    model = settings(graph(own), rows)
    constants = sorted(each.SerializeToString() for each in model.graph.initializer)
    mark = xxhash.xxh3_64(b"".join(constants)).intdigest()
    content = model.SerializeToString()
    return Answering(partial(asked, opened(content)), mark, lambda: (".onnx", content))


def rounded(
    row: Float[np.ndarray, " weights"], reduce_range: bool
) -> Float[np.ndarray, " weights"]:
    """Weights of one scale as the library rounds them, dequantized.

    Args:
        row: the weights; those of a diverged run stay as they are.
        reduce_range: 7 bits.
    """
    if not np.isfinite(row).all():
        return row
    zero, scale, codes = quantize_data(row, onnx.TensorProto.INT8, True, reduce_range)
    return ((codes.astype(np.int32) - np.int32(zero)) * np.float32(scale)).astype(row.dtype)
