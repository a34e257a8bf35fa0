"""Graphs of torchao (PT2E): int8 weights, and activations in int8 within ranges of rows of data."""

import copy
from collections.abc import Mapping
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, fx

from quantmia.errors import QuantmiaError, first_line
from quantmia.quantizers.answering import OfArchitecture, Sessions, made_up
from quantmia.quantizers.layers import Calibration
from quantmia.quantizers.modules import Replaced, program, replaced, traced
from quantmia.quantizers.quiet import quiet
from quantmia.quantizers.shipped import Models, Params

with quiet():
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

Place = tuple[str, int]  # of a parameter in a graph: the name of an operation, and which argument


class Traced:
    """What an architecture computes, traced once and filled with one run's numbers.

    Args:
        models: that evaluate the architecture.
        params: stacked, for the shapes.
        sample: features like those that it is asked about.

    Raises:
        QuantmiaError: the architecture cannot be traced.
    """

    def __init__(self, models: Models, params: Params, sample: Float[Tensor, "samples *features"]):
        first, second = (made_up(params, seed) for seed in (0, 1))
        module = models.module(first)
        called = type(module).__name__
        try:
            with quiet():
                self._graph = traced(module, sample).module()
        except Exception as error:  # whatever the exporter makes of a user's module
            raise QuantmiaError(
                f"model: {called} cannot be traced by torch.export ({type(error).__name__}: "
                f"{first_line(error)}); leave out torchao's static quantizer"
            ) from error
        x = sample[:1].cpu()
        with torch.no_grad():
            same = torch.allclose(self(second)(x), models.module(second)(x), rtol=1e-4)
        if not same:
            raise QuantmiaError(
                f"model: {called} computes constants from its weights, which torchao's static "
                "quantizer cannot follow; leave it out"
            )

    def __call__(self, own: Params) -> fx.GraphModule:
        """The graph of one run.

        Args:
            own: its parameters and buffers, without an axis of runs.
        """
        graph = copy.deepcopy(self._graph)
        with torch.no_grad():
            for name, value in [*graph.named_parameters(), *graph.named_buffers()]:
                if name in own:
                    value.copy_(own[name])
        return graph


_traced = OfArchitecture(Traced)


def static(
    params: Params,
    models: Models,
    sample: Float[Tensor, "samples *features"],
    calibration: Calibration,
    reduce_range: bool,
    batch: int | None,
) -> Sessions:
    """Models of all runs after `prepare_pt2e` and `convert_pt2e` with `X86InductorQuantizer`.

    Args:
        params: in full precision, with the buffers.
        models: that evaluate the architecture.
        sample: features like those that it is asked about.
        calibration: rows of which ranges are.
        reduce_range: activations in 7 bits.
        batch: samples a call, or None for all at once.

    Raises:
        QuantmiaError: the architecture cannot be traced or quantized, or is not of float32.
    """

    def quantize(run: int, own: Params) -> Replaced:
        config = x86.get_default_x86_inductor_quantization_config(reduce_range=reduce_range)
        prepared = prepare_pt2e(
            _traced(models, params, sample)(own), x86.X86InductorQuantizer().set_global(config)
        )
        where = _places(prepared, own)
        prepared(calibration.rows[run].cpu())
        graph = convert_pt2e(prepared)
        _forget_unused(graph)
        stored = dict(graph.state_dict()) | _ranges(graph)
        file = partial(_file, graph, sample[:1].cpu())
        return Replaced(graph, _dequantized(graph, where), stored, file)

    return replaced("torchao", params, models, sample, quantize, batch)


def _places(graph: fx.GraphModule, own: Params) -> Mapping[Place, str]:
    """Where the parameters go, by way of what observes them; not those merged into others."""
    found = {}
    for node in graph.graph.nodes:
        for number, given in enumerate(node.args):
            if not isinstance(given, fx.Node) or given.op != "call_module":
                continue
            source = given.args[0]
            if isinstance(source, fx.Node) and source.op == "get_attr":
                name, value = str(source.target), _attribute(graph, str(source.target))
                if name in own and torch.equal(value, own[name]):
                    found.setdefault((node.name, number), name)
    return found


def _dequantized(graph: fx.GraphModule, where: Mapping[Place, str]) -> dict[str, Tensor]:
    """Weights as the graph computes with them, by its own operations."""
    nodes = {node.name: node for node in graph.graph.nodes}
    found: dict[str, Tensor] = {}
    for (operation, number), name in where.items():
        given = nodes[operation].args[number]
        values = [_value(graph, each) for each in given.args]
        found.setdefault(name, given.target(*values))
    return found


def _value(graph: fx.GraphModule, given: object) -> object:
    return _attribute(graph, str(given.target)) if isinstance(given, fx.Node) else given


def _attribute(graph: fx.GraphModule, path: str) -> Tensor:
    owner, _, name = path.rpartition(".")
    return getattr(graph.get_submodule(owner), name)


def _forget_unused(graph: fx.GraphModule) -> None:
    """Leave out weights in full precision, which stay in a converted graph and would be shipped."""
    used = {str(node.target) for node in graph.graph.nodes if node.op == "get_attr"}
    named = [*graph.named_parameters(), *graph.named_buffers()]
    for path in [name for name, _ in named if name not in used]:
        owner, _, name = path.rpartition(".")
        delattr(graph.get_submodule(owner), name)


def _ranges(graph: fx.GraphModule) -> dict[str, Tensor]:
    """Scales and zero points of activations, which are numbers in the graph."""
    constants = [
        float(each)
        for node in graph.graph.nodes
        if "quantize_per_tensor" in str(node.target)
        for each in node.args[1:3]
    ]
    return {"ranges": torch.tensor(constants, dtype=torch.float64)}


def _file(graph: fx.GraphModule, sample: Float[Tensor, "samples *features"]) -> tuple[str, bytes]:
    return ".pt2", program(graph, sample)
