"""From an entry of the configuration to a quantizer."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

from hydra.utils import instantiate

from quantmia.quantizers.base import Quantizer
from quantmia.quantizers.function import Function


def make(entry: Mapping[str, Any]) -> Quantizer:
    """A quantizer from its `_target_` and arguments.

    Args:
        entry: of a `Quantizer`; of any class whose objects have a method `quantize_rows`; or of a
            function of rows of weights, whose other arguments are given. An attribute `bits` of
            such an object or function states its bits a weight. A `scheme` among the arguments
            is made in the same way.

    Raises:
        TypeError, ValueError: the class does not take the arguments.
    """
    scheme = entry.get("scheme")
    if isinstance(scheme, Mapping) and "_target_" in scheme:
        outer = {key: value for key, value in entry.items() if key != "scheme"}
        return instantiate(outer, _partial_=True)(scheme=make(scheme))
    partial = instantiate(entry, _partial_=True)
    if not inspect.isclass(partial.func):
        return Function(function=partial, bits=getattr(partial.func, "bits", math.nan))
    made = partial()
    if isinstance(made, Quantizer):
        return made
    if not callable(getattr(made, "quantize_rows", None)):
        raise TypeError(f"{type(made).__name__} has no method quantize_rows(weights)")
    return Function(function=made.quantize_rows, bits=getattr(made, "bits", math.nan))
