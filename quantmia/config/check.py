"""The whole configuration checked against the schema before any work; every fault is listed."""

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass
from typing import Any, cast

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from quantmia.config.limits import beyond_limits
from quantmia.config.schema import ExperimentConfig
from quantmia.config.wording import (
    checkable,
    describe,
    did_you_mean,
    first_line,
    literal_choices,
    locate,
    show,
)
from quantmia.errors import ConfigError, QuantmiaError

INSTANTIATE_KEYS = ("_target_", "_partial_", "_recursive_", "_convert_", "_args_")
# Arguments that are filled in when the data are there.
LATER = {
    "dataset": ("embedder", "cache", "progress"),
    "model": ("in_features", "in_shape", "out_features"),
}
TARGETS = ("dataset", "embedder", "model")
NAMED_TARGETS = ("quantizer", "attack")


def check(config: DictConfig) -> ExperimentConfig:
    """The typed configuration, complete and within its limits.

    Args:
        config: as composed; a `hydra` key is left out.

    Raises:
        ConfigError: lists every fault.
    """
    keys = [str(key) for key in config if key != "hydra"]
    ours = OmegaConf.masked_copy(config, keys)
    try:
        missing = sorted(OmegaConf.missing_keys(ours))
        if missing:
            raise ConfigError([f"{key}: has to be given, {key}=..." for key in missing])
        plain = OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError([first_line(error)]) from None
    assert isinstance(plain, dict)
    if isinstance(plain.get("report"), bool):
        plain["report"] = {"page": plain["report"]}
    checking = _Checking()
    checking.section(ExperimentConfig, plain, "")
    checking.faults += beyond_limits(checking.values)
    for key in TARGETS:
        checking.optional_target(key, plain.get(key))
    for group in NAMED_TARGETS:
        if isinstance(plain.get(group), dict):
            for name, entry in plain[group].items():
                shared = plain.get("quantization") if group == "quantizer" else None
                rows = group == "quantizer"
                checking.target(f"{group}.{name}", entry, (), shared, given_rows=rows)
    checking.quantizers(plain.get("quantizer", {}))  # absent when none is chosen
    checking.attacks(plain.get("attack", {}))  # absent when none is chosen
    checking.data(plain)
    if checking.faults:
        raise ConfigError(checking.faults)
    typed = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(ExperimentConfig), plain))
    assert isinstance(typed, ExperimentConfig)
    return typed


