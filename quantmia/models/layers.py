"""The linear layers of any module, and what they are given on rows of data."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from quantmia.quantizers.layers import Given, Layers, Linear


class LayerInputs:
    """What every linear layer of every run is given on the rows that the run is shown.

    Runs are evaluated one by one, so that any module will do and none depends on another. Layers
    whose weight is shared, or that are called more than once or not by every run, are left out:
    what is made of one use would not fit the other.

    Args:
        module: the architecture; its own numbers are not used.
        rows: that each run is shown.
    """

    def __init__(self, module: nn.Module, rows: Float[Tensor, "runs rows *features"]):
        self._module, self.rows = module.eval(), rows
        named = {id(value): name for name, value in module.named_parameters()}
        linear = [each for each in module.modules() if isinstance(each, nn.Linear)]
        uses = Counter(id(each.weight) for each in linear)
        self._layers: dict[nn.Module, Linear] = {}
        for layer in linear:
            # A weight that is computed from others (parametrizations) has no name of its own.
            weight = named.get(id(layer.weight))
            if weight and uses[id(layer.weight)] == 1:
                self._layers[layer] = Linear(weight, named.get(id(layer.bias)))
        self._last: dict[Linear, Given] = {}

    def __call__(self, params: dict[str, Tensor]) -> dict[Linear, Given]:
        """The layers in the order in which they are called, with their inputs.

        What is given is the same object as the last time where it is the same to the bit, so that
        what is made of it is made once.

        Args:
            params: parameters and buffers of all runs, each [runs, *shape].
        """
        runs: list[dict[Linear, Tensor]] = []
        for run, rows in enumerate(self.rows):
            with torch.no_grad(), self._listening() as heard:
                own = {name: value[run] for name, value in params.items()}
                functional_call(self._module, own, (rows,))
            runs.append({layer: inputs[0] for layer, inputs in heard.items() if len(inputs) == 1})
        found = {}
        for layer in runs[0]:
            each = [run[layer] for run in runs if layer in run]
            if len(each) < len(runs) or len({len(inputs) for inputs in each}) > 1:
                continue
            inputs = torch.stack(each)
            last = self._last.get(layer)
            same = last is not None and torch.equal(last.inputs, inputs)
            found[layer] = last if last is not None and same else Given(inputs)
        self._last = found
        return found

    def beside(self, others: dict[str, Tensor]) -> Layers:
        """The same of parameters alone, once what else a module keeps is known.

        Args:
            others: parameters and buffers of all runs.
        """
        return lambda params: self(others | params)

    @contextmanager
    def _listening(self) -> Iterator[dict[Linear, list[Tensor]]]:
        heard: dict[Linear, list[Tensor]] = {}

        def hear(layer: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
            given = inputs[0] if inputs else named["input"]
            # A copy: what follows may work in place.
            x = given.detach().reshape(-1, given.shape[-1]).clone()
            heard.setdefault(self._layers[layer], []).append(x)

        handles = [
            layer.register_forward_pre_hook(hear, with_kwargs=True) for layer in self._layers
        ]
        try:
            yield heard
        finally:
            for handle in handles:
                handle.remove()
