from pathlib import Path

import numpy as np
import pytest

from quantmia.errors import FolderError, OutputsError
from quantmia.pipeline import finished
from quantmia.pipeline import run as pipeline
from quantmia.preemption import Stop
from quantmia.recording.importing import import_outputs
from quantmia.recording.tables import Arrays, read
from quantmia.runs.folder import RunFolder
from tests.configurations import configured
from tests.recording.made import arrays, exported, long_table, plan, save
from tests.tiny import progress

# Ranked by the defaults, as imported outputs are.
QUICK = ("training.epochs=12", "release.checkpoints=last", "quantizer=[full_precision,uniform_2]")

OFF = np.roll(arrays()["outputs/int4"], 7, axis=1)  # of the sample before the one before ...


def imported(made: dict[str, np.ndarray], folder: Path, **settings) -> RunFolder:
    return import_outputs(read(save(folder.with_suffix(".npz"), made)), folder, **settings)


def ranked(folder: Path):
    return finished.rank([folder], None, folder.parent, progress())[0]


@pytest.mark.parametrize(
    ("dataset", "attacks"),
    [
        (("dataset.sigma=1", "training.epochs=30"), ("lira", "lira_eb", "loss_threshold", "rmia")),
        (("dataset=diabetes", "model=mlp", "model.hidden=[4]"), ("lira_eb", "lira", "rmia")),
    ],
)
def test_a_folder_of_ours_exported_and_imported_again_has_the_same_attacks(
    dataset, attacks, tmp_path
):
    pipeline.run(
        configured("device=cpu", "runs=8", f"attack=[{','.join(attacks)}]", *QUICK, *dataset),
        tmp_path / "ours", tmp_path, progress(), [], Stop(),
    )  # fmt: skip
    folder = RunFolder(tmp_path / "ours")
    made = exported(folder)
    task = folder.manifest()["dataset"]["task"]
    import_outputs(
        read(save(tmp_path / "made.npz", made)), tmp_path / "theirs", task, attacks=attacks
    )
    without_losses = [name for name in attacks if name != "rmia"]
    table = long_table({k: v for k, v in made.items() if not k.startswith("losses/")})
    table.to_parquet(tmp_path / "long.parquet")
    import_outputs(read(tmp_path / "long.parquet"), tmp_path / "long", task, attacks=without_losses)
    ours = (tmp_path / "ours" / "attacks.csv").read_bytes()
    for name in ("theirs", "long"):
        ranked(tmp_path / name)
    assert (tmp_path / "theirs" / "attacks.csv").read_bytes() == ours
    kept = [line for line in ours.splitlines(keepends=True) if b",rmia," not in line]
    assert (tmp_path / "long" / "attacks.csv").read_bytes() == b"".join(kept)
    for name in ("indicator", "trajectory", "diagnostics", "pairs"):
        theirs = (tmp_path / "theirs" / f"{name}.csv").read_bytes()
        assert theirs == (tmp_path / "ours" / f"{name}.csv").read_bytes()


def test_without_losses_nothing_pretends_that_there_is_r_q(tmp_path):
    imported(arrays("binary"), tmp_path / "mine")
    results = ranked(tmp_path / "mine")
    assert not results.of_losses
    assert not [column for column in results.ranking if str(column).startswith(("r_q", "rank"))]
    written = {path.stem for path in (tmp_path / "mine").glob("*.csv")}
    assert written == {"attacks", "pairs", "ranking", "roc", "utility"}
    assert "r_Q" not in (tmp_path / "mine" / "ranking.md").read_text()
    assert results.trusted == "lira_eb"


def test_an_attack_that_reads_what_was_not_recorded_is_left_out_and_says_so(tmp_path):
    wanted = ("lira_eb", "rmia", "quantile", "whitebox")
    imported(arrays("binary"), tmp_path / "mine", attacks=wanted)
    results = ranked(tmp_path / "mine")
    assert set(results.attacks["attack"]) == {"lira_eb"}
    said = " / ".join(results.warnings)
    assert "rmia was left out: it reads losses of samples that no run trained on" in said
    assert "quantile was left out: it reads the features of the samples and losses" in said
    assert "whitebox was left out: it reads the models, which were not recorded" in said


