import numpy as np
import pandas as pd
import pytest

from quantmia.errors import OutputsError
from quantmia.recording.tables import read
from tests.recording.made import RUNS, SAMPLES, arrays, long_table, save


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_arrays_and_tables_say_the_same(task, tmp_path):
    made = arrays(task)
    for name, values in made.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "folder" / name, values)
    table = long_table(made)
    table.to_csv(tmp_path / "long.csv", index=False)
    table.sample(frac=1, random_state=0).to_parquet(tmp_path / "shuffled.parquet")
    save(tmp_path / "made.npz", made)
    for path in ("made.npz", "folder", "long.csv", "shuffled.parquet"):
        found = read(tmp_path / path)
        order = np.arange(SAMPLES)
        if path == "shuffled.parquet":  # in the order in which samples come
            order = np.array([int(str(each)[1:]) for each in found.samples or ()])
        np.testing.assert_array_equal(found.members, made["members"][:, order])
        np.testing.assert_array_equal(found.target, made["target"][order])
        assert set(found.outputs) == {"full_precision", "int4"}
        for name, epochs in found.outputs.items():
            np.testing.assert_array_equal(epochs[None], made[f"outputs/{name}"][:, order])


def test_a_table_may_have_epochs_and_scales_of_every_run(tmp_path):
    made = arrays()
    made["target"] = np.stack([made["target"] * (run + 1) for run in range(RUNS)])
    table = pd.concat([long_table(made).assign(epoch=epoch) for epoch in (2, 5)])
    table.to_csv(tmp_path / "long.csv", index=False)
    found = read(tmp_path / "long.csv")
    assert set(found.outputs["int4"]) == {2, 5}
    np.testing.assert_array_equal(found.target, made["target"])


def test_runs_may_have_names_and_other_columns_are_left_alone(tmp_path):
    made = arrays()
    table = long_table(made).assign(output_rank=1, run=lambda table: "r" + table["run"].astype(str))
    table.to_csv(tmp_path / "long.csv", index=False)
    found = read(tmp_path / "long.csv")
    np.testing.assert_array_equal(found.members, made["members"])
    np.testing.assert_array_equal(found.outputs["int4"][None], made["outputs/int4"])


@pytest.mark.parametrize("content", ["array", "damaged"])
def test_an_npz_that_is_none_is_one_message(content, tmp_path):
    path = save(tmp_path / "pickled.npz", arrays())
    if content == "array":
        with path.open("wb") as file:
            np.save(file, np.ones(3))
    else:
        whole = bytearray(path.read_bytes())
        whole[200:240] = b"x" * 40
        path.write_bytes(whole)
    with pytest.raises(OutputsError, match=r"pickled.npz: cannot be read"):
        read(path)


def changed(column: str, row: int, value):
    def change(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(
            **{column: table[column].astype(object).where(table.index != row, value)}
        )

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop(columns="member"), "lacks the column member; there is run, "),
        (
            lambda table: table.rename(columns={"variant": "varaint"}),
            "lacks the column variant; did you mean varaint",
        ),
        (lambda table: table.drop(columns="output"), "lacks outputs: a column output"),
        (
            lambda table: pd.concat([table, table.iloc[[3]]]),
            r"row 720 is there before \(variant full_precision, run 0, sample s3\)",
        ),
        (lambda table: table.drop(index=400), r"int4 lacks run 0, sample s40 \(1 row in all\)"),
        (
            lambda table: table[(table["variant"] != "int4") | (table["run"] != 2)],
            r"int4 lacks run 2, sample s0 \(60 rows in all\)",
        ),
        (changed("member", 365, 7), "row 5: run 0, sample s5 has 1 here and 7 in another row"),
        (changed("output", 5, "high"), "output: *holds|output holds objects"),
        (lambda table: table.assign(target="low"), "target holds objects"),
        (changed("variant", 5, None), "row 5 has no variant"),
        (changed("target", 5, None), "row 5 has no target"),
        (lambda table: table.assign(epoch=1.5), "row 0 is of epoch 1.5: whole numbers"),
        (lambda table: table.assign(epoch=0), "row 0 is of epoch 0: whole numbers"),
        (lambda table: table.assign(epoch="one"), "epoch holds objects"),
        (
            lambda table: table.rename(columns={"output": "output_1"}),
            "without a gap; there is output_1",
        ),
    ],
)
def test_what_a_table_lacks_is_one_message(change, said, tmp_path):
    path = tmp_path / "long.csv"
    change(long_table(arrays())).to_csv(path, index=False)
    with pytest.raises(OutputsError, match=said) as refused:
        read(path)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"members": None}, "lacks the array members"),
        ({"target": None, "tagret": np.zeros(3)}, "lacks the array target; did you mean tagret"),
        ({"outputs/int4": np.zeros((RUNS - 1, SAMPLES))}, "outputs/int4 has the shape .5, 60."),
        ({"outputs/int4": np.zeros(SAMPLES)}, "outputs/int4 has the shape .60,."),
        ({"losses/int4": np.zeros((RUNS, 3))}, "losses/int4 has the shape"),
        ({"losses/int2": np.zeros((RUNS, 3, 9))}, "losses/int2 has no outputs/int2"),
        ({"outputs/int4": None, "outputs/full_precision": None}, "has no outputs; an array for"),
        ({"target": np.array([{}] * SAMPLES)}, "holds Python objects, which could run anything"),
    ],
)
def test_what_arrays_lack_is_one_message(change, said, tmp_path):
    made = {name: each for name, each in (arrays() | change).items() if each is not None}
    path = save(tmp_path / "made.npz", made)
    with pytest.raises(OutputsError, match=said):
        read(path)


@pytest.mark.parametrize("name", ["made.npz", "long.csv", "long.parquet"])
def test_a_file_that_is_none_is_one_message(name, tmp_path):
    path = tmp_path / name
    with pytest.raises(OutputsError, match="there is no such file"):
        read(path)
    path.write_bytes(b"\x00\x93 no such thing")
    with pytest.raises(OutputsError, match=r"cannot be read|lacks the column|Python objects"):
        read(path)


def test_a_file_of_another_kind_is_one_message(tmp_path):
    (tmp_path / "made.pkl").write_bytes(b"")
    with pytest.raises(
        OutputsError, match=r"has to be an \.npz, a folder of .npy files, or a table"
    ):
        read(tmp_path / "made.pkl")
