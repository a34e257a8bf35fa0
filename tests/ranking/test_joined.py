import numpy as np
import pytest

from quantmia.errors import QuantmiaError
from quantmia.ranking.advice import advice
from quantmia.ranking.decision import Rule
from quantmia.ranking.gains import Figures
from quantmia.ranking.joined import Joined, Pairs
from quantmia.ranking.resamples import Resamples
from tests.report import example

RULE = Rule(0.05)


def fronts(**changes):
    """A front, and a second one whose releases are all more private by 0.1 of AUC."""
    plain = example.releases()
    better = plain.assign(**{"auc_lira_eb": plain["auc_lira_eb"] - 0.1} | changes)
    return {"plain": plain, "decayed": better}


def joined(rule: Rule = RULE, **changes) -> Joined:
    return Joined.of(fronts(**changes), {"plain": 20, "decayed": 8}, rule)


def test_rows_of_all_folders_stand_below_each_other():
    table = joined().table
    assert list(table["folder"]) == ["plain"] * 9 + ["decayed"] * 9
    assert list(table["scheme"]) == list(example.releases()["quantizer"]) * 2
    assert table["quantizer"].iloc[0] == "sign (plain)"


def test_who_is_on_the_front_is_decided_among_all():
    table = joined().table
    assert example.releases()["on_front"].sum() > 0
    assert not table["on_front"][table["folder"] == "plain"].any()
    assert table["on_front"][table["folder"] == "decayed"].any()


def test_what_is_shipped_may_come_from_any_folder_and_nothing_is_said_of_gains():
    found = joined()
    assert found.decision.ship
    assert found.decision.ship.quantizer == "uniform_4 (decayed)"
    assert found.decision.runs == 8
    assert found.table[["gain", "gain_low", "saved", "saved_high"]].isna().all(axis=None)
    said = advice(found.decision)
    assert said[0].startswith("Ship uniform_4 (decayed) after 12 epochs: R² 0.770")
    assert not any(each.startswith(("Quantizing", "People")) for each in said)
    assert joined(Rule(0.05, 0.9)).decision.rule.mis == 0.9


NAMES = [("full_precision", "1"), ("full_precision", "last"), ("uniform_4", "last")]


def resamples(shared: str = "these", less: float = 0.0, **changes) -> Resamples:
    """Two releases in full precision and a quantized one, which gives away less."""
    rng = np.random.default_rng(0)  # of runs, which all trainings share
    noise = 0.05 * rng.normal(size=200)
    utility, advantage = np.array([0.5, 0.7, 0.7]), np.array([0.2, 0.6, 0.6 - less])
    figures = Figures(utility, advantage, *(each[:, None] + noise for each in (utility, advantage)))
    settings = {"attack": "lira_eb", "guess": 0.0, "runs": 20, "confidence": 0.95} | changes
    return Resamples(NAMES, figures, shared=shared, **settings)


def test_on_the_same_members_gains_are_over_the_first_in_full_precision():
    found = Pairs.among({"plain": resamples(), "decayed": resamples(less=0.3)}, "lira_eb")
    assert found.against == "plain"
    assert ("plain", "full_precision", "last") not in found.gains
    gain = found.gains["decayed", "uniform_4", "last"]
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.3, 0.3, 0.3))
    assert found.gains["decayed", "full_precision", "1"].value == pytest.approx(0)
    assert found.cells("plain", "uniform_4", "last")["gain"] == pytest.approx(0)
    assert found.cells("plain", "full_precision", "1") == {}


@pytest.mark.parametrize(
    "other", [None, resamples("those"), resamples(attack="lira")], ids=["none", "members", "attack"]
)
def test_what_shares_no_runs_or_attack_has_no_gains(other):
    assert Pairs.among({"plain": resamples(), "decayed": other}, "lira_eb") == Pairs(None, {})
    of_both = Pairs.among({"old": other, "plain": resamples(), "new": resamples()}, "lira_eb")
    assert of_both.against == "plain"
    assert not any(folder == "old" for folder, *_ in of_both.gains)


def test_gains_are_said_to_be_over_that_training():
    own = {"plain": resamples(), "decayed": resamples(less=0.3)}
    found = Joined.of(fronts(), {"plain": 20, "decayed": 8}, RULE, own)
    assert found.decision.against == "full_precision (plain)"
    (said,) = [each for each in advice(found.decision) if "stopping earlier" in each]
    assert said.startswith("Another way to train or quantize gains over stopping earlier: ")
    assert said.endswith(
        "MIS of uniform_4 (decayed) after 12 epochs is higher than that of full_precision (plain) "
        "by 0.300 [0.300, 0.300]."
    )


@pytest.mark.parametrize("attack", example.ATTACKS)
def test_folders_that_were_not_attacked_alike_are_refused(attack):
    own = fronts()
    lacks = [column for column in map(str, own["decayed"]) if attack in column]
    own["decayed"] = own["decayed"].drop(columns=lacks)
    said = r"not attacked alike \(plain: loss_threshold, lira_eb; decayed: "
    with pytest.raises(QuantmiaError, match=said):
        Joined.of(own, {"plain": 8, "decayed": 8}, RULE)


def test_utilities_of_different_kinds_make_no_front():
    with pytest.raises(QuantmiaError, match=r"compared \(plain: r2, decayed: accuracy\)"):
        joined(utility_metric="accuracy")
