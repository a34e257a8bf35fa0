"""Inputs of linear layers that are rounded while a module is evaluated."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from quantmia.quantizers.shipped import Rounds


@contextmanager
def rounding_inputs(
    module: nn.Module, rounding: Rounds, ranges: Mapping[str, Float[Tensor, " 2"]] | None = None
) -> Iterator[None]:
    """Round what every `nn.Linear` is given, until this ends.

    Args:
        module: the architecture.
        rounding: of one input.
        ranges: by the name of a layer's weight, and a layer without one is left alone; None: the
            rounding finds them itself.
    """
    named = {id(value): name for name, value in module.named_parameters()}

    def rounded(ends: Tensor | None):
        def hook(_: nn.Module, inputs: tuple[Any, ...], by_name: dict[str, Any]) -> Any:
            given = inputs[0] if inputs else by_name["input"]
            return (rounding(given, ends),), {}

        return hook

    handles = []
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            ends = None if ranges is None else ranges.get(named.get(id(layer.weight), ""))
            if ranges is None or ends is not None:
                handles.append(layer.register_forward_pre_hook(rounded(ends), with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
