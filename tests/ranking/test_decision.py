import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from quantmia.ranking.advice import advice
from quantmia.ranking.decision import Decision, Rule
from quantmia.statistics import Interval
from tests.report import example


def front(**changes):
    return example.releases().assign(**changes)


RULE = Rule(0.05)


def decided(rule: Rule = RULE, **changes: Any) -> Decision:
    return Decision.of(front(**changes), "lira_eb", 8, rule)


def named(offer) -> str | None:
    return offer and f"{offer.quantizer} {offer.checkpoint}"


@pytest.mark.parametrize(
    ("loss", "ship"),
    [
        (0.0, "full_precision last"),
        (0.05, "uniform_4 last"),  # the more private of two
        (0.15, "full_precision best"),
        (0.2, "uniform_4 best"),
        (0.9, "sign 1"),
    ],
)
def test_the_most_private_within_the_loss_is_shipped(loss, ship):
    found = decided(Rule(loss))
    assert named(found.ship) == ship
    assert found.best_utility == pytest.approx(0.8)
    assert named(found.most_private) == "sign 1"


def test_of_a_negative_best_utility_a_share_is_allowed_too():
    utility = -front()["utility"]
    found = decided(Rule(0.5), utility=utility)
    assert found.best_utility == pytest.approx(-0.3)
    assert found.ship
    assert found.ship.utility >= -0.45


@pytest.mark.parametrize(
    ("mis", "ship"),
    [(0.3, "full_precision last"), (0.6, "full_precision best"), (0.9, "full_precision 1"),
     (0.94, "sign 1"), (0.96, None)],
)  # fmt: skip
def test_with_a_floor_the_most_useful_above_it_is_shipped(mis, ship):
    assert named(decided(Rule(0.05, mis)).ship) == ship


def test_an_upper_limit_below_the_floor_refutes_a_release():
    assert named(decided(Rule(0.05, 0.6)).ship) == "full_precision best"
    upper = front()["mis_upper"].where(front()["checkpoint"] != "best", 0.59)
    assert named(decided(Rule(0.05, 0.6), mis_upper=upper).ship) == "full_precision 1"


def test_what_is_stronger_may_cost_three_times_as_much():
    assert named(decided(Rule(0.05)).stronger) == "full_precision best"
    assert named(decided(Rule(0.07)).stronger) == "uniform_4 best"
    assert decided(Rule(0.05, 0.5)).stronger is None


def test_the_usual_release_is_full_precision_at_its_best_loss():
    found = decided()
    assert named(found.usual) == "full_precision best"
    assert found.saved
    assert vars(found.saved) == pytest.approx({"value": -0.2, "low": -0.25, "high": -0.15})
    whole = front()
    without = whole[whole["checkpoint"] != "best"]
    other = Decision.of(without, "lira_eb", 8, Rule(0.05))
    assert (other.usual, other.saved) == (None, None)


def test_the_surest_gain_is_looked_for_among_what_is_allowed():
    found = decided()
    assert named(found.gained_by) == "uniform_4 last"
    assert found.gain
    assert vars(found.gain) == pytest.approx({"value": 0.0, "low": -0.03, "high": 0.03}, abs=1e-9)
    # Elsewhere more may be gained.
    gain = front()["gain_low"].where(front()["quantizer"] != "sign", 0.5)
    assert named(decided(gain_low=gain).gained_by) == "uniform_4 last"
    assert named(decided(Rule(0.9), gain_low=gain).gained_by) == "sign 1"


def test_without_full_precision_nothing_is_known_of_gains():
    found = decided(gain=np.nan, gain_low=np.nan, gain_high=np.nan)
    assert (found.gain, found.gained_by, found.loses) == (None, None, False)
    assert not any("Quantizing" in said for said in advice(found))


def test_facts_are_json():
    found = decided().facts()
    assert json.loads(json.dumps(found, allow_nan=False))["ship"]["quantizer"] == "uniform_4"
    nothing = replace(decided(), saved=Interval(0.1, np.nan, np.nan)).facts()
    assert nothing["saved"] == {"value": 0.1, "low": None, "high": None}
