from dataclasses import replace

import numpy as np
import pytest
import torch

from quantmia.config.schema import recorded
from quantmia.data.split import halves
from quantmia.errors import FolderError
from quantmia.models.heads import mlp
from quantmia.models.stack import Stack
from quantmia.quantizers.shipped import Quantized
from quantmia.runs.folder import RunFolder
from quantmia.tasks import TASKS, TaskName
from quantmia.training.releases import Keeper
from tests.tiny import bits, tiny, trained

RUNS, FEATURES, SAMPLES, POOL, EPOCHS = 3, 4, 16, 11, 6
QUICK = ("training.stack=4", "runs=4", "attack=[]", "training.epochs=6")


def passed(task: TaskName, wanted: dict[str, int | None], spoiled: int | None = None):
    """Random models pass a keeper, and a list by which it is checked."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SAMPLES, FEATURES, generator=generator)
    pool = torch.randn(POOL, FEATURES, generator=generator)
    out = 3 if task == "multiclass" else 1
    stack = Stack(lambda: mlp(FEATURES, out, hidden=[5]), [1, 2, 3], TASKS[task])
    targets = torch.randint(2, (RUNS, SAMPLES), generator=generator)
    y = targets if task == "multiclass" else targets.float()
    keeper = Keeper(wanted, pool, *halves(SAMPLES))
    params = {name: value.clone() for name, value in stack.initial.items()}
    seen = []
    for epoch in range(1, EPOCHS + 1):
        for value in params.values():  # in place, as training does
            value += 0.3 * torch.randn(value.shape, generator=generator)
        if epoch == spoiled:
            for value in params.values():
                value[1] = torch.nan
        answers = stack(params, x)
        losses = stack.task.loss(answers, y).numpy()
        keeper.see(epoch, Quantized(stack, params), answers.numpy(), losses)
        seen.append((losses, answers.numpy(), stack(params, pool).numpy()))
    return keeper.kept(), seen


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_the_best_is_chosen_on_one_half_of_each_run_by_itself_and_measured_on_the_other(task):
    found, seen = passed(task, {"best": None, "2": 2, "last": EPOCHS})
    choosing, measuring = halves(SAMPLES)
    assert set(choosing) | set(measuring) == set(range(SAMPLES))
    best = np.argmin([losses[:, choosing].mean(1) for losses, _, _ in seen], axis=0)
    assert len(set(best)) > 1
    np.testing.assert_array_equal(found.epochs["best"], best + 1)
    for run in range(RUNS):
        _, answers, pool = seen[best[run]]
        np.testing.assert_array_equal(found.measured["best"][run], answers[run, measuring])
        np.testing.assert_array_equal(found.pool["best"][run], pool[run])
    for name, epoch in (("2", 2), ("last", EPOCHS)):
        np.testing.assert_array_equal(found.epochs[name], [epoch] * RUNS)
        np.testing.assert_array_equal(found.measured[name], seen[epoch - 1][1][:, measuring])
        np.testing.assert_array_equal(found.pool[name], seen[epoch - 1][2])


def test_a_run_that_diverges_does_not_disturb_the_others():
    found, _ = passed("binary", {"best": None, "last": EPOCHS}, spoiled=2)
    whole, _ = passed("binary", {"best": None, "last": EPOCHS})
    for run in (0, 2):
        np.testing.assert_array_equal(found.pool["best"][run], whole.pool["best"][run])
    assert found.epochs["best"][1] == 1  # the only one that was finite


def test_without_the_best_nothing_is_looked_for():
    found, _ = passed("binary", {"3": 3, "last": EPOCHS})
    assert set(found.epochs) == set(found.pool) == set(found.measured) == {"3", "last"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> RunFolder:
    path = tmp_path_factory.mktemp("releases") / "out"
    return trained(path, *QUICK, "release.checkpoints=[best,2,last]")


def test_an_early_checkpoint_of_a_long_training_is_the_short_training(folder, tmp_path):
    short = trained(tmp_path, *QUICK, "training.epochs=2", "release.checkpoints=last")
    for run in range(4):
        long, own = folder.read_run(run), short.read_run(run)
        for name in ("full_precision", "sign", "uniform_2"):
            np.testing.assert_array_equal(long.releases[f"pool/{name}/2"], own.scores[name])
            np.testing.assert_array_equal(long.losses[name][:2], own.losses[name])
            utility = own.meta["quantizers"][name]["utility"]["accuracy"]
            right = (long.releases[f"measured/{name}/2"] > 0) == (long.releases["target"] > 0.5)
            assert abs(right.mean() - utility) < 0.5  # of the half alone


def test_what_a_run_keeps_of_its_releases(folder):
    held_out = 24
    for run in range(4):
        files = folder.read_run(run)
        names = {f"{kind}/{quantizer}/{each}" for quantizer in files.meta["quantizers"]
                 for kind, each in [("pool", "best"), ("pool", "2"), ("measured", "best"),
                                    ("measured", "2"), ("measured", "last")]}  # fmt: skip
        assert set(files.releases) == names | {"target"}
        assert {value.shape for value in files.releases.values()} == {(36,), (held_out // 2,)}
        for facts in files.meta["quantizers"].values():
            assert facts["releases"].keys() == {"best", "2", "last"}
            assert (facts["releases"]["2"], facts["releases"]["last"]) == (2, 6)
            assert 1 <= facts["releases"]["best"] <= 6


def test_the_last_checkpoint_alone_leaves_nothing_besides(tmp_path):
    folder = trained(tmp_path, *QUICK, "release.checkpoints=last")
    assert not (tmp_path / "releases").exists()
    files = folder.read_run(0)
    assert files.releases == {}
    assert "releases" not in files.meta["quantizers"]["sign"]


@pytest.mark.parametrize("vectorize", ["true", "false"])
def test_other_files_do_not_depend_on_what_is_released(folder, tmp_path, vectorize):
    how = f"training.vectorize={vectorize}"
    one = trained(tmp_path / "one", *QUICK, how, "release.checkpoints=last")
    two = trained(tmp_path / "two", *QUICK, how)
    for run in range(4):
        a, b = one.read_run(run), two.read_run(run)
        assert a.scores.keys() == b.scores.keys()
        assert all((a.scores[key] == b.scores[key]).all() for key in a.scores)
        assert all((a.losses[key] == b.losses[key]).all() for key in a.losses)
    assert bits(one.path, "models/*") == bits(two.path, "models/*")


def test_the_rule_is_of_the_tables_alone_and_the_checkpoints_are_not(tmp_path):
    config = tiny("release.checkpoints=[best,last]")
    made = RunFolder(tmp_path)
    with made.lock():
        made.write_manifest({"config": recorded(config), "runs": config.runs})
    again = replace(config, resume=True)
    made.refuse_other(replace(again, release=replace(config.release, utility_loss=0.2, mis=0.9)))
    with pytest.raises(FolderError, match=r"release\.checkpoints: \['best', 'last'\] and auto"):
        made.refuse_other(replace(again, release=replace(config.release, checkpoints="auto")))
