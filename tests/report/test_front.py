import numpy as np
import pytest

from quantmia.ranking.decision import Decision, Rule
from quantmia.report.front import drawn as drawn_table
from quantmia.report.front import front, releases
from quantmia.report.style import FLOOR, PAPER, SCREEN, TEXT
from tests.report import example


def drawn(size=SCREEN, **choices) -> dict:
    return front(example.results(front=True, **choices), size).to_dict()


def data(spec: dict) -> list[dict]:
    return next(iter(spec["datasets"].values()))


def test_every_release_of_every_attack_is_drawn_where_its_table_has_it():
    results = example.results(front=True)
    assert results.decision
    table = results.tables["front"]
    rows = releases(table, results.decision)
    assert len(rows) == len(table) * len(example.ATTACKS)
    for attack, mine in rows.groupby("attack"):
        np.testing.assert_array_equal(mine["mis"], table[f"mis_{attack}"])
        np.testing.assert_array_equal(mine["utility"], table["utility"])
        assert list(mine["mark"]) == ["epoch", "lowest loss", "last epoch"] * 3
        shipped = mine[mine["ship"]]
        assert list(shipped["release"]) == ["uniform_4 after 12 epochs"]


def test_the_attack_that_orders_comes_first_and_none_twice():
    spec = drawn()
    (menu,) = [each for each in spec["params"] if each["name"] == "attack"]
    assert menu["value"] == "lira_eb"
    assert menu["bind"]["options"] == ["lira_eb", "loss_threshold"]


def test_full_precision_is_thick_and_in_the_colour_of_the_text():
    layers = [each for each in drawn()["layer"] if each["mark"]["type"] == "line"]
    widths = [each["encoding"]["strokeWidth"]["value"] for each in layers]
    assert max(widths) > 2 * min(widths)
    scale = layers[0]["encoding"]["color"]["scale"]
    assert scale["domain"][0] == "full_precision"
    assert scale["range"][0] == TEXT
    assert len(set(scale["range"])) == 3


def test_useless_releases_stand_at_the_edge_and_undefined_ones_nowhere():
    results = example.results(front=True)
    table = results.tables["front"]
    table.loc[0, ["utility", "utility_low", "utility_high"]] = [-900.0, -1000.0, -800.0]
    table.loc[1, "utility"] = np.nan
    assert results.decision
    rows = releases(table, results.decision)
    assert rows["utility"].min() == rows["utility_low"].min() == FLOOR
    assert len(rows) == 2 * (len(table) - 1)


@pytest.mark.parametrize("size", [SCREEN, PAPER])
def test_a_layer_without_data_is_left_out(size):
    """It would stretch the axes to infinity, and say so in the console."""
    whole = drawn(size)
    assert len(drawn(size, names=("sign", "uniform_4"))["layer"]) == len(whole["layer"]) - 1
    assert len(drawn(size, floor=0.999)["layer"]) == len(whole["layer"]) - 2


def test_on_paper_nothing_waits_for_a_mouse():
    spec = drawn(PAPER)
    assert spec["width"] == PAPER.width
    assert "bars" not in str(spec["layer"])
    assert drawn(SCREEN)["width"] == "container"


@pytest.mark.parametrize(
    ("names", "columns"),
    [(["full_precision", "sign"], 4), (["training.qat=null", "training.qat=ternary_50"], 2),
     (["a" * 90, "b"], 1)],
)  # fmt: skip
def test_labels_of_a_legend_do_not_reach_into_each_other(names, columns):
    table = example.releases(names=["full_precision", "sign"]).assign(
        folder=lambda rows: [names[each == "sign"] for each in rows["quantizer"]]
    )
    decision = Decision.of(table, "lira_eb", 20, Rule(0.05))
    legends = str(drawn_table(table, decision, PAPER).to_dict())
    assert f"'columns': {columns}," in legends
