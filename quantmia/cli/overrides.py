"""Why a command line does not compose, every fault at once."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from quantmia.cli.help import a_table, an_experiment
from quantmia.cli.inside_hydra import groups, jobs_of, parse, parsed
from quantmia.config.check import check
from quantmia.config.places import conf_dir
from quantmia.config.schema import ExperimentConfig
from quantmia.errors import ConfigError, as_override, did_you_mean

# Hydra raises a bare ValueError for a group set to null, a TypeError for a list in a list.
DOES_NOT_COMPOSE = (HydraException, OmegaConfBaseException, ValueError, TypeError)


def explain(argv: list[str]) -> list[str]:
    """Faults of the overrides that do not compose, and of the configuration that the rest makes.

    Args:
        argv: what follows `quantmia run`.
    """
    given = parsed(argv)
    faults = _explained(given.overrides, given.config_dir)[0]
    return faults if faults or given.multirun else _swept(given.overrides)


def _swept(texts: Sequence[str]) -> list[str]:
    """Overrides with several values, which one job cannot have."""
    faults = []
    for each in parse(texts):
        if each.is_sweep_override():
            key, _, value = str(each.input_line).partition("=")
            one = (
                f"; in one job: {shlex.quote(f'{key}=[{value}]')}" if each.is_choice_sweep() else ""
            )
            faults.append(f"{each.input_line}: several values; for a job of each add -m{one}")
    return faults


def _unreadable(text: str, error: HydraException) -> str:
    """Why an override cannot be read, and what was meant."""
    key, equals, value = text.partition("=")
    if equals:
        listed = value.startswith("[") and "]" not in value
        advice = f"; if that is one text: {as_override(key, value)}" if value and not listed else ""
        return (
            f"{text}: cannot be read as key=value ({str(error).splitlines()[0]}){advice}; lists "
            "are quoted for the shell: 'key=[a,b]'"
        )
    if experiment := an_experiment(text):
        return f"{text}: has to be key=value; did you mean {experiment}?"
    if table := a_table(text):
        return f"{text}: has to be key=value; for a file of yours: quantmia run {table}"
    return f"{text}: has to be key=value{did_you_mean(text, ['runs', 'dataset', 'quantizer'])}"


def composed(overrides: Sequence[str], config_dir: str | None = None) -> ExperimentConfig:
    """The checked configuration that overrides make, for commands that run no job.

    Args:
        overrides: as after `quantmia run`.
        config_dir: a folder of the user's configurations.

    Raises:
        ConfigError: lists every fault.
    """
    faults, config = _explained(overrides, config_dir)
    if faults or config is None:
        raise ConfigError(faults)
    return config


def _explained(
    texts: Sequence[str], config_dir: str | None
) -> tuple[list[str], ExperimentConfig | None]:
    faults: list[str] = []
    unread: list[str] = []
    overrides: list[Override] = []
    for text in texts:
        try:
            overrides += parse([text])
        except HydraException as error:
            faults.append(_unreadable(text, error))
            unread.append(text.partition("=")[0])
    faults += duplicates(overrides)
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        start = []
        if config_dir:
            start = [f"hydra.searchpath=[file://{Path(config_dir).resolve()}]"]
        config, checked = _together(overrides, start), None
        if config is None:
            kept, found = _compose_greedily(overrides, start)
            faults += found
            config = _composed(kept)
        if isinstance(config, DictConfig):
            try:
                checked = check(config)
            except ConfigError as error:  # of which what could not be read is told already
                told = tuple(f"{key}: has to be given" for key in unread)
                faults += [each for each in error.faults if not each.startswith(told)]
    return list(dict.fromkeys(faults)), checked


def duplicates(overrides: Sequence[Override]) -> list[str]:
    """Names chosen twice in one list; Hydra takes them silently or with an obscure message."""
    faults = []
    for override in overrides:
        names = override.value()
        if not isinstance(names, list):
            continue
        if override.key_or_group not in ("quantizer", "attack"):
            continue
        words = [_word(name) for name in names]
        faults += [
            f"{override.key_or_group}={_word(names)}: {word} is chosen twice"
            for word in dict.fromkeys(words)
            if words.count(word) > 1
        ]
    return faults


def _together(overrides: list[Override], start: list[str]) -> DictConfig | None:
    """What all overrides make, where there is nothing to explain of any of them."""
    if duplicates(overrides) or any(each.is_sweep_override() for each in overrides):
        return None
    found = _composed([*start, *(str(each.input_line) for each in overrides)])
    return found if isinstance(found, DictConfig) else None


def _compose_greedily(overrides: list[Override], kept: list[str]) -> tuple[list[str], list[str]]:
    """Overrides that compose together, and what is wrong with the others."""
    faults = []

    def turn(override: Override) -> int:
        """Folders first, then choices of groups, then keys."""
        key = override.key_or_group
        return 0 if key == "hydra.searchpath" else 1 if _options(key, kept) else 2

    for override in sorted(overrides, key=turn):
        working = None
        for text in _choices(override):
            (single,) = parse([text])
            if duplicates([single]):
                continue
            error = _composed([*kept, text])
            if isinstance(error, DictConfig):
                working = working or text
            else:
                faults.append(_reason(single, text, kept, error))
        if working:
            kept = [*kept, working]
    return kept, faults


def _choices(override: Override) -> Iterator[str]:
    """The override itself, or every value of a sweep."""
    if not override.is_sweep_override():
        yield str(override.input_line)
        return
    try:
        for job in jobs_of([override]):
            yield from job
    except (HydraException, TypeError, ValueError):
        yield str(override.input_line)


def _composed(overrides: list[str]) -> DictConfig | Exception:
    try:
        return compose("config", overrides=overrides)
    except DOES_NOT_COMPOSE as error:
        return error


def _options(group: str, kept: list[str]) -> list[str]:
    """Choices of a group and of those below it, with those in the folders of the user."""
    folders = [text for text in kept if text.startswith("hydra.searchpath=")]
    loader = GlobalHydra.instance().config_loader()
    found = loader.get_group_options(group, config_name="config", overrides=folders)
    for below in loader.list_groups(group):
        found += [f"{below}/{name}" for name in _options(f"{group}/{below}", kept)]
    return found


def _reason(override: Override, text: str, kept: list[str], error: Exception) -> str:
    key = override.key_or_group
    options = _options(key, kept)
    if options:
        value = override.value()
        if value is None:
            none = " (attack=[] chooses none)" if key == "attack" else ""
            return f"{text}: choose from {', '.join(options)}{none}"
        words = [_word(each) for each in (value if isinstance(value, list) else [value])]
        unknown = [word for word in words if word not in options]
        if key == "dataset" and unknown and (table := a_table(unknown[0])):
            return f"{text}: there is no such data set; for a file of yours: {table}"
        if unknown:
            named = "; ".join(
                f"there is no {key} {word}{did_you_mean(word, options)}" for word in unknown
            )
            return f"{text}: {named} (choose from {', '.join(options)})"
        if not override.is_add() and key == "experiment":
            return f"{text}: write +{text.lstrip('+')}; an experiment is added to the defaults"
    composed = _composed(kept)
    if isinstance(composed, DictConfig):
        known = list(_keys(OmegaConf.to_container(composed)))
        if not options and key not in known:
            if owners := _owners(key):
                return f"{text}: {key} is a key of {', '.join(owners)}; choose one of them as well"
            near = did_you_mean(key, [*known, *groups()])
            return f"{text}: unknown key {key}{near or '; --cfg job lists the keys'}"
    return f"{text}: {' '.join(str(error).split())}"


def _owners(key: str) -> list[str]:
    """Choices whose file has a key, such as `dataset=csv` for `dataset.path`."""
    group, _, name = key.partition(".")
    files = sorted((conf_dir() / group).glob("*.yaml")) if name and group in groups() else []
    return [f"{group}={file.stem}" for file in files if name in list(OmegaConf.load(file))]


def _keys(config: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(config, dict):
        for key, value in config.items():
            yield f"{prefix}{key}"
            yield from _keys(value, f"{prefix}{key}.")


def _word(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(_word(each) for each in value)}]"
    return value.text if isinstance(value, QuotedString) else str(value)
