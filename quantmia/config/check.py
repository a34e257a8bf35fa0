"""The whole configuration checked against the schema before any work; every fault is listed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import TypeAdapter, ValidationError

from quantmia.config.limits import beyond_limits
from quantmia.config.schema import ExperimentConfig
from quantmia.config.targets import target_faults
from quantmia.config.versions import of_any_version
from quantmia.config.wording import has_to_be, show
from quantmia.errors import ConfigError, FolderError, did_you_mean, first_line


def check(config: DictConfig) -> ExperimentConfig:
    """The typed configuration, complete and within its limits.

    Args:
        config: as composed; a `hydra` key is left out.

    Raises:
        ConfigError: lists every fault.
    """
    plain = _plain(config)
    typed, faults = _typed(plain)
    bad = {fault.key for fault in faults}
    values = {key: value for key, value in _leaves(ExperimentConfig, plain) if key not in bad}
    sentences = [
        *(fault.text for fault in faults),
        *beyond_limits(values),
        *target_faults(plain, bad),
    ]
    if sentences or typed is None:
        raise ConfigError(sentences)
    return typed


def read_recorded(content: Mapping[str, Any], where: str) -> ExperimentConfig:
    """The typed configuration that a manifest keeps.

    Args:
        content: of the manifest's `config`.
        where: the manifest, for the message.

    Raises:
        FolderError: it is not of this version of quantmia.
    """
    typed, faults = _typed({**of_any_version(dict(content)), "resume": False})
    if typed is None:
        said = "; ".join(fault.text for fault in faults)
        raise FolderError(f"{where} was made by another version of quantmia ({said}); run it again")
    return typed


@dataclass(frozen=True)
class _Fault:
    """What is wrong with a key.

    Args:
        key: dotted.
        text: one sentence.
    """

    key: str
    text: str


def _plain(config: DictConfig) -> dict[str, Any]:
    keys = [str(key) for key in config if key != "hydra"]
    ours = OmegaConf.masked_copy(config, keys)
    try:
        missing = sorted(OmegaConf.missing_keys(ours))
        if missing:
            raise ConfigError([f"{key}: has to be given, {key}=..." for key in missing])
        plain = OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        # What is a list cannot be looked into by what refers to it.
        raw = OmegaConf.to_container(ours, resolve=False)
        assert isinstance(raw, dict)
        lists = [str(key) for key, value in raw.items() if isinstance(value, list)]
        said = [_explained({str(k): v for k, v in raw.items()}, [key]).text for key in lists]
        raise ConfigError(said or [first_line(error)]) from None
    assert isinstance(plain, dict)
    found = {str(key): value for key, value in plain.items()}
    if isinstance(found.get("report"), bool):
        found["report"] = {"page": found["report"], "expose_samples": False, "verbose": False}
    for group in ("quantizer", "attack"):
        chosen = found.setdefault(group, {})  # which is absent when none is chosen
        if isinstance(chosen, dict):  # in the order in which files keep them, and tables show them
            found[group] = dict(sorted(chosen.items()))
    _leave_what_is_trained(found)
    return found


def _leave_what_is_trained(plain: dict[str, Any]) -> None:
    """Of quantization-aware training, the one quantizer that the weights are trained for."""
    training, quantizers = plain.get("training"), plain.get("quantizer")
    name = training.get("qat") if isinstance(training, dict) else None
    if isinstance(name, str) and isinstance(quantizers, dict) and name in quantizers:
        plain["quantizer"] = {name: quantizers[name]}


def _typed(plain: dict[str, Any]) -> tuple[ExperimentConfig | None, list[_Fault]]:
    """The typed configuration, or one fault for every key that has any."""
    try:
        return _adapter().validate_python(plain), []
    except ValidationError as error:
        found: dict[str, _Fault] = {}
        for each in error.errors(include_url=False, include_context=False):
            fault = _explained(plain, [str(part) for part in each["loc"]])
            found.setdefault(fault.key, fault)
        return None, list(found.values())


@cache
def _adapter() -> TypeAdapter[ExperimentConfig]:
    """Built when it is wanted, which takes a moment."""
    return TypeAdapter(ExperimentConfig)


def _explained(plain: dict[str, Any], parts: list[str]) -> _Fault:
    """One of pydantic's errors in our words, at the key of the schema that it is about."""
    schema, given, path = ExperimentConfig, plain, []
    for part in parts:
        path.append(part)
        dotted, hints = ".".join(path), get_type_hints(schema, include_extras=True)
        if part not in hints:
            near = did_you_mean(part, hints)
            hint = near or f"; known here: {', '.join(hints)}"
            return _Fault(dotted, f"{dotted}: unknown key{hint}")
        if part not in given:
            return _Fault(dotted, f"{dotted}: has to be given, {dotted}=...")
        section = get_type_hints(schema)[part]
        if not is_dataclass(section):
            return _Fault(dotted, has_to_be(dotted, given[part], hints[part]))
        if not isinstance(given[part], dict):
            keys = ", ".join(each.name for each in fields(section))
            return _Fault(dotted, f"{dotted}={show(given[part])}: has to hold the keys {keys}")
        schema, given = section, given[part]
    raise AssertionError(f"a fault of the section {parts} and of no key in it")


def _leaves(schema: type, given: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything that the schema knows."""
    hints = get_type_hints(schema)
    for key, value in given.items():
        if is_dataclass(hints.get(key)):
            if isinstance(value, dict):
                yield from _leaves(hints[key], value, f"{prefix}{key}.")
        elif key in hints:
            yield prefix + key, value
