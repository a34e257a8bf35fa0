"""Sessions of ONNX Runtime: models quantized by its own tool, which answer by themselves."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
import xxhash
from jaxtyping import Float
from onnxruntime import InferenceSession
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.quant_utils import quantize_data
from torch import Tensor

from quantmia.errors import QuantmiaError
from quantmia.quantizers.exported import INPUT, Exported, asked, exported, opened, quiet
from quantmia.quantizers.layers import Calibration
from quantmia.quantizers.shipped import Models, Params, Quantized, Shipped


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


@dataclass(frozen=True)
class _Answering:
    """The model of a run: a session, and what tells it from others."""

    session: InferenceSession
    fingerprint: int
    model: bytes

    @classmethod
    def of(cls, model: onnx.ModelProto) -> "_Answering":
        constants = sorted(each.SerializeToString() for each in model.graph.initializer)
        mark = xxhash.xxh3_64(b"".join(constants)).intdigest()
        content = model.SerializeToString()
        return cls(opened(content), mark, content)


class Sessions(Shipped):
    """Models that a runtime answers for.

    Args:
        answering: by run; None where training diverged, and every answer is NaN.
        quantized: their weights.
        out_features: numbers that they answer a sample.
        batch: samples a call, or None for all at once.
    """

    def __init__(
        self,
        answering: list[_Answering | None],
        quantized: Quantized,
        out_features: int,
        batch: int | None,
    ):
        self._answering, self._quantized = answering, quantized
        self._out, self._batch = out_features, batch

    @property
    def weights(self):
        """As the library rounds them."""
        return self._quantized.weights

    def __call__(self, x):
        """Run by run, batch by batch."""
        rows = np.ascontiguousarray(x.numpy(force=True))
        size = self._batch or len(rows)
        batches = [rows[start : start + size] for start in range(0, len(rows), size)]
        found = np.full((len(self._answering), len(rows), self._out), np.nan, np.float32)
        for run, each in enumerate(self._answering):
            if each is not None:
                parts = [asked(each.session, batch) for batch in batches]
                found[run] = np.concatenate(parts)
        return torch.from_numpy(found).to(x.device)

    def fingerprints(self):
        """Of the constants of the quantized graph; of a diverged run of its weights."""
        own = self._quantized.fingerprints() if None in self._answering else []
        return [
            own[run] if each is None else each.fingerprint
            for run, each in enumerate(self._answering)
        ]

    def artefact(self, run):
        """The quantized model as ONNX.

        Raises:
            QuantmiaError: training diverged.
        """
        own = self._answering[run]
        if own is None:
            raise QuantmiaError("the training of this run diverged: there is nothing to ship")
        return ".onnx", own.model

    def copy(self):
        """The same sessions, which nothing changes."""
        return Sessions(list(self._answering), self._quantized.copy(), self._out, self._batch)

    def take(self, runs, other):
        """Session by session."""
        assert isinstance(other, Sessions)  # of the same quantizer
        for run in runs:
            self._answering[run] = other._answering[run]
        self._quantized.take(runs, other._quantized)


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
    wide = [name for name in models.parameters if params[name].dtype != torch.float32]
    if wide:
        raise QuantmiaError(
            f"model: '{wide[0]}' is {str(params[wide[0]].dtype).removeprefix('torch.')}, and ONNX "
            "Runtime quantizes float32 alone"
        )
    graph = exported(models, params, sample)
    answering = [_of_run(run, settings, params, graph, calibration) for run in range(_runs(params))]
    return Sessions(answering, Quantized(models, weights), graph.out_features, batch)


def _of_run(
    run: int,
    settings: Settings,
    params: Params,
    graph: Exported,
    calibration: Calibration | None,
) -> _Answering | None:
    own = {name: value[run] for name, value in params.items()}
    if not all(torch.isfinite(value).all() for value in own.values()):
        return None
    rows = calibration.rows[run].numpy(force=True) if settings.static and calibration else None
    return _Answering.of(settings(graph(own), rows))


def _runs(params: Params) -> int:
    return len(next(iter(params.values())))


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
