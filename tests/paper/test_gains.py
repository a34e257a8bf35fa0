from typing import Any

import numpy as np
import pytest

from quantmia.ranking.decision import Decision, Rule
from scripts.paper.drawing import styled
from scripts.paper.gains import gains, gains_figure, verdict
from tests.paper.made import fronts, numbers


def rows() -> dict[str, dict[Any, Any]]:
    return {row["study"]: row for row in gains(numbers()).to_dict("records")}


def test_a_verdict_a_data_set():
    found = rows()
    assert {study: row["verdict"] for study, row in found.items()} == {
        "digits": "gains", "esol": "loses", "logbb": "none is that useful",
    }  # fmt: skip
    assert all(row["verdict_anywhere"] == "gains" for row in found.values())
    assert found["digits"]["by"] == "sign after 9 epochs"
    gain = [found["digits"][f"gain{end}"] for end in ("", "_low", "_high")]
    assert gain == [0.1, 0.05, 0.15]
    assert np.isnan(found["logbb"]["gain"])
    assert found["logbb"]["by"] == ""


def test_what_is_shipped_stands_beside_what_people_ship():
    found = rows()["digits"]
    assert found["ship"] == "full_precision after 3 epochs"
    assert found["utility"] == 0.78
    assert found["advantage"] == pytest.approx(0.1)
    assert (found["usual_utility"], found["usual_advantage"]) == (0.80, pytest.approx(0.2))


@pytest.mark.parametrize(
    ("gain", "said"),
    [((0.1, 0.05, 0.15), "gains"), ((0.1, -0.01, 0.2), "not shown"), ((-0.1, -0.2, 0), "not shown"),
     ((-0.1, -0.2, -0.01), "loses")],
)  # fmt: skip
def test_a_gain_is_one_where_its_interval_says_so(gain, said):
    front = fronts().iloc[:4].copy()
    front.loc[2:, ["gain", "gain_low", "gain_high"]] = gain
    assert verdict(Decision.of(front, "lira_eb", 20, Rule(1.0))) == said


def test_the_figure_names_verdicts_that_there_are():
    with styled():
        figure = gains_figure(numbers())
    assert figure is not None
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["gains", "loses"]
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["digits", "esol", "logbb"]
