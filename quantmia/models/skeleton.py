"""A module without numbers: what functional calls fill with those of a run."""

import copy

from torch import Tensor, nn

from quantmia.errors import QuantmiaError, first_line


def skeleton(model: nn.Module) -> nn.Module:
    """The same module with parameters and buffers of no content, tied and frozen as they were.

    `Module.to("meta")` would untie parameters that several modules share.

    Args:
        model: is not changed.

    Raises:
        QuantmiaError: the module cannot be copied, as with the old `nn.utils.weight_norm`.
    """
    hollow: dict[int, object] = {
        id(value): nn.Parameter(value.detach().to("meta"), value.requires_grad)
        for value in model.parameters()
    }
    hollow |= {id(value): value.to("meta") for value in model.buffers()}
    try:
        return copy.deepcopy(model, memo=hollow)
    except TypeError as error:
        raise QuantmiaError(
            f"model: {type(model).__name__} cannot be copied for a stack of runs "
            f"({first_line(error)}). training.vectorize=false trains any module, one run after "
            "another."
        ) from error
    except RuntimeError as error:
        raise QuantmiaError(
            f"model: {type(model).__name__} cannot be copied, because it holds a tensor that was "
            "computed from its parameters. nn.utils.weight_norm does so: use "
            "nn.utils.parametrizations.weight_norm"
        ) from error


def filled(model: nn.Module, numbers: dict[str, Tensor]) -> nn.Module:
    """The same module in evaluation mode with numbers of its own, tied as they were.

    Args:
        model: is not changed; a skeleton will do.
        numbers: parameters and buffers of one run.
    """
    memo: dict[int, object] = {
        id(value): nn.Parameter(numbers[name].detach(), requires_grad=False)
        for name, value in model.named_parameters()
    }
    memo |= {id(value): numbers[name].detach() for name, value in model.named_buffers()}
    return copy.deepcopy(model, memo=memo).eval()
