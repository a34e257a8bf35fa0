import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from quantmia.report.runs_needed import draw

ESTIMATORS = ("auc_lira", "mis_lira", "auc_rmia", "mis_rmia", "r_q_paper", "r_q_rate")


@pytest.fixture
def drawn():
    """The lines of a figure by their labels."""
    table = pd.DataFrame(
        [
            {"estimator": each, "runs": runs, "spearman": 0.5, "low": 0.4, "high": 0.6}
            for each in ESTIMATORS
            for runs in (4, 8)
        ]
    )
    figure, axes = plt.subplots()
    draw(axes, table)
    yield {str(line.get_label()): line for line in axes.get_lines()}
    plt.close(figure)


def test_auc_is_solid_mis_dotted_and_r_q_dashed(drawn):
    styles = {name: line.get_linestyle() for name, line in drawn.items()}
    assert styles == dict(zip(ESTIMATORS, ("-", ":", "-", ":", "--", "--"), strict=True))


def test_the_two_lines_of_an_attack_share_a_colour_and_a_marker(drawn):
    looks = {name: (to_hex(each.get_color()), each.get_marker()) for name, each in drawn.items()}
    for attack in ("lira", "rmia"):
        assert looks[f"auc_{attack}"] == looks[f"mis_{attack}"]
    assert len(set(looks.values())) == 4
