"""Compiled models of OpenVINO: quantized by NNCF's own calls, they answer by themselves."""

import io
import tempfile
import zipfile
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import xxhash
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from quantmia.errors import QuantmiaError, first_line
from quantmia.quantizers.answering import Answering, Sessions, by_run, refuse_wide
from quantmia.quantizers.converted import Place, assembled, compiled, converted, places, stored
from quantmia.quantizers.exported import INPUT, OUTPUT, exported
from quantmia.quantizers.layers import Calibration
from quantmia.quantizers.quiet import quiet
from quantmia.quantizers.shipped import Models, Params
from quantmia.quantizers.untracked import nncf, openvino


@dataclass(frozen=True)
class Settings:
    """Of the library's call.

    Args:
        method: `quantize`, `compress`, `awq` or `gptq`.
        reduce_range: weights in 7 bits, of `quantize`.
    """

    method: str
    reduce_range: bool

    def __call__(
        self, model: openvino.Model, rows: Float[np.ndarray, "rows *features"] | None
    ) -> openvino.Model:
        """The quantized model.

        Args:
            model: is used up.
            rows: that it is shown.

        Raises:
            QuantmiaError: the library does not know what to do with it.
        """
        try:
            with quiet(), redirect_stdout(io.StringIO()):
                return self._quantized(model, rows)
        except Exception as error:  # of its own errors, assertions and what the runtime raises
            raise QuantmiaError(
                f"model: NNCF cannot quantize it with method={self.method} "
                f"({type(error).__name__}: {first_line(error)}); leave this quantizer out"
            ) from error

    def _quantized(self, model: openvino.Model, rows: NDArray | None) -> openvino.Model:
        if self.method == "quantize":
            assert rows is not None  # seen to when they are released
            # All rows at once: of several batches the library takes the mean of their extremes.
            # In 7 bits, which the library has for the first layer alone.
            fix = nncf.OverflowFix.ENABLE if self.reduce_range else nncf.OverflowFix.FIRST_LAYER
            advanced = nncf.AdvancedQuantizationParameters(overflow_fix=fix)
            return nncf.quantize(
                model, nncf.Dataset([rows]), subset_size=1, advanced_parameters=advanced
            )
        count = 1 if rows is None else len(rows)
        return nncf.compress_weights(
            model,
            mode=nncf.CompressWeightsMode.INT4_SYM,
            ratio=1.0,
            group_size=-1,  # a scale an output channel
            all_layers=True,  # by itself the library leaves the last one in 8 bits
            # Row by row: AWQ knows a batch by its mean alone.
            dataset=None if rows is None else nncf.Dataset(list(rows[:, None])),
            awq=self.method == "awq" or None,
            gptq=self.method == "gptq" or None,
            subset_size=count,
            advanced_parameters=nncf.AdvancedCompressionParameters(
                gptq_params=nncf.quantization.advanced_parameters.AdvancedGPTQParameters(
                    subset_size=count
                )
            ),
        )


def compressed(
    settings: Settings,
    params: Params,
    models: Models,
    sample: Float[Tensor, "samples *features"],
    calibration: Calibration | None,
    batch: int | None,
) -> Sessions:
    """Quantized models of all runs.

    Args:
        settings: of the library's call.
        params: in full precision, with the buffers.
        models: that evaluate the architecture.
        sample: features like those that it is asked about.
        calibration: rows that each run is shown, if it is.
        batch: samples a call, or None for all at once.

    Raises:
        QuantmiaError: the architecture cannot be exported or quantized, or is not of float32.
    """
    refuse_wide("OpenVINO", params, models)
    graph = exported(models, params, sample)
    where = places(graph, params)

    def made(run: int, own: Params) -> tuple[Answering, Params]:
        rows = calibration.rows[run].numpy(force=True) if calibration else None
        model = settings(converted(graph(own)), rows)
        answering = Answering(_Asked(model), _fingerprint(model), partial(_zipped, model))
        return answering, stored(model, where, own)

    return by_run(params, models, graph.out_features, made, batch)


class _Asked:
    """A model of a run, ready to be asked."""

    def __init__(self, model: openvino.Model):
        self._compiled = compiled(model)

    def __call__(self, rows: NDArray) -> NDArray[np.float32]:
        """Raw outputs, [samples, out]."""
        return self._compiled({INPUT: rows})[OUTPUT]


def _zipped(model: openvino.Model) -> tuple[str, bytes]:
    """The library's two files, .xml and .bin, in one; of the same model the same bytes."""
    with tempfile.TemporaryDirectory(prefix="quantmia-openvino-") as folder:
        path = Path(folder, "model.xml")
        openvino.save_model(model, path, compress_to_fp16=False)
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for each in (path, path.with_suffix(".bin")):
                archive.writestr(zipfile.ZipInfo(each.name), each.read_bytes())
    return ".zip", content.getvalue()


def _fingerprint(model: openvino.Model) -> int:
    """Of the constants."""
    constants = [each for each in model.get_ordered_ops() if each.get_type_name() == "Constant"]
    values = sorted(np.ascontiguousarray(each.get_data()).tobytes() for each in constants)
    return xxhash.xxh3_64(b"".join(values)).intdigest()


def rounded(
    quantize: bool, reduce_range: bool, rows: Float[np.ndarray, "rows weights"]
) -> Float[np.ndarray, "rows weights"]:
    """Rows of weights as the library rounds those of a layer, without looking at data.

    Args:
        quantize: int8, not int4.
        reduce_range: 7 bits.
        rows: finite.
    """
    ops = openvino.opset13
    given = ops.parameter([-1, rows.shape[1]], np.float32)
    layer = ops.matmul(given, ops.constant(rows), transpose_a=False, transpose_b=True)
    layer.set_friendly_name("layer")
    settings = Settings("quantize" if quantize else "compress", reduce_range)
    shown = np.ones((1, rows.shape[1]), np.float32) if quantize else None
    model = settings(assembled([layer], [given]), shown)
    where = [Place("weight", "layer", 1, turned=False)]
    own = {"weight": torch.from_numpy(rows)}
    return stored(model, where, own)["weight"].numpy()
