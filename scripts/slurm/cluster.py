"""A SLURM of one node by start.sh, for those who disturb it: its jobs and their processes."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRIPTS = Path(__file__).parent
CPUS = 4  # of the node, imaginary beyond the machine's


class NotInstallableError(Exception):
    """SLURM's packages could not be installed."""


@contextmanager
def cluster(port: int) -> Iterator[Path]:
    """Within, the commands of SLURM speak to a node of this machine; yields the cluster's folder.

    Args:
        port: of slurmctld; slurmd takes the next.

    Raises:
        NotInstallableError: SLURM is not there and cannot be installed.
    """
    # Of a short name, for a socket's path.
    with tempfile.TemporaryDirectory(prefix="quantmia-slurm-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # munged wants to be found
        settings = {"QSLURM_CPUS": str(CPUS), "QSLURM_GPUS": "0", "QSLURM_PORT": str(port)}
        started = subprocess.run(
            [SCRIPTS / "start.sh", folder],
            env=os.environ | settings, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "could not install" in started.stderr:
            raise NotInstallableError(started.stderr.splitlines()[-1])
        if started.returncode:
            raise RuntimeError(started.stderr)
        exported = started.stdout.splitlines()[-1]
        conf, path = re.findall(r"(?:SLURM_CONF|PATH)='(.*?)'", exported)
        before = dict(os.environ)
        os.environ |= {
            "SLURM_CONF": conf,
            "PATH": f"{path}:{before['PATH']}:/usr/sbin",
            "OMP_NUM_THREADS": "1",  # several jobs share the machine's cores
        }
        try:
            yield folder
        finally:
            subprocess.run([SCRIPTS / "stop.sh", folder], check=True, timeout=120)
            os.environ.clear()
            os.environ.update(before)


def queue(state: str = "") -> list[str]:
    """Ids of the jobs in the queue, or of those in a state; none while SLURM does not answer.

    Args:
        state: such as `RUNNING`.
    """
    command = ["squeue", "--me", "--noheader", "--array", "--format=%i"]
    command += [f"--states={state}"] if state else []
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def process_of(job_id: str) -> int | None:
    """The Python that a job of an array runs, if it has begun."""
    array, _, task = job_id.partition("_")
    wanted = [f"SLURM_ARRAY_JOB_ID={array}\0", f"SLURM_ARRAY_TASK_ID={task}\0"]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        ours = b"submitit.core._submit" in command and b"srun" not in command
        if ours and all(each.encode() in environment for each in wanted):
            return int(process.name)
    return None
