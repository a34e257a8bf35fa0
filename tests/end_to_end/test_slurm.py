"""Sweeps on a real SLURM of one node, which the tests start themselves."""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.slurm.cluster import NotInstallableError, cluster, process_of, queue
from tests.end_to_end.command import SMALL, Begun, bits, quantmia, tables, wait_for

pytestmark = pytest.mark.slow

RUNS = [*SMALL, "training.stack=2"]
SLURM = [
    "hydra/launcher=slurm",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=1",
    "hydra.launcher.poll_seconds=0.5",
    "hydra.sweep.dir=sweep",
]
TWO = ["shards=2", "shard=range(2)"]
THREE = ["runs=6", "shards=3", "shard=range(3)"]
# Trains for long, and measures little.
LONG = ["quantizer=[sign]", "training.epochs=4000", "training.checkpoint_every=400"]
LONG += ["release.checkpoints=last"]


@pytest.fixture(scope="module", autouse=True)
def slurm() -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("a SLURM of one's own needs root")
    try:
        with cluster(port=17817):
            yield
    except NotInstallableError as error:
        pytest.skip(f"SLURM's packages cannot be installed here: {error}")


@pytest.fixture(scope="module")
def single(tmp_path_factory, slurm) -> Path:
    where = tmp_path_factory.mktemp("single")
    done = quantmia(where, "run", *RUNS, "hydra.run.dir=one")
    assert done.returncode == 0, done.stderr
    return where / "one"


def command(*arguments: str) -> list[str]:
    return ["run", "-m", *RUNS, *SLURM, *arguments]


def start(where: Path, *arguments: str) -> Begun:
    return Begun(where, *command(*arguments))


def begun(where: Path, shard: int):
    """Whether a shard is training."""
    return (where / "sweep" / f"shard={shard}" / "manifest.json").exists


def again(said: str) -> list[str]:
    """The command that the tool told us to type."""
    command = next(line for line in said.splitlines() if line.startswith("  quantmia run -m"))
    return shlex.split(command)[1:]


def test_cancelled_killed_and_failed_jobs_are_named_and_rerun(single, tmp_path):
    sweep = start(tmp_path, *THREE, *LONG)
    wait_for(begun(tmp_path, 0))
    ids = sorted(queue())
    subprocess.run(["scancel", ids[0]], check=True)
    wait_for(begun(tmp_path, 1))
    process = process_of(ids[1])
    assert process is not None
    os.kill(process, signal.SIGKILL)
    done = sweep.end()
    said = done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert "2 of 3 jobs did not finish" in said
    for shard in (0, 1):
        assert re.search(rf"shard={shard}: failed.*killed\n.*_{shard}_0_log.err", said), said
    status = quantmia(tmp_path, "status", "sweep").stdout
    assert "1 done, 2 failed" in status
    done = quantmia(tmp_path, *again(said))
    assert done.returncode == 0, done.stderr
    assert "2 jobs submitted" in done.stderr
    assert "3 done" in quantmia(tmp_path, "status", "sweep").stdout


def test_shards_run_together_one_is_requeued_and_they_give_the_bits_of_one_job(single, tmp_path):
    sweep = start(tmp_path, *TWO, "hydra.launcher.signal_delay_s=60")
    wait_for(lambda: len(queue("RUNNING")) == 2)
    scores = tmp_path / "sweep" / "shard=1" / "scores"
    wait_for(scores.exists)
    job_id = next(each for each in queue() if each.endswith("_1"))
    subprocess.run(["scancel", "--signal=USR2", job_id], check=True)
    done = sweep.end()
    assert done.returncode == 0, done.stderr
    assert "2 jobs submitted to SLURM" in done.stderr
    assert "leaks least" in done.stdout
    log = next((tmp_path / "sweep" / ".jobs").glob("*_1_0_log.err")).read_text()
    assert "SIGUSR2" in log
    started = next((tmp_path / "sweep" / ".jobs").glob("*_1_0_log.out")).read_text()
    assert started.count("Starting with JobEnvironment") == 2
    assert tables(tmp_path / "sweep") == tables(single)


def test_the_login_shell_may_die(single, tmp_path):
    # One after another, so that one is left when the status is asked for, however slow that is.
    sweep = start(tmp_path, *TWO, "hydra.launcher.array_parallelism=1")
    wait_for((tmp_path / "sweep" / "submitted.json").exists)
    sweep.send_signal(signal.SIGKILL)
    sweep.end()
    status = quantmia(tmp_path, "status", "sweep").stdout
    assert "running" in status or "pending" in status
    wait_for(lambda: not queue())
    assert "2 done" in quantmia(tmp_path, "status", "sweep").stdout
    done = quantmia(tmp_path, "rank", "sweep")
    assert done.returncode == 0, done.stderr
    assert tables(tmp_path / "sweep") == tables(single)


def test_interrupting_cancels_the_jobs(tmp_path):
    # One runs and one waits for it.
    one = "hydra.launcher.array_parallelism=1"
    sweep = start(tmp_path, *TWO, "training.epochs=100000", one)
    wait_for(begun(tmp_path, 0))
    sweep.send_signal(signal.SIGINT)
    done = sweep.end()
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert again(done.stderr)[-1] == "resume=true"
    wait_for(lambda: not queue(), 60)


def test_what_sbatch_says_reaches_the_user(tmp_path):
    done = quantmia(tmp_path, *command(*TWO, "hydra.launcher.partition=none"), cold=True)
    said = done.stderr
    assert done.returncode == 2, said
    assert said.count("error:") == 1 or "sbatch: error:" in said
    assert "invalid partition specified: none" in said
    assert "Traceback" not in said
    assert bits(tmp_path / "sweep") == {}
