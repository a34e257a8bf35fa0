import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from quantmia.quantizers import FullPrecision, Function, Quantizer, Sign, Uniform, make
from quantmia.quantizers.contract import RULES, examples, refusal, verdicts
from tests.configurations import composed

CONF = Path(__file__).parents[2] / "conf"
BUILT_IN = {file.stem: file for file in sorted((CONF / "quantizer").glob("*.yaml"))}
LAWS = [rule.law for rule in RULES]
PACKAGES = {
    "BitsAndBytes": "bitsandbytes",
    "Gguf": "gguf",
    "OnnxRuntime": "onnxscript",
    "TorchAO": "torchao",
    "TorchAORuntime": "torchao",
}


@cache
def entries(**shared) -> dict[str, dict]:
    """What files say where they stand, with the values that quantizers share."""
    settings = [f"quantization.{key}={value}" for key, value in shared.items()]
    # Unchecked, because without its package one is refused.
    whole = composed(f"quantizer=[{','.join(BUILT_IN)}]", *settings)
    found: Any = OmegaConf.to_container(whole.quantizer, resolve=True)
    return found


def entry(name: str, **shared) -> dict:
    """That of one."""
    return entries(**shared)[name]


def rescales(name: str) -> bool:
    """Whether it fits a codebook to data, which is then not constant."""
    settings = entry(name)
    return settings["_target_"].endswith("Calibrated") and settings.get("rescale", True)


def skip_without_its_package(name: str) -> None:
    settings = entry(name)
    kind = settings.get("scheme", settings)["_target_"].rpartition(".")[2]
    if kind in PACKAGES:
        pytest.importorskip(PACKAGES[kind])


def by_torchao(name: str) -> bool:
    """Whether its weights are torchao's."""
    settings = entry(name)
    return settings.get("scheme", settings)["_target_"].endswith(("TorchAO", "TorchAORuntime"))


def by_openvino(name: str) -> bool:
    """Whether its weights are NNCF's, which takes its time: its own tests try it."""
    return entry(name)["_target_"].endswith("OpenVino")


def broken(quantizer: Quantizer) -> dict[str, str]:
    return {rule.law: found for rule, found in verdicts(quantizer) if found}


@pytest.mark.parametrize("name", [name for name in BUILT_IN if not by_openvino(name)])
def test_what_is_built_in_keeps_every_law_that_is_required(name):
    skip_without_its_package(name)
    quantizer = make(entry(name))
    found = list(verdicts(quantizer))
    assert [rule for rule, _ in found] == list(RULES)
    assert [(rule.law, why) for rule, why in found if rule.required and why] == []
    if not by_torchao(name):  # which shrinks a row a little, as its text says
        assert broken(quantizer) == {}


@pytest.mark.parametrize("scale", ["unit", "fixed"])
@pytest.mark.parametrize(
    "name",
    [name for name in BUILT_IN if not (by_torchao(name) or by_openvino(name) or rescales(name))],
)
def test_so_it_does_with_a_constant_codebook(name, scale):
    skip_without_its_package(name)
    assert broken(make(entry(name, scale=scale, scale_value=0.3))) == {}


def test_every_quantizer_of_the_package_is_built_in():
    used = {entry(name)["_target_"].rpartition(".")[2] for name in BUILT_IN}
    assert used == {kind.__name__ for kind in final(Quantizer)} - {Function.__name__}


def final(kind: type) -> list[type]:
    """Classes of the package that no other of its classes is made of."""
    below = [each for each in kind.__subclasses__() if each.__module__.startswith("quantmia.")]
    return [each for one in below for each in final(one)] if below else [kind]


def mine(function: Callable[[Tensor], object], bits: float = math.nan) -> Quantizer:
    return Function(function=function, bits=bits)  # pyright: ignore[reportArgumentType]


class Raw(Quantizer):
    """A subclass, whose values are nobody's but its own."""

    def __init__(self, function: Callable[[Tensor], object]):
        super().__init__()
        object.__setattr__(self, "function", function)

    @property
    def bits_per_weight(self) -> float:
        return math.nan

    def quantize_rows(self, weights):
        return self.function(weights)  # pyright: ignore[reportAttributeAccessIssue]


def first_two(weights):
    return weights[:, :2]


def spoiling(bad):
    return lambda weights: torch.where(weights.abs().amax(1, keepdim=True) > 0, weights, bad)


def in_place(weights):
    return weights.round_()


def dithered(weights):
    return weights + torch.rand_like(weights)


def drifting():
    calls = []

    def drift(weights):
        calls.append(0)
        return torch.full_like(weights, len(calls))

    return drift


def sign_of_all(weights):
    """One scale for all rows."""
    return torch.where(weights < 0, -1.0, 1.0) * weights.abs().max()


def half(weights):
    return weights / 2