@dataclass
class _Checking:
    """What was found so far.

    Args:
        faults: one sentence each.
        values: dotted key to value, of the keys whose type is right.
        bad: targets with a fault, which are not tried.
    """

    faults: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)

    def section(self, schema: type, given: dict, prefix: str) -> None:
        """Keys and types of one level, and of those below."""
        known = {each.name: each for each in fields(schema)}
        for key, value in given.items():
            dotted = f"{prefix}{key}"
            if key not in known:
                near = did_you_mean(str(key), known)
                hint = near or f"; known here: {', '.join(known)}"
                self.faults.append(f"{dotted}: unknown key{hint}")
                continue
            wanted = known[key].type
            if is_dataclass(wanted) and isinstance(wanted, type):
                if isinstance(value, dict):
                    self.section(wanted, value, f"{dotted}.")
                else:
                    names = ", ".join(each.name for each in fields(wanted))
                    self.faults.append(f"{dotted}={show(value)}: has to hold the keys {names}")
            else:
                self.leaf(schema, str(key), wanted, value, dotted)

    def leaf(self, schema: type, key: str, wanted: Any, value: Any, dotted: str) -> bool:
        """One value against its type."""
        try:
            merged = OmegaConf.merge(OmegaConf.structured(schema), {key: value})
            self.values[dotted] = cast(dict, OmegaConf.to_container(merged))[key]
        except OmegaConfBaseException:
            self.faults.append(f"{dotted}={show(value)}: has to be {describe(wanted)}")
            return False
        return True

    def optional_target(self, key: str, entry: Any) -> None:
        """Dataset, model or embedder; only the embedder may be null."""
        if entry is None and key == "embedder":
            return
        if entry is None or isinstance(entry, dict):  # other types were reported before
            self.target(key, entry or {}, LATER.get(key, ()), given_rows=key == "embedder")

    def target(
        self,
        key: str,
        entry: Any,
        later: Sequence[str],
        shared: dict | None = None,
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
        self, key: str, called: Any, entry: dict, later: Sequence[str], shared: dict | None
    ) -> None:
        """Names and types of the arguments of a `_target_`."""
        try:
            parameters = inspect.signature(called, eval_str=True).parameters
        except (NameError, TypeError, ValueError):
            try:
                parameters = inspect.signature(called).parameters
            except (TypeError, ValueError):
                return  # a builtin that does not say
        kinds = inspect.Parameter
        takes_any = any(each.kind is kinds.VAR_KEYWORD for each in parameters.values())
        named = {
            name: each
            for name, each in parameters.items()
            if each.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)
        }
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
                self.target(dotted, value, ())
            elif shared is None or name not in shared or shared[name] != value:
                self.argument(dotted, named[name].annotation, value)
        if "_args_" in entry:
            return
        for name, each in named.items():
            if each.default is kinds.empty and name not in entry and name not in later:
                self.faults.append(f"{key}.{name}: {entry['_target_']} needs it")

    def argument(self, dotted: str, annotation: Any, value: Any) -> None:
        """The value of one argument against its annotation, where that can be checked."""
        choices = literal_choices(annotation)
        if choices:
            if value not in choices:
                near = did_you_mean(str(value), [str(choice) for choice in choices])
                allowed = ", ".join(show(choice) for choice in choices)
                self.faults.append(f"{dotted}={show(value)}: has to be one of {allowed}{near}")
            return
        checked = checkable(annotation)
        try:
            schema = make_dataclass("Argument", [("value", checked)])
            OmegaConf.structured(schema)
        except (OmegaConfBaseException, TypeError, ValueError):
            return
        self.leaf(schema, "value", checked, value, dotted)

    def quantizers(self, chosen: Any) -> None:
        """At least one, and each can be made."""
        from quantmia.quantizers import make  # and PyTorch, which takes a second

        if not isinstance(chosen, dict):
            return
        if not chosen:
            self.faults.append("quantizer=[]: choose at least one, e.g. quantizer=[sign,uniform_4]")
        for name, entry in chosen.items():
            if f"quantizer.{name}" in self.bad:
                continue
            try:
                make(entry)
            except (TypeError, ValueError, HydraException, QuantmiaError) as error:
                self.faults.append(f"quantizer.{name}: {first_line(error)}")

    def construct(self, dotted: str, entry: dict) -> None:
        """What is built of plain values takes them."""
        given = {k: v for k, v in entry.items() if k not in INSTANTIATE_KEYS}
        if any(isinstance(value, dict) for value in given.values()) or "_args_" in entry:
            return
        try:
            locate(entry["_target_"])[0](**given)
        except (TypeError, ValueError) as error:
            self.faults.append(f"{dotted}: {first_line(error)}")

    def attacks(self, chosen: Any) -> None:
        """Each can be made, and at least one can be used with this number of runs."""
        if not isinstance(chosen, dict):
            return
        known = {n: each for n, each in chosen.items() if f"attack.{n}" not in self.bad}
        for name, entry in known.items():
            self.construct(f"attack.{name}", entry)
        runs = self.values.get("runs")
        if runs == "auto":
            if not chosen:
                self.faults.append("attack=[]: runs=auto needs an attack, which tells when to stop")
            runs = self.values.get("runs_max")
        if not isinstance(runs, int) or runs < 1:
            return
        needs = {
            name: getattr(locate(entry["_target_"])[0], "min_runs", 1)
            for name, entry in known.items()
        }
        if needs and min(needs.values()) > runs:
            listed = ", ".join(f"{name} needs {count}" for name, count in needs.items())
            self.faults.append(
                f"runs={runs}: too few for every attack chosen ({listed}); "
                f"use {min(needs.values())} or more, or attack=[]"
            )

    def data(self, plain: dict) -> None:
        """Dataset and embedder fit; the sizes of what is built in make sense."""
        dataset, model = plain.get("dataset") or {}, plain.get("model") or {}
        if "dataset" not in self.bad and isinstance(dataset, dict):
            called, fault = locate(str(dataset.get("_target_")))
            asks = None if fault else inspect.signature(called).parameters.get("embedder")
            wants = asks is not None and asks.default is inspect.Parameter.empty
            if wants and plain.get("embedder") is None and "embedder" not in dataset:
                self.faults.append(
                    "embedder=none: this dataset holds molecules; use embedder=minimol or ecfp"
                )
            if dataset.get("_target_") == "quantmia.data.synthetic.gaussian_mixture":
                for key, least in (("modes", 2), ("dimension", 1), ("size", 4), ("classes", 2)):
                    if key in dataset and int(dataset[key]) < least:
                        self.faults.append(
                            f"dataset.{key}={dataset[key]}: has to be {least} or more"
                        )
                if int(dataset.get("modes", 8)) < int(dataset.get("classes", 2)):
                    self.faults.append(
                        f"dataset.modes={dataset.get('modes', 8)}: has to be at least "
                        f"dataset.classes={dataset.get('classes', 2)}"
                    )
                if not 0 <= float(dataset.get("sigma", 1)) < math.inf:
                    self.faults.append(f"dataset.sigma={dataset['sigma']}: has to be 0 or more")
                if int(dataset.get("seed", 0)) < 0:
                    self.faults.append(f"dataset.seed={dataset['seed']}: has to be 0 or more")
        if "model" not in self.bad and isinstance(model, dict):
            hidden = model.get("hidden")
            if isinstance(hidden, list) and any(isinstance(n, int) and n < 1 for n in hidden):
                self.faults.append(f"model.hidden={hidden}: has to list integers of 1 or more")
