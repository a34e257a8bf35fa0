import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from quantmia.errors import DataError, FolderError, QuantmiaError
from quantmia.pipeline import run as pipeline
from quantmia.pipeline.run import again
from quantmia.preemption import Preempted, Stop
from quantmia.progress import Advance, Progress
from quantmia.ranking.results import Results
from quantmia.runs.folder import RunFolder
from tests.tiny import bits, progress, run, tiny

QUICK = ("training.stack=4", "attack=[loss_threshold,lira_shrunk]")


def manifest(path: Path) -> dict:
    return json.loads((path / "manifest.json").read_text())


class Telling(Progress):
    """Sends a signal to its own process, or stops it as a keyboard does, at an epoch."""

    def __init__(self, console: Console, at: int, interrupt: bool = False):
        super().__init__(console)
        self.at, self.interrupt, self.epochs = at, interrupt, 0

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[Advance]:
        with super().stage(name, total, unit) as advance:
            yield self.epoch if name == "training" else advance

    def epoch(self, count: int) -> None:
        self.epochs += count
        if self.epochs != self.at:
            return
        if self.interrupt:
            raise KeyboardInterrupt
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)  # Python runs the handler between two instructions


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[Path, Results]:
    path = tmp_path_factory.mktemp("run") / "out"
    results = run(path, *QUICK, command=["runs=8", "resume=true", "hydra.run.dir=elsewhere"])
    assert results
    return path, results


def test_changed_labels_are_counted_and_told(tmp_path):
    results = run(tmp_path / "out", *QUICK, "split.label_noise=0.25", "training.swa=3", "runs=4")
    assert results
    assert manifest(tmp_path / "out")["dataset"]["changed_labels"] == 9
    (told,) = (each for each in results.cautions if "label_noise" in each.text)
    assert told.text.startswith("9 of the 36 targets in the pool are not those of the data")


def test_label_noise_without_effect_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(DataError, match=r"split\.label_noise=0\.01 of 36 samples"):
        run(tmp_path / "out", *QUICK, "split.label_noise=0.01")
    assert not list((tmp_path / "out").rglob("run-*"))


def test_a_run_leaves_its_files(ran):
    path, results = ran
    tables = {f"{name}.csv" for name in results.tables}
    documents = {"ranking.md", "ranking.tex", "conclusion.json", "manifest.json", ".lock"}
    kinds = {"losses", "scores", "models", "releases"}
    named = {each.name for each in path.iterdir()}
    assert named == tables | documents | kinds | {"front.safetensors"}
    for kind in kinds:
        names = [f"run-{run:04d}.safetensors" for run in range(8)]
        assert sorted(each.name for each in (path / kind).iterdir()) == names


def test_what_is_returned_is_what_is_written(ran):
    path, results = ran
    found = Results.read(path)
    assert found.conclusion == results.conclusion
    assert found.warnings == results.warnings
    assert found.folders == [path / "."]
    pd.testing.assert_frame_equal(found.ranking, results.ranking, check_dtype=False, rtol=0)
    assert results.answer in (path / "ranking.md").read_text()


def test_the_manifest_says_what_was_run(ran):
    content = manifest(ran[0])
    assert content["state"] == "finished"
    assert content["runs"] == 8
    assert content["diverged"] == []
    assert content["command"] == "quantmia run runs=8"
    assert content["config"]["device"] == "cpu"
    assert "answer" not in content
    assert "stopped" not in content
    assert "resume" not in content["config"]
    assert 0 < content["timings"]["measuring_seconds"] <= content["timings"]["total_seconds"]
    assert content["peak_memory_mib"] > 0


def test_what_a_folder_took_is_what_all_its_commands_took(ran, tmp_path):
    path = tmp_path / "out"
    shutil.copytree(ran[0], path)
    content = manifest(path)
    content["timings"] = {"measuring_seconds": 1000.0, "total_seconds": 2000.0}
    (path / "manifest.json").write_text(json.dumps(content))
    run(path, *QUICK, "resume=true")
    found = manifest(path)["timings"]
    assert 1000 <= found["measuring_seconds"] < 1100
    assert 2000 < found["total_seconds"] < 2100


def test_a_folder_with_runs_is_refused_without_resume(ran):
    before = bits(ran[0], "**/*")
    with pytest.raises(FolderError, match="holds runs already; add resume=true"):
        run(ran[0], *QUICK)
    assert bits(ran[0], "**/*") == before


def test_another_configuration_is_refused_by_its_keys(ran):
    with pytest.raises(FolderError, match=r"another configuration") as refused:
        run(ran[0], *QUICK, "training.lr=0.5", "dataset.sigma=1.0", "resume=true")
    assert "\n  - dataset.sigma: 2.0 and 1.0\n  - training.lr: 0.01 and 0.5\n" in str(refused.value)


def test_resuming_a_whole_folder_trains_nothing_again(ran):
    path, results = ran
    before = {each: each.stat().st_mtime_ns for each in path.glob("*/run-*")}
    again = run(path, *QUICK, "resume=true")
    assert again
    assert {each: each.stat().st_mtime_ns for each in path.glob("*/run-*")} == before
    pd.testing.assert_frame_equal(again.ranking, results.ranking, check_exact=True)


