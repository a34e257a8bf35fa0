"""What a folder of recorded outputs keeps in place of the configuration of a training."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from quantmia.config.places import conf_dir
from quantmia.config.schema import IndicatorConfig, RankingConfig, RuleConfig
from quantmia.config.values import CHECKED, Count, Entry, FolderName, Natural
from quantmia.errors import FolderError, QuantmiaError, did_you_mean
from quantmia.vocabulary import Membership

# Of the defaults those that look at nothing but outputs.
ATTACKS = ("loss_threshold", "lira", "lira_eb")


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class RecordedSplit:
    """How members were drawn.

    Args:
        membership: `half` of the samples a run, or a fair `coin` a sample; null: in some other way.
    """

    membership: Membership | None


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class RecordedTraining:
    """What is known of a training that took place elsewhere.

    Args:
        checkpoints: the epochs that losses are of; none where none were recorded.
        released: the epochs that outputs are of; none where they are of the last alone.
    """

    checkpoints: list[Count]
    released: list[Count]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class RecordedConfig:
    """How to rank models that somebody else trained and quantized.

    Args:
        name: of the folder.
        seed: of the resamples.
        runs: how many there are.
        split: how members were drawn.
        training: what is known of it.
        release: what decides between releases.
        quantizer: variants of the models by name, each with its `bits` a weight where known.
        indicator: variant of r_Q.
        attack: by name, each with `_target_`.
        ranking: its uncertainty.
    """

    name: FolderName
    seed: Natural
    runs: Count
    split: RecordedSplit
    training: RecordedTraining
    release: RuleConfig
    quantizer: dict[str, Entry]
    indicator: IndicatorConfig
    attack: dict[str, Entry]
    ranking: RankingConfig


def settings(attacks: Sequence[str] = ATTACKS) -> dict[str, Any]:
    """How tables are made unless somebody says otherwise: the defaults of `conf/`.

    Not composed by Hydra, whose state may be that of the script that records.

    Args:
        attacks: by the names of `conf/attack/`.

    Raises:
        QuantmiaError: there is no such attack.
    """
    folder = conf_dir()
    known = sorted(path.stem for path in (folder / "attack").glob("*.yaml"))
    chosen: dict[str, Any] = {}
    for name in sorted(set(attacks)):
        if name not in known:
            hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            raise QuantmiaError(f"attack {name} is unknown{hint}")
        chosen |= _plain(folder / "attack" / f"{name}.yaml")
    defaults = _plain(folder / "config.yaml", "indicator", "ranking", "release")
    rule = {key: defaults["release"][key] for key in ("utility_loss", "mis")}
    del defaults["indicator"]["samples"]  # whoever trains decides what is recorded
    return defaults | {"release": rule, "attack": chosen}


def recording(content: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of recorded outputs, checked, as a manifest keeps it.

    Args:
        content: every key of `RecordedConfig`.

    Raises:
        FolderError: it is not one.
    """
    return asdict(read_recording(content, "the recording"))


def is_recording(content: Mapping[str, Any]) -> bool:
    """Whether a manifest's `config` is of recorded outputs, and not of a training of ours."""
    return "dataset" not in content and "training" in content


def read_recording(content: Mapping[str, Any], where: str) -> RecordedConfig:
    """The typed configuration that the manifest of recorded outputs keeps.

    Args:
        content: of the manifest's `config`.
        where: the manifest, for the message.

    Raises:
        FolderError: it is not of this version of quantmia.
    """
    try:
        return TypeAdapter(RecordedConfig).validate_python(dict(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise FolderError(
            f"{where} was made by another version of quantmia ({key}: {first['msg']}); record it "
            "again"
        ) from None


def _plain(path: Any, *keys: str) -> dict[str, Any]:
    """A YAML file without what it refers to, or some of its keys."""
    loaded = OmegaConf.load(path)
    assert isinstance(loaded, DictConfig)
    found = OmegaConf.to_container(OmegaConf.masked_copy(loaded, list(keys)) if keys else loaded)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}
