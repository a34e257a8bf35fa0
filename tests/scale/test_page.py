"""The page out of figures that are made up here."""

import json
import subprocess
import sys
import time

import pandas as pd
import pytest

from quantmia.errors import QuantmiaError
from scripts.scale import measured, page
from scripts.scale.__main__ import main
from scripts.scale.axes import AXES, QUANTIZERS, Axis
from scripts.scale.sources import molecules, table

FIGURES = ("seconds", "training", "ranking", "memory", "disk")


@pytest.fixture
def measurements() -> pd.DataFrame:
    return pd.DataFrame(
        {"axis": axis.key, "point": point, "cores": 2, **dict.fromkeys(FIGURES, point / 100)}
        for axis in AXES
        for point in axis.points
    )


def test_the_page_is_of_its_numbers(tmp_path, measurements, capsys):
    page.write(tmp_path, measurements)
    assert page.check(tmp_path) == []
    text = (tmp_path / "growth.md").read_text(encoding="utf-8")
    assert all(f"## {axis.name.capitalize()}\n" in text for axis in AXES)
    assert "| exponent, 100,000 to 1,000,000 | 1.00 [1.00, 1.00] |" in text
    # 10,000 s, a hundred times the rows and 1,250 times the runs, on two cores.
    assert f"| core hours, training | {10_000 * 100 * 1250 * 2 / 3600:,.0f} |" in text
    (tmp_path / "growth.csv").write_text(
        (tmp_path / "growth.csv").read_text(encoding="utf-8").replace(",0.2,", ",0.3,"),
        encoding="utf-8",
    )
    assert main(["check", str(tmp_path)]) == 1
    assert "make scale" in capsys.readouterr().err


def test_of_one_point_there_is_no_exponent(measurements):
    text = page.page(measurements[measurements["point"] == 20])
    assert "## Runs" in text
    assert "exponent," not in text
    assert "Nobody" not in text


def test_what_is_missing_is_said(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 1
    assert main(["write", str(tmp_path), str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("make scale") == 2


def test_what_is_measured_is_not_measured_again(tmp_path, monkeypatch):
    started = []

    def run(overrides, folder):
        started.append(overrides)
        return dict.fromkeys(FIGURES, 1.0)

    monkeypatch.setattr(measured, "run", run)
    axis = Axis("runs", "runs", (1, 2), "", lambda runs, data: [f"runs={runs}"])
    for point in (2, 1, 2):
        measured.measure(axis, point, tmp_path, 2)
    assert started == [["runs=2"], ["runs=1"]]
    assert [each["point"] for each in measured.kept(tmp_path)] == [1, 2]
    measured.measure(Axis("runs", "", (1,), "", lambda *_: ["runs=1", "seed=1"]), 1, tmp_path, 2)
    assert len(started) == 3
    assert json.loads((tmp_path / "runs-1.json").read_text())["overrides"] == ["runs=1", "seed=1"]


def test_memory_is_that_of_the_child():
    held = "import sys; x = bytearray(300 << 20); sys.exit(3)"
    for code, least in (("pass", 0), (held, 300 << 10)):
        process = subprocess.Popen([sys.executable, "-c", code])
        status, memory = measured.waited(process, time.monotonic() + 60)
        assert status == (3 if least else 0)
        assert memory > least


def test_a_child_that_takes_too_long_is_ended():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    assert measured.waited(process, time.monotonic())[0] == -9


def test_a_run_that_fails_is_told(tmp_path):
    with pytest.raises(QuantmiaError, match=r"exit code 2[\s\S]*runs"):
        measured.run(["runs=-1"], tmp_path)


def test_a_table_has_its_rows_and_is_the_same_each_time(tmp_path, monkeypatch):
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path in paths:
        table(50, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    read = pd.read_csv(paths[0])
    assert read.shape == (50, 13)
    assert set(read["y"]) == {0, 1}


@pytest.mark.slow
def test_molecules_are_distinct_beyond_those_that_there_are(tmp_path, monkeypatch):
    from scripts.scale import sources

    monkeypatch.setattr(sources, "_packaged", lambda: iter(["CCO", "c1ccccc1O", "C[C@H](N)O"]))
    molecules(8, tmp_path / "few.csv")
    read = pd.read_csv(tmp_path / "few.csv")
    assert read["smiles"].is_unique
    assert len(read) == 8
    with pytest.raises(QuantmiaError, match=r"there are \d+; choose"):
        molecules(1000, tmp_path / "many.csv")


def test_quantizers_are_different_ones():
    assert len(set(QUANTIZERS)) == len(QUANTIZERS) == max(AXES[-1].points)
