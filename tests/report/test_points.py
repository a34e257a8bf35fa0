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