def test_epochs_make_a_front(tmp_path):
    made = read(save(tmp_path / "made.npz", arrays("regression")))
    late = {name: {9: each[None]} for name, each in made.outputs.items()}
    noisy = np.random.default_rng(0).normal(size=made.outputs["int4"][None].shape)
    early = {name: {2: each[9] + noisy} for name, each in late.items()}
    both: dict[str, dict[int | None, np.ndarray]] = {n: {**early[n], **late[n]} for n in late}
    import_outputs(Arrays(made.members, made.target, both), tmp_path / "mine")
    results = ranked(tmp_path / "mine")
    front = results.tables["front"]
    assert sorted(front["epoch"].unique()) == [2, 9]
    last = front[front["checkpoint"] == "last"].set_index("quantizer")
    utility = results.ranking.set_index("quantizer")["utility"]
    for name in ("full_precision", "int4"):
        assert last["utility"][name] == pytest.approx(utility[name], abs=1e-9)
    assert results.decision is not None


def test_coin_membership_allows_a_bound_on_epsilon(tmp_path):
    mask = np.random.default_rng(0).random((8, 60)) < 0.5
    imported(arrays("binary", mask), tmp_path / "mine", membership="coin")
    assert "epsilon" in ranked(tmp_path / "mine").tables


def test_a_folder_that_holds_something_is_not_written_over(tmp_path):
    imported(arrays(), tmp_path / "mine")
    with pytest.raises(FolderError, match="is not an empty folder"):
        imported(arrays(), tmp_path / "mine")
    (tmp_path / "other" / "mine").mkdir(parents=True)
    (tmp_path / "other" / "mine" / "run-0099.safetensors").write_text("precious")
    with pytest.raises(FolderError, match="is not an empty folder"):
        imported(arrays() | {"outputs/int4": OFF * np.nan}, tmp_path / "other")
    assert (tmp_path / "other" / "mine" / "run-0099.safetensors").read_text() == "precious"


def test_few_samples_that_show_nothing_are_a_remark(tmp_path):
    mask = plan(40, 6).members
    made = arrays("regression", mask)
    made = {k: np.roll(v, 7, axis=1) if k.startswith("outputs") else v for k, v in made.items()}
    imported(made, tmp_path / "mine")
    assert any(
        "nothing to do with each other" in said for said in ranked(tmp_path / "mine").warnings
    )


def test_recordings_of_other_epochs_are_no_one_experiment(tmp_path):
    made = read(save(tmp_path / "made.npz", arrays()))
    for name, epochs in (("a", (1, 2)), ("b", (1, 3))):
        variant = {"full_precision": "int4"}.get(name, name)
        values = made.outputs["int4"][None]
        outputs: dict[str, dict[int | None, np.ndarray]] = {variant: dict.fromkeys(epochs, values)}
        import_outputs(Arrays(made.members, made.target, outputs), tmp_path / name)
    with pytest.raises(FolderError, match=r"training\.released: \[1, 2\] and \[1, 3\]"):
        finished.rank([tmp_path / "a", tmp_path / "b"], None, tmp_path, progress())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outputs/a b": arrays()["outputs/int4"]}, "variant 'a b': a name of letters"),
        ({"outputs/int4": arrays()["outputs/int4"] * np.nan}, "run 0, int4: row 0 is nan"),
        (
            {"outputs/full_precision": arrays()["outputs/int4"][:, ::-1], "outputs/int4": OFF},
            "nothing to do with each other",
        ),
        ({"losses/int4": np.zeros((6, 3, 9))}, "run 0 has no losses of epoch 1 for full_precision"),
    ],
)
def test_what_cannot_be_imported_leaves_no_folder(change, said, tmp_path):
    with pytest.raises(OutputsError, match=said):
        imported(arrays() | change, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_an_unknown_attack_is_named(tmp_path):
    with pytest.raises(Exception, match="attack lira_bb is unknown; did you mean lira_eb"):
        imported(arrays(), tmp_path / "mine", attacks=["lira_bb"])
