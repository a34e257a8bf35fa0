import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from quantmia.config.schema import ExperimentConfig, recorded
from quantmia.config.training import TrainingConfig
from quantmia.data.split import members
from quantmia.quantizers import Uniform, make
from quantmia.ranking.indicator import HeldOut, indicator, order
from quantmia.training.optimisers import OPTIMISERS
from quantmia.vocabulary import Membership, Optimizer, Per, Scale, Variant
from tests.configurations import composed, configured, training


def sections(schema: type) -> Iterator[tuple[str, type]]:
    """Every dataclass of the schema with the dotted key that it stands at."""
    yield "", schema
    for key, hint in get_type_hints(schema).items():
        if isinstance(hint, type) and is_dataclass(hint):
            yield from ((f"{key}.{below}".rstrip("."), its) for below, its in sections(hint))


SECTIONS = dict(sections(ExperimentConfig))


def section_of(config: Any, key: str) -> Any:
    found = config
    for part in key.split(".") if key else ():
        found = found[part]
    return found


def test_every_section_is_looked_at():
    inner = "split training training.dp release trajectory quantization calibration indicator"
    assert set(SECTIONS) == {"", *inner.split(), "ranking", "report"}


@pytest.mark.parametrize("key", SECTIONS)
def test_the_default_has_every_key_of_the_schema_and_no_other(key):
    config = OmegaConf.to_container(composed(), resolve=True)
    its = section_of(config, key)
    assert sorted(its) == sorted(field.name for field in fields(SECTIONS[key]))


@pytest.mark.parametrize("key", SECTIONS)
def test_defaults_stand_in_the_configurations_alone(key):
    for field in fields(SECTIONS[key]):
        assert field.default is MISSING, field.name
        assert field.default_factory is MISSING, field.name


@pytest.mark.parametrize("key", SECTIONS)
def test_the_docstring_explains_every_key_and_no_other(key):
    schema = SECTIONS[key]
    text = inspect.cleandoc(schema.__doc__ or "").partition("Args:\n")[2]
    explained = re.findall(r"^    (\w+): \S", text, re.MULTILINE)
    assert explained == [field.name for field in fields(schema)]


def test_a_manifest_keeps_everything_but_resume():
    kept = recorded(configured("resume=true"))
    assert [field.name for field in fields(ExperimentConfig) if field.name not in kept] == [
        "resume"
    ]
    assert kept["training"]["epochs"] == configured().training.epochs
    assert kept == recorded(configured("resume=false"))


@pytest.mark.parametrize("scale", get_args(Scale))
@pytest.mark.parametrize(("per", "rows"), [("tensor", 1), ("channel", 3), ("group", 6)])
def test_quantizers_know_every_scale_and_what_shares_a_codebook(scale, per, rows):
    chosen = configured(
        f"quantization.scale={scale}",
        "quantization.scale_value=0.5",
        f"quantization.per={per}",
        "quantization.group_size=2",
    )
    weights = {"w": torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(0))}
    for name in ("sign", "ternary_50", "uniform_2"):
        quantizer = make(chosen.quantizer[name])
        assert (quantizer.scale, quantizer.per) == (scale, per)
        assert quantizer(weights)["w"].shape == (1, 3, 4)
    widths = set(make(chosen.quantizer["sign"])(weights)["w"].abs().flatten().tolist())
    if scale == "data":
        assert len(widths) == rows
    else:
        assert widths == {{"unit": 1.0, "fixed": 0.5}[scale]}


def test_every_word_for_what_shares_a_codebook_is_tried():
    assert set(get_args(Per)) == {"tensor", "channel", "group"}


def test_a_quantizer_is_checked_for_the_words_that_the_schema_has():
    hints = get_type_hints(Uniform)
    assert (hints["scale"], hints["per"]) == (Scale, Per)


@pytest.mark.parametrize("variant", get_args(Variant))
def test_the_indicator_knows_every_variant(variant):
    assert configured(f"indicator={variant}").indicator.variant == variant
    losses = np.random.default_rng(0).random((5, 9), np.float32)
    ordered = order(HeldOut(losses, np.arange(5)))
    if variant == "pooled":  # of all runs together
        with pytest.raises(ValueError, match="not a variant of a single run"):
            indicator(ordered, variant)
    else:
        assert indicator(ordered, variant).r > 0


@pytest.mark.parametrize("membership", get_args(Membership))
def test_members_are_drawn_in_every_way(membership):
    assert configured(f"split.membership={membership}").split.membership == membership
    drawn = members(0, range(3), 40, membership)
    assert (set(drawn.sum(1)) == {20}) == (membership == "half")


def test_every_optimizer_is_there():
    assert set(OPTIMISERS) == set(get_args(Optimizer))
    for each in get_args(Optimizer):
        assert configured(f"training={each}").training.optimizer == each


@pytest.mark.parametrize(
    ("epochs", "every", "expected"),
    [(5, 1, [1, 2, 3, 4, 5]), (5, 2, [2, 4]), (5, 5, [5]), (6, 3, [3, 6])],
)
def test_checkpoints_count_from_one_and_in_steps(epochs, every, expected):
    config = training(epochs=epochs, checkpoint_every=every)
    assert isinstance(config, TrainingConfig)
    assert config.checkpoints == expected


@pytest.mark.parametrize(
    ("overrides", "wanted"),
    [
        ([], False),
        (["report=true"], True),
        (["report=false"], False),
        (["report.page=true"], True),
        (["report.expose_samples=true"], True),
    ],
)
def test_a_page_that_names_samples_is_a_page(overrides, wanted):
    assert configured(*overrides).report.wanted == wanted


def test_a_configuration_cannot_be_changed():
    with pytest.raises(AttributeError):
        setattr(configured(), "runs", 3)  # noqa: B010
