import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from quantmia.errors import FolderError
from quantmia.report.load import load
from tests.report.example import write


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("load") / "done")


@pytest.fixture
def folder(written, tmp_path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "done"))


def test_it_reads_what_was_written(folder):
    found = load(folder)
    assert found.ranking["quantizer"].tolist() == ["sign", "uniform_4", "full_precision"]
    assert found.trusted == "lira_eb"
    assert found.attack_names == ["lira_eb", "loss_threshold"]
    assert found.warnings == ["a limit"]
    assert found.confidence == 0.9
    assert found.name == "mixture"
    assert found.folders == [folder / "."]
    assert found.command == "quantmia run runs=8"


def test_a_ranking_of_several_folders_is_made_again_by_rank(folder):
    conclusion = json.loads((folder / "conclusion.json").read_text())
    merged = folder.parent / "merged"
    shutil.copytree(folder, merged)
    conclusion["folders"] = ["../done", "../done two"]
    (merged / "conclusion.json").write_text(json.dumps(conclusion))
    found = load(merged)
    assert found.manifest["seed"] == 3  # of the first that has one
    where = folder.parent
    assert found.command == f"quantmia rank {where}/done '{where}/done two' --output {merged}"


def test_undefined_numbers_and_huge_ones_are_numbers(folder):
    table = pd.read_csv(folder / "pairs.csv").astype(object)
    table["runs_to_separate"] = [10**30, None, 12]
    table.to_csv(folder / "pairs.csv", index=False)
    found = load(folder).tables["pairs"]["runs_to_separate"]
    assert found[0] == 1e30
    assert pd.isna(found[1])


def spoil(folder: Path, fault: str) -> None:
    if fault == "empty folder":
        shutil.rmtree(folder)
        folder.mkdir()
    elif fault == "no folder":
        shutil.rmtree(folder)
    elif fault == "no table":
        (folder / "attacks.csv").unlink()
    elif fault == "empty table":
        (folder / "ranking.csv").write_text("")
    elif fault == "cut":
        content = (folder / "ranking.csv").read_bytes()
        (folder / "ranking.csv").write_bytes(content[: len(content) // 2])
    elif fault == "no rows":
        (folder / "utility.csv").write_text("run,quantizer,metric,value\n")
    elif fault == "bytes":
        (folder / "roc.csv").write_bytes(b"\xff\xfe\x00\x81\n" * 20)
    elif fault == "column":
        pd.read_csv(folder / "ranking.csv").drop(columns="bits").to_csv(
            folder / "ranking.csv", index=False
        )
    elif fault == "words":
        text = (folder / "trajectory.csv").read_text()
        (folder / "trajectory.csv").write_text(text.replace(",1,", ",one,", 1))
    elif fault == "conclusion":
        (folder / "conclusion.json").write_text("{")
    elif fault == "shard":
        for path in folder.glob("*.csv"):
            path.unlink()
        manifest = {"state": "finished", "config": {"shards": 4}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    elif fault == "unfinished":
        for path in folder.glob("*.csv"):
            path.unlink()
        (folder / "manifest.json").write_text(json.dumps({"state": "running", "runs": 8}))
        (folder / "scores").mkdir()
        (folder / "scores" / "run-0000.safetensors").touch()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("no folder", "does not exist"),
        ("empty folder", "holds no ranking"),
        ("no table", r"lacks attacks\.csv: 'quantmia rank .*' writes what is missing"),
        ("empty table", r"ranking\.csv .*'quantmia rank .*' writes it again"),
        ("cut", r"ranking\.csv was cut; 'quantmia rank"),
        ("no rows", r"utility\.csv is empty"),
        ("bytes", r"roc\.csv cannot be read"),
        ("column", r"ranking\.csv lacks the column bits"),
        ("words", r"trajectory\.csv has words in the column epoch"),
        ("conclusion", r"conclusion\.json is missing or damaged"),
        ("shard", "one of several shards"),
        ("unfinished", r"not finished: 1 of 8 runs .* resume=true"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(folder, fault, said):
    spoil(folder, fault)
    with pytest.raises(FolderError) as refused:
        load(folder)
    assert re.search(said, str(refused.value))
    assert "\n" not in str(refused.value)


def test_without_attacks_the_tables_of_attacks_may_be_empty(tmp_path):
    found = load(write(tmp_path / "bare", attacked=False))
    assert found.attacks.empty
    assert found.trusted is None
    assert found.attack_names == []
    assert "pareto" not in found.figures
    assert "pairs" in found.figures
