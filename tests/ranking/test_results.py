import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantmia.errors import FolderError
from quantmia.files import read_json, write_json
from quantmia.ranking.conclusion import Conclusion, Key
from quantmia.ranking.results import Results
from quantmia.ranking.verdict import Caution
from tests.report import example


def written(path: Path, results: Results) -> Results:
    path.mkdir(exist_ok=True)
    results.write(path, [path, path.parent / "other"])
    return Results.read(path)


def change(path: Path, **changes) -> None:
    """The conclusion of a folder; a value of None takes the key away."""
    content = json.loads((path / "conclusion.json").read_text()) | changes
    kept = {key: value for key, value in content.items() if value is not None}
    (path / "conclusion.json").write_text(json.dumps(kept))


@pytest.mark.parametrize("attacked", [True, False])
@pytest.mark.parametrize("names", [example.QUANTIZERS, ("sign",)])
def test_it_reads_what_it_wrote(tmp_path, attacked, names):
    results = replace(
        example.results(names, attacked=attacked),
        missing=("runs 3 of 8 are absent",),
        diverged=("out/run-0001", "out/run-0004"),
    )
    found = written(tmp_path / "out", results)
    assert found.tables.keys() == results.tables.keys()
    for name, table in results.tables.items():
        pd.testing.assert_frame_equal(
            found.tables[name], table, check_dtype=False, check_column_type=False,
            check_index_type=False, rtol=0, atol=0
        )  # fmt: skip
    assert found.conclusion == results.conclusion
    assert found.cautions == [Caution("a limit", "what to do")]
    assert found.confidence == results.confidence
    assert list(found.missing) == list(results.missing)
    assert list(found.diverged) == list(results.diverged)
    assert found.answer == results.answer
    assert [path.resolve() for path in found.folders] == [tmp_path / "out", tmp_path / "other"]


def test_a_second_time_it_writes_the_same_bits(tmp_path):
    found = written(tmp_path / "a", example.results())
    written(tmp_path / "b", found)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_undefined_numbers_and_infinite_ones_are_read(tmp_path):
    results = example.results()
    results.tables["pairs"]["runs_to_separate"] = [np.inf, np.nan, 1e30]
    results.tables["pairs"]["p_r_q"] = np.nan
    found = written(tmp_path / "out", results).tables["pairs"]
    np.testing.assert_array_equal(found["runs_to_separate"], [np.inf, np.nan, 1e30])
    assert found["p_r_q"].isna().all()


def test_names_like_numbers_and_like_nothing_stay_words(tmp_path):
    names = ("4", "NA", "nan")
    results = example.results(names)
    found = written(tmp_path / "out", results)
    assert found.ranking["quantizer"].tolist() == list(names)
    assert found.conclusion.best.quantizer == "4"


def test_the_file_holds_the_answer_and_the_facts(tmp_path):
    results = example.results()
    written(tmp_path / "out", results)
    content = json.loads((tmp_path / "out" / "conclusion.json").read_text())
    assert content == {
        "answer": results.answer,
        "advice": [],
        "decision": None,
        "conclusion": results.conclusion.facts(),
        "warnings": [{"text": "a limit", "advice": "what to do", "on_r_q": False}],
        "trusted": "lira_eb",
        "confidence": 0.9,
        "missing": [],
        "diverged": [],
        "folders": [".", "../other"],
    }


def test_the_conclusion_is_drawn_from_the_tables_again(tmp_path):
    results = example.results()
    written(tmp_path, results)
    change(tmp_path, trusted="loss_threshold", conclusion={"best": "nobody"}, answer="nothing")
    found = Results.read(tmp_path)
    tables = results.tables
    expected = Conclusion.of(tables["ranking"], tables["pairs"], "loss_threshold", 0.95)
    assert found.conclusion == expected
    assert f"sign leaks least (AUC of loss_threshold {expected.best.privacy.value:.3f} [" in (
        found.answer
    )


def test_what_an_older_version_wrote_is_read(tmp_path):
    results = example.results()
    written(tmp_path, results)
    change(tmp_path, conclusion=None, missing=None, diverged=None, answer=None)
    found = Results.read(tmp_path)
    assert found.conclusion == results.conclusion
    assert list(found.missing) == list(found.diverged) == []


def test_tables_of_an_older_version_go_by_their_mis(tmp_path):
    results = example.results(old=True)
    for name in ("ranking", "pairs"):
        assert not [each for each in map(str, results.tables[name]) if "auc" in each]
    results.tables["ranking"] = results.ranking.drop(columns="mis_upper")
    found = written(tmp_path / "out", results)
    assert found.key == Key("mis", "lira_eb")
    assert found.conclusion.best.quantizer == "sign"
    assert found.conclusion.best.mis_upper is None
    assert found.conclusion.ties == ()
    assert found.answer.startswith("sign leaks least (MIS by lira_eb 0.")
    assert "at most" not in found.answer


def test_a_bound_that_is_undefined_is_null_in_the_file_and_not_in_the_answer(tmp_path):
    results = example.results()
    assert f", MIS at most {results.ranking['mis_upper'][0]:.3f})" in results.answer
    results.tables["ranking"] = results.ranking.assign(mis_upper=np.nan)
    found = written(tmp_path / "out", results)
    assert found.conclusion.best.mis_upper is None
    assert "at most" not in found.answer
    written(tmp_path / "again", found)
    facts = json.loads((tmp_path / "again" / "conclusion.json").read_text())["conclusion"]
    assert facts["best"]["mis_upper"] is facts["reference"]["mis_upper"] is None


@pytest.mark.parametrize("key", ["warnings", "confidence", "folders"])
def test_a_conclusion_that_lacks_a_key_is_written_again_by_rank(tmp_path, key):
    written(tmp_path, example.results())
    change(tmp_path, **{key: None})
    with pytest.raises(FolderError) as refused:
        Results.read(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path / 'conclusion.json'} is missing or damaged; 'quantmia rank {tmp_path}' writes "
        "it again."
    )


@pytest.mark.parametrize("text", [None, "", "{", "[]", "null", '{"trusted": null}', "\0\0"])
def test_a_damaged_conclusion_is_one_message(tmp_path, text):
    written(tmp_path, example.results())
    path = tmp_path / "conclusion.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(FolderError, match=r"conclusion\.json is missing or damaged"):
        Results.read(tmp_path)


def test_short_names_of_what_it_holds():
    results = example.results(metric="r2")
    for name in ("ranking", "attacks", "indicator", "utility"):
        assert getattr(results, name) is results.tables[name]
    assert results.warnings == ["a limit"]
    assert results.trusted == "lira_eb"
    assert results.key == Key("auc", "lira_eb")
    assert results.metric == "R²"
    assert results.attack_names == ["lira_eb", "loss_threshold"]
    bare = example.results(attacked=False)
    assert bare.trusted is None
    assert bare.key == Key("r_q")
    assert bare.attack_names == []


@pytest.mark.parametrize(
    "changes",
    [{"warnings": ["x"]}, {"warnings": [{"text": "x"}]}, {"folders": None}, {"trusted": "nobody"}],
)
def test_a_conclusion_of_wrong_types_is_one_message(changes, tmp_path):
    folder = example.write(tmp_path / "done")
    content = read_json(folder / "conclusion.json") | changes
    write_json(folder / "conclusion.json", content)
    with pytest.raises(FolderError, match="is missing or damaged"):
        Results.read(folder)
