"""Models whose layers a library has replaced: torch modules, which answer by themselves."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from quantmia.errors import QuantmiaError, first_line
from quantmia.quantizers.answering import (
    Answering,
    Sessions,
    by_run,
    of_any_number,
    refuse_wide,
)
from quantmia.quantizers.quiet import quiet
from quantmia.quantizers.shipped import Models, Params, fingerprints


@dataclass(frozen=True)
class Replaced:
    """The model of a run after a library has quantized it.

    Args:
        module: answers.
        weights: parameters that the library rounded, dequantized.
        stored: all numbers that it computes with, by which it is told from others.
        file: what is shipped: the ending of its name, and its content.
    """

    module: nn.Module
    weights: Mapping[str, Tensor]
    stored: Mapping[str, Tensor]
    file: Callable[[], tuple[str, bytes]]


def replaced(
    library: str,
    params: Params,
    models: Models,
    sample: Float[Tensor, "samples *features"],
    quantize: Callable[[int, Params], Replaced],
    batch: int | None,
) -> Sessions:
    """Quantized models of all runs.

    Args:
        library: its name.
        params: in full precision, with the buffers.
        models: that evaluate the architecture.
        sample: features like those that it is asked about.
        quantize: makes the model of a run, of its place and numbers of its own.
        batch: samples a call, or None for all at once.

    Raises:
        QuantmiaError: the library cannot quantize the model, or it is not of float32.
    """
    refuse_wide(library, params, models)

    def made(run: int, own: Params) -> tuple[Answering, Params]:
        # Training goes on in the memory of the parameters.
        kept = {name: value.detach().cpu().clone() for name, value in own.items()}
        try:
            with quiet(), torch.no_grad():
                model = quantize(run, kept)
        except QuantmiaError:
            raise
        except Exception as error:  # of whatever the library makes of a user's module
            raise QuantmiaError(
                f"model: {library} cannot quantize it ({type(error).__name__}: "
                f"{first_line(error)}); leave this quantizer out"
            ) from error
        mark = fingerprints([value.detach()[None] for value in model.stored.values()])[0]
        rounded = {name: value.to(own[name]) for name, value in model.weights.items()}
        return Answering(_Asked(model.module), mark, model.file), own | rounded

    with torch.no_grad():
        module = models.module({name: value[0].cpu() for name, value in params.items()})
        out_features = module(sample[:1].cpu()).shape[-1]
    return by_run(params, models, out_features, made, batch)


class _Asked:
    """A module, asked with features and answering with raw outputs."""

    def __init__(self, module: nn.Module):
        self._module = module

    def __call__(self, rows: NDArray) -> NDArray:
        """Raw outputs, [samples, out]."""
        # Where a library compiles what it computes it would want a compiler of C++, at run time.
        with quiet(), torch.no_grad(), torch.compiler.set_stance("force_eager"):
            return self._module(torch.from_numpy(rows)).numpy()


def program(module: nn.Module, sample: Float[Tensor, "samples *features"]) -> bytes:
    """A module as `torch.export.load` reads it, for any number of samples.

    The same module gives the same bytes. Nothing in them is a pickle. Who reads them imports the
    library before, whose operations they name.

    Args:
        module: of plain tensors.
        sample: features like those that it is asked about.
    """
    content = io.BytesIO()
    with quiet(), torch.no_grad():
        exported = traced(module, sample)
        exported.example_inputs = None  # somebody's data
        for node in exported.graph.nodes:
            for trace in ("from_node", "stack_trace"):  # addresses in memory, and folders
                node.meta.pop(trace, None)
        torch.export.save(exported, content)
    return content.getvalue()


def traced(
    module: nn.Module, sample: Float[Tensor, "samples *features"]
) -> torch.export.ExportedProgram:
    """What a module computes, for any number of samples.

    Args:
        module: in evaluation mode.
        sample: features like those that it is asked about.
    """
    dimensions = ({0: torch.export.Dim("samples")},)
    return torch.export.export(module, (of_any_number(sample),), dynamic_shapes=dimensions)


def linear_layers(module: nn.Module) -> list[tuple[str, nn.Linear]]:
    """Linear layers of a module with their names, itself too.

    Args:
        module: to look in.
    """
    # A subclass may do more with its weight than a library knows of.
    return [(name, each) for name, each in module.named_modules() if type(each) is nn.Linear]


def weight_of(layer: str) -> str:
    """The name of a layer's weight.

    Args:
        layer: its own name, which is empty for the whole model.
    """
    return f"{layer}.weight" if layer else "weight"
