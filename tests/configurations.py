"""Configurations as they are composed for users."""

from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from quantmia.config.check import check
from quantmia.config.places import conf_dir
from quantmia.config.schema import ExperimentConfig
from quantmia.config.training import TrainingConfig


@cache
def _chosen(*choices: str) -> DictConfig:
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        return compose("config", overrides=list(choices))


def composed(*overrides: str) -> DictConfig:
    """Composing takes a third of a second, setting a value none: each choice is composed once."""
    keys = {each: each.lstrip("+~").partition("=")[0] for each in overrides}
    choices = [
        each for each, key in keys.items() if (conf_dir() / key).is_dir() or key.startswith("hydra")
    ]
    values = [each for each in overrides if each not in choices]
    config = deepcopy(_chosen(*choices))
    parsed = OverridesParser.create().parse_overrides(values)
    ConfigLoaderImpl._apply_overrides_to_config(parsed, config)
    return config


@cache
def configured(*overrides: str) -> ExperimentConfig:
    return check(composed(*overrides))


def training(**changes: Any) -> TrainingConfig:
    """The default training, changed."""
    return replace(configured().training, **changes)
