from dataclasses import replace

import pytest

from quantmia.statistics import Interval
from scripts.paper.cases import SAME, Case, counted, without_repeats
from scripts.paper.effects import sign_is_less_private
from tests.paper.made import numbers

MIXTURE = "dataset.modes=2 dataset.sigma=1"


def case(value: float, scale: str, study="mixtures", rest=MIXTURE, **changes) -> Case:
    setting = f"{rest} quantization.scale={scale}".strip()
    found = Interval(value, value - 0.1, value + 0.1)
    return Case(**{"study": study, "setting": setting, "effect": "MIS", "found": found,
                   "state": "open"} | changes)  # fmt: skip


def test_two_scales_that_come_to_the_same_count_once():
    first, again = case(0.3, "data"), case(0.3 + 0.9 * SAME, "unit")
    (kept,) = without_repeats([first, again])
    assert kept.found == first.found
    assert kept.setting == MIXTURE  # a verdict that depends on the scale does not hear of it
    assert kept.detail == "the same with scale data and unit"


def test_a_setting_of_a_scale_alone_is_the_default():
    (kept,) = without_repeats([case(0.3, "data", rest=""), case(0.3, "unit", rest="")])
    assert kept.setting == "default"


def test_what_decided_a_case_is_kept_beside_it():
    (kept,) = without_repeats([case(0.3, "data", detail="weakest of 3"), case(0.3, "unit")])
    assert kept.detail == "weakest of 3; the same with scale data and unit"


@pytest.mark.parametrize(
    "other",
    [
        case(0.3 + 1.1 * SAME, "unit"),
        case(0.3, "unit", study="esol"),
        case(0.3, "unit", rest="dataset.modes=4 dataset.sigma=1"),
        case(0.3, "unit", effect="R²"),
        case(0.3, "data"),
        case(0.3, "unit", on_average=True),
    ],
)
def test_other_cases_count_beside_each_other(other):
    both = [case(0.3, "data"), other]
    assert without_repeats(both) == both


def test_cases_without_a_scale_count_each():
    plain = [Case("regime", f"training.epochs={n}", "MIS", Interval(0.3, 0.2, 0.4), "open")
             for n in (10, 30)]  # fmt: skip
    assert without_repeats(plain) == plain


def test_undefined_cases_count_each():
    nothing = Interval(float("nan"), float("nan"), float("nan"))
    both = [case(0.0, scale, found=nothing) for scale in ("data", "unit")]
    assert without_repeats(both) == both


def test_sign_is_compared_with_ternary_33():
    made = numbers()
    renamed = made.repetitions.replace({"quantizer": {"uniform_5": "ternary_33"}})
    found = sign_is_less_private(replace(made, repetitions=renamed))
    effects = {each.effect for each in found}
    assert effects == {"log₁₀ of the ratio of r_Q", "difference of MIS by lira_eb"}
    by_mis = [each for each in counted(found) if "MIS" in each.effect]
    assert {each.state for each in by_mis} == {"fails"}  # sign is made the more private
    assert {each.study for each in by_mis} == {"mixtures", "lipophilicity"}
    assert sign_is_less_private(made) == []  # there is no ternary_33
