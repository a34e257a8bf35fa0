import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantmia.errors import FolderError
from quantmia.ranking.stored import COLUMNS, OF_LOSSES, R_Q, REQUIRED, read_tables
from tests.report import example

CALIBRATION = "quantizer,shown,rows,others,attack,auc\nsign_gptq,apart,9,27,layer_difference,0.9\n"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return example.write(tmp_path_factory.mktemp("stored") / "done")


@pytest.fixture
def folder(written, tmp_path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "done"))


def refusal(folder: Path) -> str:
    with pytest.raises(FolderError) as refused:
        read_tables(folder)
    return str(refused.value)


def change(path: Path, how: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    how(pd.read_csv(path)).to_csv(path, index=False)


def test_every_table_that_is_there_is_read(folder):
    assert set(read_tables(folder)) == {*REQUIRED, *OF_LOSSES, "roc"}
    front = {"quantizer": ["sign"], "checkpoint": ["best"]}
    front |= {key: [0.5] for key in COLUMNS["front"][2:]}
    pd.DataFrame(front).to_csv(folder / "front.csv", index=False)
    epsilon = pd.DataFrame({"quantizer": ["sign"], "attack": ["any"], "epsilon": [0.5]})
    epsilon.to_csv(folder / "epsilon.csv", index=False)
    (folder / "calibration.csv").write_text(CALIBRATION)
    found = read_tables(folder)
    assert set(found) == set(COLUMNS)
    assert found["epsilon"]["epsilon"][0] == 0.5
    (folder / "roc.csv").unlink()
    assert set(read_tables(folder)) == set(COLUMNS) - {"roc"}


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_every_column_is_asked_for(folder, name):
    path = folder / f"{name}.csv"
    if name == "epsilon":
        path.write_text("quantizer,attack,epsilon\nsign,any,0.5\n")
    if name == "calibration":
        path.write_text(CALIBRATION)
    if name == "front":
        path.write_text(f"{','.join(COLUMNS[name])}\nsign,best,3,0.5,0.9,0.1,1\n")
    for column in (*COLUMNS[name], *R_Q.get(name, ())):
        whole = path.read_text()
        change(path, lambda table, column=column: table.drop(columns=column))
        again = f"'quantmia rank {folder}' writes it again."
        assert refusal(folder) == f"{path} lacks the column {column}; {again}"
        path.write_text(whole)


@pytest.mark.parametrize("name", OF_LOSSES)
def test_tables_of_losses_are_all_there_or_none(folder, name):
    whole = set(read_tables(folder))
    (folder / f"{name}.csv").unlink()
    assert f"lacks {name}.csv" in refusal(folder)
    for other in set(OF_LOSSES) - {name}:
        (folder / f"{other}.csv").unlink()
    assert "lacks indicator.csv" in refusal(folder)  # because the ranking knows r_Q
    for path, columns in (("ranking.csv", ["r_q", "rank"]), ("pairs.csv", ["p_r_q"])):
        change(folder / path, lambda table, columns=columns: table.drop(columns=columns))
    assert set(read_tables(folder)) == whole - set(OF_LOSSES)


@pytest.mark.parametrize("end", [-1, -20, 5])
def test_a_file_that_was_cut_is_told_by_its_end(folder, end):
    path = folder / "diagnostics.csv"
    path.write_bytes(path.read_bytes()[:end])
    said = f"{path} was cut; 'quantmia rank {folder}' writes it again."
    assert refusal(folder) == said


@pytest.mark.parametrize("name", ["attacks", "pairs", "ranking"])
def test_no_bytes_at_all_are_a_cut_file(folder, name):
    (folder / f"{name}.csv").write_text("")
    assert "was cut" in refusal(folder)


@pytest.mark.parametrize("name", sorted({*REQUIRED, "roc"} - {"attacks", "pairs"}))
def test_a_header_without_rows_is_empty(folder, name):
    path = folder / f"{name}.csv"
    change(path, lambda table: table.iloc[:0])
    said = f"{path} is empty; 'quantmia rank {folder}' writes it again."
    assert refusal(folder) == said


@pytest.mark.parametrize("name", ["attacks", "pairs"])
def test_without_attacks_or_with_one_quantizer_a_table_is_empty(folder, name):
    path = folder / f"{name}.csv"
    change(path, lambda table: table.iloc[:0])
    assert read_tables(folder)[name].empty
    path.write_text("\n")  # as pandas writes a table of nothing
    assert read_tables(folder)[name].empty


def test_a_blank_line_in_place_of_another_table_cannot_be_read(folder):
    path = folder / "utility.csv"
    path.write_text("\n")
    assert re.fullmatch(
        rf"{path} cannot be read \(.+\); 'quantmia rank {folder}' writes it again\.",
        refusal(folder),
    )


def test_a_line_with_too_many_cells_cannot_be_read(folder):
    path = folder / "roc.csv"
    path.write_text(path.read_text() + "1,2,3,4,5,6,7,8,9\n")
    said = refusal(folder)
    assert said.startswith(f"{path} cannot be read (")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("ranking", "bits"),
        ("ranking", "auc_lira_eb"),
        ("correlation", "low"),
        ("pairs", "p_auc_lira_eb"),
        ("pairs", "p_mis_lira_eb"),
    ],
)
def test_words_among_numbers_are_told_with_their_column(folder, name, column):
    path = folder / f"{name}.csv"
    change(path, lambda table: table.assign(**{column: ["many", *table[column].iloc[1:]]}))
    said = f"{path} has words in the column {column}; 'quantmia rank {folder}' writes it again."
    assert refusal(folder) == said


