"""Models whose weights are blocks of GGUF, and the file that llama.cpp's own reader opens."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from quantmia.quantizers.shipped import Models, Params, Quantized, cloned, put

# Of a weight as it is on disk (bytes or numbers), and the name of the type of its blocks, if any.
Stored = tuple[NDArray, str | None]


class Blocks(Quantized):
    """Weights that a file holds in blocks, and that are computed with as the file is read.

    Args:
        models: evaluates them.
        params: dequantized, and buffers.
        given: the same before, of which a file is made: blocks made of blocks can be others.
        stored: what a file holds of a parameter of one model.
    """

    def __init__(
        self,
        models: Models,
        params: Params,
        given: Params,
        stored: Callable[[Tensor], Stored],
    ):
        super().__init__(models, params)
        self._given, self._stored = given, stored

    def artefact(self, run):
        """A file of GGUF with the names of a state_dict, each weight in its blocks."""
        import gguf

        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.gguf"
            writer = gguf.GGUFWriter(path, "quantmia")
            for name, value in self._given.items():
                data, kind = self._kept(name, value[run])
                chosen = None if kind is None else gguf.GGMLQuantizationType[kind]
                writer.add_tensor(name, data, raw_dtype=chosen)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            return ".gguf", path.read_bytes()

    def copy(self):
        """A clone, with what a file is made of."""
        return Blocks(self._models, cloned(self._params), cloned(self._given), self._stored)

    def take(self, runs, other):
        """Number by number."""
        super().take(runs, other)
        assert isinstance(other, Blocks)  # of the same quantizer
        put(self._given, other._given, runs)

    def _kept(self, name: str, value: Tensor) -> Stored:
        if name in self._models.parameters:
            return self._stored(value)
        return np.atleast_1d(value.numpy(force=True)), None
