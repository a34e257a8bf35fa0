import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from quantmia.report import points
from quantmia.report.figures import charts
from quantmia.report.load import load
from quantmia.report.style import PAPER, SCREEN
from tests.report.example import write


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    names = ("a", "b", "c", "d", "e", "f")
    return load(write(tmp_path_factory.mktemp("points") / "done", names=names, seed=5))


def test_utilities_have_the_interval_of_student(report):
    found = points.utilities(report).set_index("quantizer")
    for name, mine in report.utility.groupby("quantizer")["value"]:
        low, high = t.interval(0.9, len(mine) - 1, mine.mean(), mine.std() / np.sqrt(len(mine)))
        row = found.loc[str(name)]
        assert (row["utility_low"], row["utility_high"]) == pytest.approx((low, high))


def test_one_run_has_no_interval(tmp_path):
    found = points.utilities(load(write(tmp_path / "one", runs=1)))
    assert found["utility"].notna().all()
    assert found["utility_low"].isna().all()


def test_useless_quantizers_do_not_squeeze_the_others(tmp_path):
    folder = write(tmp_path / "useless")
    table = pd.read_csv(folder / "utility.csv")
    table.loc[table["quantizer"] == "sign", "value"] -= 40
    table.to_csv(folder / "utility.csv", index=False)
    drawn = points.pareto(load(folder), SCREEN).to_dict()
    rows = pd.DataFrame(next(iter(drawn["datasets"].values())))
    assert rows["utility"].min() == points.FLOOR
    assert rows["label"][rows["quantizer"] == "sign"].str.contains("R² -").all()


def test_who_leaks_less_stands_higher(report):
    drawn = points.pareto(report, SCREEN).to_dict()
    y = drawn["layer"][-1]["encoding"]["y"]
    assert y["field"] == "auc"
    assert y["title"] == "AUC of the attack (0.5 = no leak)"
    assert y["scale"]["reverse"] is True
    low, high = y["scale"]["domain"]
    assert low < report.attacks["auc_low"].min()
    assert report.attacks["auc_high"].max() < high
    fields = [{layer["encoding"].get(each, {}).get("field") for each in ("y", "y2")}
              for layer in drawn["layer"]]  # fmt: skip
    assert {"auc_low", "auc_high"} in fields
    assert not any("mis" in str(field) for each in fields for field in each)


def test_against_the_indicator_stands_the_mis_and_more_of_it_is_higher(report):
    y = points.agreement(report, SCREEN).to_dict()["layer"][-1]["encoding"]["y"]
    assert y["field"] == "mis"
    assert y["title"] == "MIS (1 = no leak)"
    assert y["scale"]["reverse"] is False


@pytest.mark.parametrize("log", [False, True])
def test_labels_are_placed_where_the_axis_has_their_points(log):
    values, domain = pd.Series([0.5, 0.5**0.5 if log else 0.75, 1.0]), [0.5, 1.0]
    upward = points._pixels(values, domain, 200, points.Scale("mis", "MIS", log=log))
    assert upward == pytest.approx([0, 100, 200])
    turned = points._pixels(values, domain, 200, points.Scale("auc", "AUC", log, reverse=True))
    assert turned == pytest.approx([200, 100, 0])


def test_the_mouse_finds_auc_and_mis(report):
    for draw in (points.pareto, points.agreement):
        tips = draw(report, SCREEN).to_dict()["layer"][-1]["encoding"]["tooltip"]
        assert [(tip["field"], tip["title"]) for tip in tips if "title" in tip] == [
            ("auc_text", "AUC"), ("mis_text", "MIS"), ("utility_text", "R²"), ("r_q_text", "r_Q")
        ]  # fmt: skip


def beaten(row: dict, others: list[dict], key: str, sign: int) -> bool:
    """Whether another one is at least as private and as useful, and better in one."""
    gains = [(sign * (o[key] - row[key]), o["utility"] - row["utility"]) for o in others]
    return any(min(gain) >= 0 and max(gain) > 0 for gain in gains)


def test_the_front_is_that_of_auc_and_utility(report):
    for _, mine in points.by_attack(report).groupby("attack"):
        rows = mine.to_dict("records")
        assert list(mine["pareto"]) == [not beaten(row, rows, "auc", -1) for row in rows]
        assert list(mine["pareto"]) != [not beaten(row, rows, "mis", 1) for row in rows]


def test_labels_in_a_crowd_lie_on_no_other(report):
    across, down = np.full(4, 200.0), np.array([100.0, 104.0, 140.0, 144.0])
    labels = ["first", "second", "third", "fourth"]
    places = points._places(across, down, labels, SCREEN)
    boxes = []
    for a, d, label, place in zip(across, down, labels, places, strict=True):
        after, dy = points.PLACES[place]
        wide = points.LETTER * SCREEN.font * len(label)
        left = a + 8 if after else a - 8 - wide
        boxes.append((left, d + dy - 5, left + wide, d + dy + 5))
    for i, one in enumerate(boxes):
        assert all(points._overlap(one, other) == 0 for other in boxes[i + 1 :])


def test_a_label_without_room_is_left_out():
    places = points._places(np.full(40, 200.0), np.full(40, 200.0), ["a name"] * 40, SCREEN)
    assert -1 in places
    shown = [place for place in places if place >= 0]
    assert len(set(shown)) == len(shown)


@pytest.mark.slow
def test_every_chart_is_drawn_for_screen_and_paper(report):
    for size in (SCREEN, PAPER):
        drawn = charts(report, size)
        assert list(drawn) == ["pareto", "agreement", "pairs", "roc", "trajectory", "grid"]
        for chart in drawn.values():
            chart.to_dict()  # against the schema of Vega-Lite


def test_an_indicator_that_is_never_defined_has_no_figure(tmp_path):
    folder = write(tmp_path / "undefined")
    table = pd.read_csv(folder / "ranking.csv")
    table[["r_q", "r_q_low", "r_q_high"]] = np.nan
    table.to_csv(folder / "ranking.csv", index=False)
    drawn = charts(load(folder))
    assert "agreement" not in drawn
    assert "pareto" in drawn


def test_an_infinite_number_does_not_stretch_the_axis(tmp_path):
    folder = write(tmp_path / "infinite")
    table = pd.read_csv(folder / "ranking.csv")
    table.loc[0, ["r_q", "r_q_high"]] = np.inf
    table.to_csv(folder / "ranking.csv", index=False)
    domain = points.agreement(load(folder), SCREEN).to_dict()["layer"][-1]["encoding"]["x"]
    assert np.isfinite(domain["scale"]["domain"]).all()