def test_an_empty_cell_is_no_number_but_a_word(folder):
    found = read_tables(folder)
    assert found["ranking"]["flags"].tolist() == ["before_minimum", "", ""]
    halves = found["correlation"].iloc[-1]
    assert halves["attack"] == ""
    assert np.isnan(halves["low"])


def test_a_name_that_pandas_takes_for_nothing_is_a_word(folder):
    path = folder / "ranking.csv"
    change(path, lambda table: table.assign(quantizer=["None", "null", "N/A"]))
    assert read_tables(folder)["ranking"]["quantizer"].tolist() == ["None", "null", "N/A"]


def test_a_folder_that_is_not_there_and_a_file_are_none(tmp_path):
    said = "does not exist; name a folder that 'quantmia run' made."
    assert refusal(tmp_path / "absent") == f"{tmp_path / 'absent'} {said}"
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file") == f"{tmp_path / 'file'} {said}"


def test_a_folder_that_holds_nothing(tmp_path):
    said = f"{tmp_path} holds no ranking; name a folder that 'quantmia run' or 'rank' made."
    assert refusal(tmp_path) == said
    (tmp_path / "manifest.json").write_text("{")
    assert refusal(tmp_path) == said


@pytest.mark.parametrize("manifest", [{"state": "finished", "config": {"shards": 1}}, {}])
def test_tables_that_are_missing_are_all_named(folder, manifest):
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for name in ("pairs", "utility"):
        (folder / f"{name}.csv").unlink()
    said = (
        f"{folder} lacks utility.csv, pairs.csv: 'quantmia rank {folder}' writes what is missing."
    )
    assert refusal(folder) == said


@pytest.mark.parametrize(("manifest", "planned"), [({"runs": 8}, 8), ({}, "?")])
def test_a_folder_that_is_not_finished_says_how_far_it_is(tmp_path, manifest, planned):
    (tmp_path / "manifest.json").write_text(json.dumps({"state": "running"} | manifest))
    (tmp_path / "scores").mkdir()
    for run in (0, 1, 5):
        (tmp_path / "scores" / f"run-{run:04d}.safetensors").touch()
    assert refusal(tmp_path) == (
        f"{tmp_path} is not finished: 3 of {planned} runs are there. Repeat the command that made "
        f"it with hydra.run.dir={tmp_path} resume=true."
    )


def test_a_shard_is_ranked_with_the_others(tmp_path):
    manifest = {"state": "finished", "config": {"shards": 4, "shard": 1}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert refusal(tmp_path) == (
        f"{tmp_path} is one of several shards; rank them together: quantmia rank DIR..."
    )
