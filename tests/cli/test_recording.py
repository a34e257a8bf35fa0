import numpy as np
import pandas as pd
import pytest

from quantmia.cli.__main__ import main
from quantmia.recording.plan import Plan
from tests.cli.mistakes import refused
from tests.recording.made import plan


def test_a_plan_is_written_and_what_it_can_show_is_said(here, capsys):
    assert main(["plan", "-o", "plan", "--samples", "30", "--runs", "5", "--seed", "3"]) == 0
    np.testing.assert_array_equal(Plan.read(here / "plan").members, Plan.drawn(30, 5, 3).members)
    said = capsys.readouterr().out
    assert "That is few: lira needs 8." in said
    assert said.endswith("Plan: plan (30 rows, 5 runs)\n")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_groups_come_from_a_column(here, ending):
    table = pd.DataFrame({"patient": np.repeat(["a", "b", "c", "d", "e", "f"], 5)})
    table.to_csv("rows.csv") if ending == "csv" else table.to_parquet("rows.parquet")
    assert main(["plan", "-o", "plan", "--groups", f"rows.{ending}:patient"]) == 0
    members = Plan.read(here / "plan").members
    assert members.shape == (20, 30)
    assert (members.reshape(20, 6, 5) == members.reshape(20, 6, 5)[..., :1]).all()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["-o", "plan"], "--samples: how many rows there are has to be said"),
        (["-o", "plan", "--samples", "3"], "3 samples: 4 or more are needed"),
        (["-o", "plan", "--samples", "-5"], "samples=-5: has to be 1 or more"),
        (["-o", "rows.csv", "--samples", "30"], "rows.csv cannot be made"),
        (["-o", "plan", "--groups", "rows.csv"], "--groups rows.csv: FILE:COLUMN is wanted"),
        (["-o", "plan", "--groups", "no.csv:a"], "no.csv: cannot be read"),
        (["-o", "plan", "--groups", "rows.csv:b"], "--groups rows.csv:b: there is no such column"),
        (["-o", "plan", "--groups", "rows.csv:some"], "groups: row 3 belongs to none (17 in all)"),
        (["-o", "plan", "--groups", "rows.csv:a", "--samples", "9"], "rows.csv:a has 20 rows"),
        (["-o", ".", "--samples", "30"], ". holds a plan already"),
    ],
)
def test_a_plan_that_cannot_be_is_one_message(command, said, here, capsys):
    rows = pd.DataFrame({"a": range(20)})
    rows.assign(some=rows["a"].where(rows["a"] < 3)).to_csv("rows.csv")
    plan().write(here)
    assert said in refused(capsys, "plan", *command)
