"""Configurations as they are composed for users."""

from dataclasses import replace
from functools import cache
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from quantmia.cli.overrides import conf_dir
from quantmia.config.check import check
from quantmia.config.schema import ExperimentConfig, TrainingConfig


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        return compose("config", overrides=list(overrides))


@cache
def configured(*overrides: str) -> ExperimentConfig:
    return check(composed(*overrides))


def training(**changes: Any) -> TrainingConfig:
    """The default training, changed."""
    return replace(configured().training, **changes)
