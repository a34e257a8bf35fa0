"""Results that are no longer what code and configurations make, and numbers done again."""

import shutil

import numpy as np
import pandas as pd
import pytest

from quantmia.cli.overrides import composed
from quantmia.config.schema import recorded
from quantmia.files import write_json
from scripts.paper.__main__ import main
from scripts.paper.checking import _drawn_alike, _foretold
from scripts.paper.record import FILE, checksums, read_record, sweep_of
from scripts.paper.results import NUMBERS, draw_up
from tests.paper.made import numbers

DRAWN = '<path id="m4cf4909306" d="M 10.0 20.0"/><use xlink:href="#m4cf4909306"/><text>0.25</text>'


@pytest.mark.parametrize(
    ("changed", "alike"),
    [
        (DRAWN.replace("m4cf4909306", "m1f488be393").replace("20.0", "20.01"), True),
        (DRAWN.replace("20.0", "21.0"), False),
        (DRAWN.replace("0.25", "0.26"), False),
        (DRAWN.replace("#m4cf4909306", "#m1f488be393"), False),
        (DRAWN.replace(" 20.0", ""), False),
    ],
)
def test_drawings_may_differ_by_rounding(changed, alike):
    assert _drawn_alike(DRAWN, changed) is alike


def test_a_number_is_foretold_by_the_other_repetitions():
    known = pd.Series([1.0, 2.0, 3.0, 4.0, 100.0])
    assert _foretold(100.0, known, 4, "utility") == (True, True)
    assert _foretold(100.1, known, 4, "utility") == (False, False)
    assert _foretold(2.5, known, 4, "utility") == (False, True)
    assert _foretold(9.0, known, 4, "utility") == (False, False)
    assert _foretold(9.0, known, 4, "r_q") == (False, True)  # whose tail is heavy
    assert _foretold(np.nan, pd.Series([np.nan] * 3), 0, "r_q_grid_20") == (True, True)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """Results of made-up numbers, with the configuration of a true study."""
    results = tmp_path_factory.mktemp("results")
    numbers().write(results / NUMBERS)
    overrides = ["+experiment=paper/mixtures"]
    study = {
        "command": "quantmia run",
        "seeds": [0],
        "commit": "abc",
        "sweep": sweep_of("mixtures"),
        "overrides": overrides,
        "config": recorded(composed(overrides, None)),
    }
    manifest = {"studies": {"mixtures": study}}
    draw_up(results, manifest)
    write_json(results / FILE, manifest | {"files": checksums(results)})
    return results


@pytest.fixture
def results(untouched, tmp_path):
    return shutil.copytree(untouched, tmp_path / "results")


def faults(results, capsys) -> str:
    assert main(["check", str(results)]) == 1
    return capsys.readouterr().err


@pytest.mark.slow
def test_a_table_of_another_code_is_refused_and_all_others_are_accepted(results, capsys):
    table = results / "tables" / "ranking.md"
    table.write_text(table.read_text().replace("sign", "sing"))
    write_json(results / FILE, read_record(results) | {"files": checksums(results)})
    found = faults(results, capsys)
    assert "tables/ranking.md: the code makes another one" in found
    assert "\n1 faults; " in found


@pytest.mark.slow
def test_everything_that_is_wrong_is_named(results, capsys):
    table = results / "tables" / "ranking.md"
    table.write_text(table.read_text().replace("sign", "sing"))
    (results / "claims.md").rename(results / "claims-old.md")
    manifest = read_record(results)
    manifest["studies"]["mixtures"]["config"]["training"]["lr"] = 0.5
    del manifest["studies"]["mixtures"]["config"]["ranking"]["tolerance"]  # as if it were new
    manifest["studies"]["mixtures"]["sweep"]["dataset.modes"] = ["2", "4"]
    manifest["studies"]["gone"] = {"overrides": ["+experiment=gone"], "config": {}}
    write_json(results / FILE, manifest)
    found = faults(results, capsys)
    assert "tables/ranking.md: changed since it was written" in found
    assert "claims.md: missing" in found
    assert f"claims-old.md: not in {FILE}" in found
    assert "configuration of mixtures: training.lr: 0.5 and 0.01" in found
    assert "'dataset.modes': ['2', '4', '8']" in found
    assert "tolerance" not in found
    assert "configuration of gone: +experiment=gone is no longer valid" in found
