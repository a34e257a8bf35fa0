import json

import numpy as np

from quantmia.ranking.advice import advice
from quantmia.ranking.decision import Decision, Rule
from tests.ranking.test_decision import RULE, decided, front

ATTACKER = (
    "The attacker (lira_eb) has 7 models of its own, trained in the same way on samples of which "
    "it knows who was in; of 100 samples that it flags at 1 % false positives, 93 were in training "
    "(50 if it guessed)."
)


def test_the_advice_in_full():
    assert advice(decided()) == [
        "Ship uniform_4 after 12 epochs: R² 0.770, an attacker's advantage at least 0.440; the "
        "most private with R² at most 5 % below the best, 0.800 (release.utility_loss).",
        "People usually ship full_precision at its best held-out loss (epoch 4.5): R² 0.700, an "
        "attacker's advantage at least 0.260; its MIS is higher by 0.200 [0.150, 0.250].",
        "Stronger: full_precision at its best held-out loss (epoch 4.5), R² 0.700, an attacker's "
        "advantage at least 0.260.",
        "Quantizing gains nothing over stopping earlier that 8 runs would show: at the same R², "
        "MIS of uniform_4 after 12 epochs differs from that of full precision by +0.000 [-0.030, "
        "+0.030].",
        ATTACKER,
    ]


def test_what_is_usually_shipped_may_be_the_best():
    said = advice(decided(Rule(0.15)))
    assert said[0].startswith("Ship full_precision at its best held-out loss (epoch 4.5): R² 0.700")
    assert said[1] == "That is what people usually ship."


def test_a_floor_that_none_reaches_is_said():
    first, *rest = advice(decided(Rule(0.05, 0.99)))
    assert first == (
        "No release has a MIS of 0.99 or more (release.mis); the most private is sign after 1 "
        "epoch: R² 0.300, an attacker's advantage at least 0.020."
    )
    assert rest == [
        "The attacker (lira_eb) has 7 models of its own, trained in the same way on samples of "
        "which it knows who was in."
    ]


def test_a_floor_says_that_it_decides():
    assert advice(decided(Rule(0.05, 0.6)))[0].endswith(
        "; the most useful with a MIS of 0.6 or more (release.mis)."
    )


def test_a_gain_that_is_sure_and_a_loss_that_is_sure():
    gains = dict(zip(("gain", "gain_low", "gain_high"), (0.2, 0.1, 0.3), strict=True))
    said = next(each for each in advice(decided(RULE, **gains)) if each.startswith("Quantizing"))
    assert said == (
        "Quantizing gains over stopping earlier: at the same R², MIS of uniform_4 after 12 epochs "
        "is higher than that of full precision by 0.200 [0.100, 0.300]."
    )
    losses = dict(zip(("gain", "gain_low", "gain_high"), (-0.2, -0.3, -0.1), strict=True))
    said = next(each for each in advice(decided(RULE, **losses)) if each.startswith("Quantizing"))
    assert said == (
        "Quantizing loses to stopping earlier: even at the same R², MIS of uniform_4 after 12 "
        "epochs is lower than that of full precision, by 0.200 [0.100, 0.300]."
    )


def test_too_few_samples_for_a_false_positive_rate_say_nothing_of_flags():
    said = advice(decided(RULE, **{"tpr_at_fpr_0.01": np.nan}))[-1]
    assert "flags" not in said


def test_one_run_has_no_limit_and_an_attacker_without_models():
    found = Decision.of(front(mis_upper=np.nan), "lira_eb", 1, RULE)
    first, *_, last = advice(found)
    assert first.startswith("Ship uniform_4 after 12 epochs: R² 0.770, an attacker's advantage not "
                            "known from one run; the most")  # fmt: skip
    assert last.startswith("The attacker (lira_eb) sees nothing but the released model; of 100")
    assert json.dumps(found.facts(), allow_nan=False)


def test_the_loss_alone_needs_no_models():
    said = advice(Decision.of(front(), "loss_threshold", 8, RULE))[-1]
    assert said.startswith("The attacker (loss_threshold) sees nothing but the released model")