def test_more_runs_keep_the_bits_of_the_first(ran, tmp_path):
    path = tmp_path / "out"
    assert run(path, *QUICK, "runs=4")
    few = bits(path)
    assert len(few) == 4 * 4
    results = run(path, *QUICK, "runs=8", "resume=true")
    assert results
    assert bits(path) == bits(ran[0])
    assert few.items() <= bits(path).items()
    assert manifest(path)["runs"] == manifest(path)["config"]["runs"] == 8
    pd.testing.assert_frame_equal(results.ranking, ran[1].ranking, check_exact=True)
    with pytest.raises(FolderError, match=r"- runs: 8 and 4"):
        run(path, *QUICK, "runs=4", "resume=true")


def test_going_on_with_other_data_is_refused_and_changes_nothing(tmp_path):
    path, out = tmp_path / "a.csv", tmp_path / "out"
    rows = [f"{n * 37 % 101},{n * 0.31 % 1:.2f}\n" for n in range(40)]
    csv = {"_target_": "quantmia.data.tabular.csv", "name": "a", "path": str(path), "target": "y"}

    def go_on(runs: int, resume: bool, kept: list[str]) -> None:
        path.write_text("x,y\n" + "".join(kept))
        config = replace(tiny(*QUICK), dataset=csv, runs=runs, resume=resume)
        pipeline.run(config, out, tmp_path / ".cache", progress(), (), Stop())

    go_on(4, False, rows)
    before, said = bits(out, "**/*"), manifest(out)
    with pytest.raises(FolderError, match="the content of the dataset"):
        go_on(8, True, rows[1:])
    assert bits(out, "**/*") == before
    assert manifest(out) == said
    go_on(8, True, rows)
    assert manifest(out)["runs"] == 8


def test_a_shard_leaves_its_runs_and_ranks_nothing(ran, tmp_path):
    shown, path = progress(), tmp_path / "shard"
    assert run(path, *QUICK, "shards=2", "shard=1", shown=shown) is None
    assert bits(path) == {k: v for k, v in bits(ran[0]).items() if k[-13] > "3"}
    assert RunFolder(path).numbers() == [4, 5, 6, 7]
    assert not list(path.glob("*.csv"))
    assert not (path / "conclusion.json").exists()
    assert manifest(path)["state"] == "finished"
    assert manifest(path)["runs"] == 8
    assert shown.console.export_text() == (
        f"shard 1 of 2: runs 4-7 of 8 are in {path}; quantmia rank merges the shards\n"
    )


def test_told_to_stop_it_finishes_the_block_and_says_how_to_go_on(ran, tmp_path):
    path, stop = tmp_path / "out", Stop()
    shown = Telling(progress().console, at=1)
    with pytest.raises(Preempted, match="stopped by SIGTERM"), stop.heeding_signals():
        run(path, *QUICK, command=["runs=8"], stop=stop, shown=shown)
    assert bits(path) == {k: v for k, v in bits(ran[0]).items() if k[-13] < "4"}
    assert manifest(path)["state"] == "running"
    assert not list(path.glob("*.csv"))
    assert shown.console.export_text() == (
        "\nstopped by SIGTERM; what was finished is kept. To go on:\n"
        f"  quantmia run runs=8 hydra.run.dir={path} resume=true\n"
    )
    results = run(path, *QUICK, "resume=true")
    assert results
    assert bits(path) == bits(ran[0])
    pd.testing.assert_frame_equal(results.ranking, ran[1].ranking, check_exact=True)


def test_interrupted_it_keeps_what_is_finished(ran, tmp_path):
    path = tmp_path / "out"
    shown = Telling(progress().console, at=7, interrupt=True)
    with pytest.raises(KeyboardInterrupt):
        run(path, *QUICK, shown=shown)
    assert bits(path) == {k: v for k, v in bits(ran[0]).items() if k[-13] < "4"}
    assert shown.console.export_text().startswith(
        "\ninterrupted; what was finished is kept. To go on:\n  quantmia run hydra.run.dir="
    )


def test_runs_auto_notes_the_look_at_which_it_stopped(tmp_path):
    path = tmp_path / "out"
    results = run(path, *QUICK, "runs=auto", "runs_max=12", "ranking.tolerance=1000")
    assert results
    content = manifest(path)
    assert content["runs"] == results.conclusion.runs == 8
    assert content["config"]["runs"] == "auto"
    assert content["stopped"].startswith("runs=auto: after 8 of at most 12 runs")
    assert len(bits(path, "losses/run-*")) == 8


def test_all_runs_diverged_leaves_an_unfinished_folder(tmp_path):
    with pytest.raises(QuantmiaError, match="all 8 runs diverged"):
        run(tmp_path / "out", *QUICK, "training.lr=1e38")
    assert manifest(tmp_path / "out")["state"] == "running"


@pytest.mark.parametrize(
    ("command", "path", "expected"),
    [
        ([], None, "quantmia run"),
        (["seed=1", "resume=true", "hydra.run.dir=old"], None, "quantmia run seed=1"),
        (["seed=1"], Path("out"), "quantmia run seed=1 hydra.run.dir=out resume=true"),
        (["name=my runs"], Path("my (1) [a]"),
         """quantmia run 'name=my runs' 'hydra.run.dir="my (1) [a]"' resume=true"""),
        (["quantizer=[sign]"], None, "quantmia run 'quantizer=[sign]'"),
    ],
)  # fmt: skip
def test_the_command_that_runs_it_again(command, path, expected):
    assert again(command, path) == expected
