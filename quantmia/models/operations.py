"""Single operations of PyTorch: which of them write, and what calls the same ones sooner."""

from collections.abc import Callable
from types import BuiltinFunctionType, MethodDescriptorType
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

BOUND = (BuiltinFunctionType, MethodDescriptorType)  # to C++


class Mode(TorchDispatchMode):
    """Called in place of every operation, below functorch and autograd."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """PyTorch would import its compiler at the first operation, for a second, to keep it out.

        Nothing is compiled here. Versions that know no such method do not import it either.
        """
        return False


class _Heard(Mode):
    """Notes which operations are called."""

    def __init__(self):
        super().__init__()
        self.operations: list[OpOverload] = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.operations.append(operation)
        return operation(*args, **(kwargs or {}))


def called(operation: OpOverload, args: tuple, kwargs: dict) -> tuple[Any, Callable]:
    """What an operation returns, and what calls it: `torch.add` in half the time of `aten.add`.

    Args:
        operation: writes into nothing.
        args: of it.
        kwargs: of it.
    """
    name = operation._schema.name.rpartition(":")[2]
    quick = getattr(torch, name, getattr(Tensor, name, None))
    if isinstance(quick, BOUND):
        try:
            with _Heard() as heard:
                outcome = quick(*args, **kwargs)
            if heard.operations == [operation]:
                return outcome, quick
        except (TypeError, RuntimeError):  # it does not take them in this way
            pass
    return operation(*args, **kwargs), operation


def without_writing(operation: OpOverload) -> OpOverload | None:
    """The operation that returns what another one writes into its first argument, if there is one.

    Args:
        operation: such as `aten.add_.Tensor`.
    """
    schema = operation._schema
    name, overload = schema.name.removeprefix("aten::"), schema.overload_name or "default"
    packet = getattr(torch.ops.aten, name.removesuffix("_"), None)
    if not name.endswith("_") or packet is None or overload not in packet.overloads():
        return None
    found = getattr(packet, overload)
    taken, wanted = ([(a.name, str(a.type)) for a in s.arguments] for s in (found._schema, schema))
    return None if found._schema.is_mutable or taken != wanted else found


def memory(value: Tensor) -> int | None:
    """Where a tensor's numbers are; None where that cannot be told.

    Args:
        value: of any layout.
    """
    return value.untyped_storage()._cdata if value.layout is torch.strided else None
