"""Sweeps on a real SLURM of one node, which the tests start themselves."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import QUANTMIA, SMALL, bits, quantmia, wait_for

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "scripts" / "slurm"
RUNS = [*SMALL, "training.stack=2"]
SLURM = [
    "hydra/launcher=slurm",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=1",
    "hydra.launcher.poll_seconds=0.5",
    "hydra.sweep.dir=sweep",
]
SHARDS = ["shards=4", "shard=range(4)"]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """One node with four CPUs, two of them imaginary where there are only two."""
    if os.geteuid() != 0:
        pytest.skip("a SLURM of one's own needs root")
    # Not in pytest's folder, whose name is too long for a socket's.
    folder = Path(tempfile.mkdtemp(prefix="quantmia-slurm-"))
    folder.chmod(0o755)  # munged wants to be found
    settings = {"QSLURM_CPUS": "4", "QSLURM_GPUS": "0", "QSLURM_PORT": "17817"}
    start = subprocess.run(
        [SCRIPTS / "start.sh", folder],
        env=os.environ | settings, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if "could not install" in start.stderr:
        pytest.skip("SLURM's packages cannot be installed here: " + start.stderr.splitlines()[-1])
    assert start.returncode == 0, start.stderr
    exported = start.stdout.splitlines()[-1]
    before = dict(os.environ)
    os.environ["SLURM_CONF"] = re.findall(r"SLURM_CONF='(.*?)'", exported)[0]
    os.environ["PATH"] = re.findall(r"PATH='(.*?)'", exported)[0] + ":" + os.environ["PATH"]
    # Several jobs share the machine's cores.
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        subprocess.run([SCRIPTS / "stop.sh", folder], check=True, timeout=120)
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def single(tmp_path_factory, cluster) -> Path:
    where = tmp_path_factory.mktemp("single")
    done = quantmia(where, "run", *RUNS, "hydra.run.dir=one")
    assert done.returncode == 0, done.stderr
    return where / "one"


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")}


def start(where: Path, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [*QUANTMIA, "run", "-m", *RUNS, *SLURM, *arguments],
        cwd=where, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def queue(state: str = "") -> list[str]:
    command = ["squeue", "--me", "--noheader", "--array", "--format=%i"]
    found = subprocess.run(
        command + ([f"--states={state}"] if state else []),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return found.stdout.split()


def begun(where: Path, shard: int):
    """Whether a shard is training."""
    return (where / "sweep" / f"shard={shard}" / "manifest.json").exists


def again(said: str) -> list[str]:
    """The command that the tool told us to type."""
    command = next(line for line in said.splitlines() if line.startswith("  quantmia run -m"))
    return shlex.split(command)[1:]


def test_shards_under_slurm_run_together_and_give_the_bits_of_one_job(single, tmp_path):
    sweep = start(tmp_path, *SHARDS)
    wait_for(lambda: len(queue("RUNNING")) >= 2)
    shown, said = sweep.communicate(timeout=240)
    assert sweep.returncode == 0, said
    assert "4 jobs submitted to SLURM" in said
    assert "leaks least" in shown
    assert tables(tmp_path / "sweep") == tables(single)


def test_cancelled_killed_and_failed_jobs_are_named_and_rerun(single, tmp_path):
    sweep = start(tmp_path, *SHARDS, "training.epochs=2000")
    for shard in range(3):
        wait_for(begun(tmp_path, shard))
    ids = sorted(queue())
    subprocess.run(["scancel", ids[0]], check=True)
    kill_process_of(ids[1])
    _, said = sweep.communicate(timeout=240)
    assert sweep.returncode == 1
    assert "Traceback" not in said
    assert "2 of 4 jobs did not finish" in said
    for shard in (0, 1):
        assert re.search(rf"shard={shard}: killed.*\n.*_{shard}_0_log.err", said), said
    assert "runs 2-3, 6-7" not in said
    status = quantmia(tmp_path, "status", "sweep").stdout
    assert "2 done, 2 failed" in status
    done = quantmia(tmp_path, *again(said))
    assert done.returncode == 0, done.stderr
    assert "2 jobs submitted" in done.stderr
    assert "4 done" in quantmia(tmp_path, "status", "sweep").stdout


def kill_process_of(job_id: str) -> None:
    """SIGKILL to the Python that a job runs."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        array, _, task = job_id.partition("_")
        wanted = f"SLURM_ARRAY_JOB_ID={array}\0", f"SLURM_ARRAY_TASK_ID={task}\0"
        mine = all(each.encode() in environment for each in wanted)
        if mine and b"submitit.core._submit" in command and b"srun" not in command:
            os.kill(int(process.name), signal.SIGKILL)
            return
    raise AssertionError(f"no process of {job_id}")


def test_a_job_told_to_stop_is_requeued_and_goes_on(single, tmp_path):
    sweep = start(tmp_path, "shards=2", "shard=0,1", "hydra.launcher.signal_delay_s=60")
    scores = tmp_path / "sweep" / "shard=1" / "scores"
    wait_for(scores.exists)
    job_id = next(each for each in queue() if each.endswith("_1"))
    subprocess.run(["scancel", "--signal=USR2", job_id], check=True)
    _, said = sweep.communicate(timeout=240)
    assert sweep.returncode == 0, said
    log = next((tmp_path / "sweep" / ".submitit").glob("*_1_0_log.err")).read_text()
    assert "SIGUSR2" in log
    started = next((tmp_path / "sweep" / ".submitit").glob("*_1_0_log.out")).read_text()
    assert started.count("Starting with JobEnvironment") == 2
    assert tables(tmp_path / "sweep") == tables(single)


def test_the_login_shell_may_die(single, tmp_path):
    sweep = start(tmp_path, *SHARDS)
    wait_for((tmp_path / "sweep" / "submitted.json").exists)
    sweep.kill()
    sweep.communicate()
    status = quantmia(tmp_path, "status", "sweep").stdout
    assert "running" in status or "pending" in status
    wait_for(lambda: not queue())
    assert "4 done" in quantmia(tmp_path, "status", "sweep").stdout
    done = quantmia(tmp_path, "rank", "sweep")
    assert done.returncode == 0, done.stderr
    assert tables(tmp_path / "sweep") == tables(single)


def test_interrupting_cancels_the_jobs(tmp_path):
    sweep = start(tmp_path, *SHARDS, "training.epochs=100000")
    wait_for(begun(tmp_path, 0))
    sweep.send_signal(signal.SIGINT)
    _, said = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, said
    assert "Traceback" not in said
    assert again(said)[-1] == "resume=true"
    wait_for(lambda: not queue(), 60)


def test_what_sbatch_says_reaches_the_user(tmp_path):
    sweep = start(tmp_path, *SHARDS, "hydra.launcher.partition=none")
    _, said = sweep.communicate(timeout=60)
    assert sweep.returncode == 2
    assert said.count("error:") == 1 or "sbatch: error:" in said
    assert "invalid partition specified: none" in said
    assert "Traceback" not in said
    assert bits(tmp_path / "sweep") == {}
