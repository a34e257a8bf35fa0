"""Every `_target_` checked before it is called: where it is, what it takes, what it makes."""

import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError

from quantmia.config.wording import has_to_be, locate
from quantmia.errors import did_you_mean, first_line

INSTANTIATE_KEYS = ("_target_", "_partial_", "_recursive_", "_convert_", "_args_")
# Arguments that are filled in when the data are there.
LATER = {
    "dataset": ("embedder", "cache", "progress"),
    "model": ("in_features", "in_shape", "out_features"),
}
SINGLE = ("dataset", "embedder", "model")
PLAIN = (int, float, str, bool, dict, Any, None, NoneType)


def target_faults(plain: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """One sentence for every fault of a dataset, embedder, model, quantizer or attack.

    Args:
        plain: the configuration.
        known: dotted keys whose faults are known, and not told once more.
    """
    found = _Targets()
    for key in SINGLE:
        entry = plain.get(key)
        if isinstance(entry, dict):  # what is not there, or no mapping, is a fault by itself
            found.target(key, entry, LATER.get(key, ()), given_rows=key == "embedder")
    quantizers, attacks = plain.get("quantizer"), plain.get("attack")
    if isinstance(quantizers, dict):
        if any(key.startswith("quantization") for key in known):  # what they are made with
            found.bad |= {f"quantizer.{name}" for name in quantizers}
        found.quantizers(quantizers, plain.get("quantization"))
    if isinstance(attacks, dict):
        runs, runs_max = (None if key in known else plain.get(key) for key in ("runs", "runs_max"))
        found.attacks(attacks, runs, runs_max)
    found.embedding(plain)
    return found.faults


@dataclass
class _Targets:
    """What was found so far.

    Args:
        faults: one sentence each.
        bad: targets that a fault keeps from being tried.
    """

    faults: list[str] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)

    def target(
        self,
        key: str,
        entry: Any,
        later: Sequence[str] = (),
        shared: Any = None,
        given_rows: bool = False,
    ) -> None:
        """One `_target_` with its arguments.

        Args:
            key: where it stands.
            entry: the mapping.
            later: arguments filled in later.
            shared: settings checked elsewhere; an argument with the same value is not reported
                once more.
            given_rows: whether a function, unlike a class, is given its first argument later.
        """
        before = len(self.faults)
        if not isinstance(entry, dict) or not isinstance(entry.get("_target_"), str):
            self.faults.append(
                f"{key}: has no _target_, the dotted path of the class or function to use"
            )
        else:
            called, fault = locate(entry["_target_"])
            if fault:
                self.faults.append(f"{key}._target_={entry['_target_']}: {fault}")
            else:
                if given_rows and not inspect.isclass(called):
                    later = (*later, *list(inspect.signature(called).parameters)[:1])
                self.arguments(key, called, entry, later, shared)
        if len(self.faults) > before:
            self.bad.add(key)

    def arguments(
        self, key: str, called: Any, entry: dict[str, Any], later: Sequence[str], shared: Any
    ) -> None:
        """Names and types of the arguments of a `_target_`."""
        parameters = _parameters(called)
        if parameters is None:
            return  # a builtin that does not say
        kinds = inspect.Parameter
        takes_any = any(each.kind is kinds.VAR_KEYWORD for each in parameters.values())
        named = {
            name: each
            for name, each in parameters.items()
            if each.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)
        }
        known_elsewhere = shared if isinstance(shared, dict) else {}
        for name, value in entry.items():
            dotted = f"{key}.{name}"
            if name in INSTANTIATE_KEYS:
                continue
            if name not in named:
                if not takes_any:
                    near = did_you_mean(str(name), named)
                    hint = near or f"; it takes {', '.join(named) or 'no arguments'}"
                    self.faults.append(f"{dotted}: not an argument of {entry['_target_']}{hint}")
            elif isinstance(value, dict) and "_target_" in value:
                self.target(dotted, value)
            elif name not in known_elsewhere or known_elsewhere[name] != value:
                annotation = named[name].annotation
                if _refuses(annotation, value):
                    self.faults.append(has_to_be(dotted, value, annotation))
        if "_args_" in entry:
            return
        for name, each in named.items():
            if each.default is kinds.empty and name not in entry and name not in later:
                self.faults.append(f"{key}.{name}: {entry['_target_']} needs it")

    def quantizers(self, chosen: dict[str, Any], shared: Any) -> None:
        """At least one, and each can be made."""
        if not chosen:
            self.faults.append("quantizer=[]: choose at least one, e.g. quantizer=[sign,uniform_4]")
        for name, entry in chosen.items():
            self.target(f"quantizer.{name}", entry, (), shared, given_rows=True)
            self.construct(f"quantizer.{name}", entry, "quantize_rows")

    def attacks(self, chosen: dict[str, Any], runs: Any, runs_max: Any) -> None:
        """Each can be made, and at least one can be used with this number of runs."""
        needs = {}
        for name, entry in chosen.items():
            self.target(f"attack.{name}", entry)
            if f"attack.{name}" not in self.bad:
                needs[name] = getattr(locate(entry["_target_"])[0], "min_runs", 1)
            self.construct(f"attack.{name}", entry, "score")
        if runs == "auto":
            if not chosen:
                self.faults.append("attack=[]: runs=auto needs an attack, which tells when to stop")
            runs = runs_max
        if needs and isinstance(runs, int) and min(needs.values()) > runs >= 1:
            listed = ", ".join(f"{name} needs {count}" for name, count in needs.items())
            self.faults.append(
                f"runs={runs}: too few for every attack chosen ({listed}); "
                f"use {min(needs.values())} or more, or attack=[]"
            )

    def construct(self, key: str, entry: Any, method: str) -> None:
        """What a class makes of plain values takes them, and has the method that it is for."""
        if key in self.bad:
            return
        called, _ = locate(entry["_target_"])
        given = {k: v for k, v in entry.items() if k not in INSTANTIATE_KEYS}
        nested = any(isinstance(value, dict) for value in given.values())
        if not inspect.isclass(called) or nested or "_args_" in entry:
            return
        try:
            made = called(**given)
        except Exception as error:  # a user's code can raise anything
            self.faults.append(f"{key}: {first_line(error)}")
            return
        if not callable(getattr(made, method, None)):
            self.faults.append(f"{key}: {type(made).__name__} has no method {method}")

    def embedding(self, plain: Mapping[str, Any]) -> None:
        """Molecules have an embedder."""
        dataset = plain.get("dataset")
        if "dataset" in self.bad or not isinstance(dataset, dict):
            return
        asks = (_parameters(locate(dataset["_target_"])[0]) or {}).get("embedder")
        wants = asks is not None and asks.default is inspect.Parameter.empty
        if wants and plain.get("embedder") is None and "embedder" not in dataset:
            self.faults.append(
                "embedder=none: this dataset holds molecules; use embedder=minimol or ecfp"
            )


def _parameters(called: Any) -> Mapping[str, inspect.Parameter] | None:
    for evaluated in (True, False):
        try:
            return inspect.signature(called, eval_str=evaluated).parameters
        except (NameError, TypeError, ValueError):
            continue
    return None


def _refuses(annotation: Any, value: Any) -> bool:
    """Whether a value is none that an annotation allows, as far as that can be told."""
    if not _checkable(annotation):
        return False
    try:
        if get_origin(annotation) is tuple and isinstance(value, list):
            value = tuple(value)  # which a configuration cannot hold
        TypeAdapter(annotation, config=ConfigDict(strict=True)).validate_python(value)
    except ValidationError:
        return True
    return False


def _checkable(annotation: Any) -> bool:
    """Whether a type is made of what a configuration holds."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return True
    if origin is Annotated:
        return _checkable(inner[0])
    if origin in (Union, UnionType, list, tuple, dict, Sequence):
        return all(_checkable(each) for each in inner if each is not Ellipsis)
    return annotation in PLAIN
