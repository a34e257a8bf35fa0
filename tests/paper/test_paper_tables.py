"""Tables and ablations of made-up numbers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scripts.paper import ablations, tables
from scripts.paper.drawing import save, styled
from scripts.paper.figures import FIGURES
from scripts.paper.results import TABLES
from tests.paper.made import MIXTURE, numbers


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_and_the_same_bits_each_time(name, tmp_path):
    for place in ("one", "two"):
        with styled():
            figure = FIGURES[name](numbers())
            assert figure is not None
            save(figure, tmp_path / place)
    for end in ("svg", "pdf"):
        assert (tmp_path / f"one.{end}").read_bytes() == (tmp_path / f"two.{end}").read_bytes()


@pytest.mark.parametrize("chosen", ["validation", "lipophilicity"])
def test_tables_and_figures_of_one_study(chosen):
    made = numbers()
    parts = {
        name: table[table["study"] == chosen]
        for name, table in vars(made).items()
        if name != "needed"
    }
    one = replace(made, **parts, needed=made.needed[:0])
    for make in TABLES.values():
        make(one)
    drawn = {name for name, draw in FIGURES.items() if draw(one) is not None}
    assert ("validation" in drawn) == (chosen == "validation")
    assert ("tradeoff" in drawn) == (chosen == "lipophilicity")


def only(table: pd.DataFrame, **chosen: str) -> dict[Any, Any]:
    """The one row with these values."""
    for column, value in chosen.items():
        table = table[table[column] == value]
    (row,) = table.to_dict("records")
    return row


def test_agreement_stands_beside_that_of_all_runs():
    row = only(tables.agreement(numbers()), study="mixtures", setting=MIXTURE.format("unit"))
    assert (row["spearman"], row["spearman_together"], row["runs"]) == (-1, 0.5, 100)


def test_runs_are_columns():
    table = tables.runs(numbers())
    assert list(table["study"]) == ["mixtures", "mixtures", "lipophilicity", "lipophilicity"]
    assert {"spearman_20", "spearman_20_low", "spearman_100_high"} < set(table)
    assert (table["spearman_20_low"] == 0.2).all()


def test_runs_needed_by_setting():
    (row,) = tables.needed(numbers()).to_dict("records")
    assert row == {"estimator": "mis_whitebox", "synthetic_0.8": 150, "synthetic_0.9": 150}


def test_regression_stands_beside_classification():
    table = tables.tradeoff(numbers())
    assert len(table) == 2 * 6
    row = only(table, scale="data", quantizer="ternary_90")
    assert row["mixtures_mis"] == row["lipophilicity_mis"] == 0.6
    assert row["lipophilicity_r2"] == pytest.approx(-0.1, abs=0.005)
    assert row["mixtures_accuracy_low"] < row["mixtures_accuracy"]


def test_stability_by_share():
    table = ablations.validation(numbers())
    assert table["share"].to_list() == ["0.4", "0.5"]
    assert table["stability"].to_list() == [1, 1]
    assert np.isfinite(table["spearman_low"].to_numpy(float)).all()


def test_a_coarser_grid_is_another_column():
    table = ablations.grid(numbers())
    data = table["setting"].str.contains("scale=data")
    assert (table.loc[data, "every_1"] == 1).all()
    assert (table.loc[data, "every_5"] == -1).all()


def test_shares_of_runs_have_an_interval_even_if_all_are_alike():
    row = ablations.low_loss(numbers()).to_dict("records")[0]
    assert row["low_loss_dominates"] == 0
    assert 0.02 < row["low_loss_dominates_high"] < 0.05
    assert ablations.regime(numbers())["best_is_last_high"].iloc[0] == pytest.approx(
        row["low_loss_dominates_high"]
    )


def test_scales_are_paired():
    row = only(ablations.scale(numbers()), study="lipophilicity")
    assert (row["spearman_data"], row["spearman_unit"], row["difference"]) == (1, -1, -2)
    assert row["quantizer_data"] == "ternary_90"
    assert row["setting"] == "default"
