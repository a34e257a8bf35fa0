"""Quantizers that change more than weights, by the command line."""

import signal
import sys
from pathlib import Path

import pandas as pd
import pytest

from quantmia.cli.__main__ import main
from tests.end_to_end.command import SMALL, Begun, bits, quantmia, wait_for

pytestmark = pytest.mark.slow
pytest.importorskip("torchao")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

NAMES = ["full_precision", "onnx_int8_dynamic", "onnx_int8_static", "w8a8_dynamic", "w4a4_dynamic"]
COMMAND = [
    "run",
    *SMALL,
    "model=mlp",
    "model.hidden=[8]",
    f"quantizer=[{','.join(NAMES)}]",
    "attack=[lira_eb]",
    "hydra.run.dir=out",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    done = quantmia(folder, *COMMAND)
    assert done.returncode == 0, done.stderr
    return folder


def test_they_are_ranked_with_the_others(finished):
    ranking = pd.read_csv(finished / "out" / "ranking.csv").set_index("quantizer")
    assert set(ranking.index) == set(NAMES)
    assert ranking["auc_lira_eb"].between(0.4, 1).all()
    assert (ranking.loc[["onnx_int8_dynamic", "w8a8_dynamic"], "bits"] < 16).all()


def test_killed_and_resumed_it_has_the_same_bits(finished, tmp_path):
    process = Begun(tmp_path, *COMMAND)
    scores = tmp_path / "out" / "scores"
    wait_for(lambda: process.is_over() or any(scores.glob("run-*")))
    if not process.is_over():
        process.send_signal(signal.SIGKILL)
    process.end()
    done = quantmia(tmp_path, *COMMAND, "resume=true")
    assert done.returncode == 0, done.stderr
    assert bits(tmp_path / "out") == bits(finished / "out")


def test_without_the_extra_it_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert main([*COMMAND]) == 2
    said = capsys.readouterr().err
    assert "onnxscript is not installed" in said
    assert "pip install 'quantmia[onnxruntime]'" in said
