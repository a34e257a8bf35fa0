"""Parameters of somebody's models, from the files that a training left."""

import re
from collections.abc import Mapping
from glob import escape, glob
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from quantmia.errors import OutputsError, first_line

NUMBER = re.compile(r"\d+")
NESTED = ("state_dict", "model_state_dict", "model")  # where checkpoints keep them
SHOWN = 3  # names in a message

Checkpoints = dict[int, dict[int | None, Path]]
State = dict[str, Tensor]


def find(pattern: str) -> Checkpoints:
    """Files by run and epoch.

    Args:
        pattern: a path in which the first `*` stands for the run and the second, if there is one,
            for the epoch: the last number in what the first matches, and the first in the second.

    Returns:
        By run, ascending, and by epoch from 1; None where there is no second `*`.

    Raises:
        OutputsError: none is found, two are of the same run and epoch, or runs have other epochs.
    """
    stars = pattern.count("*")
    if stars not in (1, 2):
        raise OutputsError(
            f"--checkpoints {pattern}: one * is wanted for the run, and one more if there are "
            "several epochs, such as 'runs/*/epoch=*.ckpt' (quoted for the shell)"
        )
    expression = re.compile("([^/]*)".join(re.escape(part) for part in pattern.split("*")))
    found: dict[tuple[int, int | None], Path] = {}
    for name in sorted(glob("*".join(escape(part) for part in pattern.split("*")))):
        matched = expression.fullmatch(name)
        assert matched is not None  # as glob has it
        numbers = [NUMBER.findall(text) for text in matched.groups()]
        if not all(numbers):
            raise OutputsError(f"{name}: there is no number where --checkpoints has a *")
        key = int(numbers[0][-1]), int(numbers[1][0]) if stars > 1 else None
        if key in found:
            raise OutputsError(f"{found[key]} and {name} are both of {_said(*key)}")
        found[key] = Path(name)
    if not found:
        raise OutputsError(f"--checkpoints {pattern}: no file is there")
    return _by_run(found)


def _by_run(found: Mapping[tuple[int, int | None], Path]) -> Checkpoints:
    from_zero = any(epoch == 0 for _, epoch in found)  # as Lightning counts them
    runs: Checkpoints = {}
    for (run, epoch), path in sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or 0)):
        runs.setdefault(run, {})[None if epoch is None else epoch + from_zero] = path
    first = next(iter(runs))
    for run, epochs in runs.items():
        if lacks := set(runs[first]) ^ set(epochs):
            epoch = min(lacks, key=lambda each: each or 0)
            has, other = (first, run) if epoch in runs[first] else (run, first)
            shown = None if epoch is None else epoch - from_zero
            raise OutputsError(
                f"--checkpoints: run {has} has a file of {_said(has, shown)}, and run {other} has "
                "none; every run needs the same epochs"
            )
    return runs


def _said(run: int, epoch: int | None) -> str:
    return f"run {run}" + ("" if epoch is None else f", epoch {epoch}")


def read_state(path: Path) -> State:
    """Tensors of a checkpoint by name, none of which can run anything.

    Args:
        path: `.safetensors`, or what `torch.save` wrote.

    Raises:
        OutputsError: it cannot be read so.
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError) as error:
        raise OutputsError(f"{path}: cannot be read ({first_line(error)})") from None
    except Exception as error:  # pickle's UnpicklingError, or whatever a stranger's bytes raise
        raise OutputsError(
            f"{path}: is no state_dict, or holds more than tensors, which could run anything when "
            f"it is read; save model.state_dict() alone, or .safetensors ({first_line(error)})"
        ) from None
    for name in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
            break
    if not isinstance(content, Mapping):
        raise OutputsError(f"{path}: is a {type(content).__name__}, and no state_dict")
    return {str(name): each for name, each in content.items() if isinstance(each, Tensor)}


def fitted(state: Mapping[str, Tensor], model: nn.Module, path: Path) -> State:
    """Those tensors of a state that are the model's, by its own names.

    What wraps a model puts a word before them (`model.` of Lightning, `module.` of a parallel
    training, `_orig_mod.` of a compiled one), which is left out.

    Args:
        state: of a checkpoint.
        model: that it is for.
        path: of the checkpoint, for messages.

    Raises:
        OutputsError: one is absent, has another shape or is not finite.
    """
    wanted: dict[str, Any] = model.state_dict()
    prefix = _prefix(set(state), list(wanted))
    absent = [name for name in wanted if prefix + name not in state]
    if absent:
        raise OutputsError(
            f"{path}: lacks {_listed(absent)} of {type(model).__name__}; it has {_listed(state)}"
        )
    found = {name: state[prefix + name] for name in wanted}
    for name, value in found.items():
        if value.shape != wanted[name].shape:
            raise OutputsError(
                f"{path}: {prefix}{name} has the shape {tuple(value.shape)}, and "
                f"{type(model).__name__} wants {tuple(wanted[name].shape)}; its arguments: "
                "--model-args"
            )
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise OutputsError(
                f"{path}: {prefix}{name} has values that are not finite: leave out the run whose "
                "training diverged"
            )
    others = sorted(name for name in state if name.removeprefix(prefix) not in wanted)
    if others and not prefix:
        raise OutputsError(
            f"{path}: holds {_listed(others)}, which {type(model).__name__} does not have; it "
            "would answer without them"
        )
    return {name: value.to(wanted[name].dtype) for name, value in found.items()}


def _prefix(there: set[str], wanted: list[str]) -> str:
    """What stands before the model's names in a state; empty where nothing fits all of them."""
    first = wanted[0] if wanted else ""
    before = sorted(
        (name.removesuffix(first) for name in there if first and name.endswith(first)), key=len
    )
    whole = (each for each in before if all(each + name in there for name in wanted))
    return next(whole, "")


def _listed(names: Any) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "nothing") + more