@pytest.mark.parametrize(
    ("quantizer", "law", "said"),
    [
        (mine(first_two), LAWS[0], "returns [3, 2] for [3, 257] (Gaussian weights)"),
        (mine(lambda weights: weights.tolist()), LAWS[0], "returns a list (Gaussian weights)"),
        (
            mine(lambda weights: weights[0]),
            LAWS[0],
            "returns [257] for [3, 257] (Gaussian weights)",
        ),
        (
            mine(lambda weights: weights if len(weights) > 2 else weights.t()),
            LAWS[0],
            "returns [5000, 2] for [2, 5000] (a long row)",
        ),
        (
            Raw(lambda weights: weights.double()),
            LAWS[0],
            "returns torch.float64 for torch.float32 (Gaussian weights)",
        ),
        (mine(spoiling(math.inf)), LAWS[1], "returns 1 NaN or infinite weights (a single weight"),
        (mine(spoiling(math.nan)), LAWS[1], "returns 1 NaN or infinite weights (a single weight"),
        (mine(lambda w: w / w.abs().amax(1, True)), LAWS[1], "returns 1 NaN or infinite weights"),
        (Raw(spoiling(math.nan)), LAWS[1], "returns 1 NaN or infinite weights"),
        (mine(in_place), LAWS[2], "changes the weights it is given (Gaussian weights)"),
        (mine(sign_of_all), LAWS[4], "a row alone and among others differs by "),
        (
            mine(torch.round, bits=3),
            LAWS[5],
            "and 3 bits number 8 (one outlier, row 1: -0.8015, -0.4955, ",
        ),
        (
            mine(torch.sign, bits=1),
            LAWS[5],
            "a row has 3 different values, and 1 bits number 2 (weights of",
        ),
        (mine(torch.sign, bits=0), LAWS[5], "states 0.0 bits a weight (Gaussian weights)"),
        (mine(torch.sign, bits=-2), LAWS[5], "states -2.0 bits a weight (Gaussian weights)"),
        (mine(half), LAWS[6], "quantizing twice moves a weight by "),
    ],
)
def test_who_breaks_one_law_is_told_which(quantizer, law, said):
    found = broken(quantizer)
    assert list(found) == [law]
    assert said in found[law]


def test_random_numbers_break_the_law_that_says_so():
    found = broken(mine(dithered))
    assert found[LAWS[3]] == "two calls give different weights (Gaussian weights)"
    assert set(found) == {LAWS[3], LAWS[4], LAWS[6]}  # all that compare two calls


def test_a_memory_breaks_the_law_that_says_so():
    found = broken(mine(drifting()))
    assert found[LAWS[3]] == "two calls give different weights (Gaussian weights)"


def test_every_law_is_tested_here():
    assert len(LAWS) == len(set(LAWS)) == 7
    assert [rule.law for rule in RULES if not rule.required] == ["is idempotent"]
    assert all(rule.why for rule in RULES)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no\nmore"), "raises ValueError: no (Gaussian weights)"),
        (ValueError(), "raises ValueError (Gaussian weights)"),
        (ValueError(" \n "), "raises ValueError (Gaussian weights)"),
        (AssertionError(), "raises AssertionError (Gaussian weights)"),
        (AttributeError("no astype"), "raises AttributeError: no astype (Gaussian weights)"),
        (KeyError("a"), "raises KeyError: 'a' (Gaussian weights)"),
        (ZeroDivisionError("by zero"), "raises ZeroDivisionError: by zero (Gaussian weights)"),
    ],
    ids=repr,
)
def test_errors_are_told_and_nothing_else_is_tried(error, said):
    def fails(weights):
        raise error

    found = list(verdicts(mine(fails)))
    assert [(rule.law, why) for rule, why in found] == [(LAWS[0], said)]


def test_what_breaks_a_required_rule_is_refused_and_what_is_good_to_know_is_not():
    refused = refusal(mine(first_two))
    assert refused is not None
    assert refused.startswith(f"breaks the rule '{LAWS[0]}': returns [3, 2] for [3, 257]")
    assert refused.endswith("; a model could not run")
    assert refusal(mine(lambda weights: weights * 0.5)) is None  # not idempotent
    assert refusal(Sign()) is None


def test_an_interrupt_is_nobodys_fault():
    def interrupted(weights):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(verdicts(mine(interrupted)))


def test_an_error_on_some_rows_names_them():
    def picky(weights):
        if (weights == 0).all():
            raise ValueError("nothing to scale")
        return weights

    assert broken(mine(picky)) == {LAWS[0]: "raises ValueError: nothing to scale (zeros)"}


def test_stated_bits_that_no_number_holds_are_told():
    assert list(broken(mine(torch.sign, bits=5000))) == [LAWS[5]]


def test_who_overwrites_its_input_spoils_no_later_example():
    seen = []

    def erases(weights):
        seen.append(weights.clone())
        return weights.zero_()

    broken(mine(erases))
    for (name, rows), given in zip(examples(), seen, strict=False):
        assert torch.equal(rows, given), name


def test_rounding_is_no_offence():
    def jittery(weights):
        return weights * (1 + 1e-6 / len(weights))

    assert broken(mine(jittery)) == {}
    assert set(broken(mine(lambda weights: weights * (1 + 1e-3 / len(weights))))) >= {LAWS[4]}


@pytest.mark.parametrize("quantizer", [FullPrecision(), Sign(), Uniform(bits=1)], ids=str)
def test_examples_are_left_as_they_are(quantizer):
    before = [rows for _, rows in examples()]
    assert broken(quantizer) == {}
    for (name, rows), same in zip(examples(), before, strict=True):
        assert torch.equal(rows, same), name
        assert rows.dtype == torch.float32
        assert torch.isfinite(rows).all()
