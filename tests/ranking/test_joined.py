import pytest

from quantmia.errors import QuantmiaError
from quantmia.ranking.advice import advice
from quantmia.ranking.decision import Rule
from quantmia.ranking.joined import Joined
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
