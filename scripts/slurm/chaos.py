"""Kill jobs of a sweep and SLURM's own daemon at random moments, and see that nothing is lost.

python -m scripts.slurm.chaos [--kills 20] [--jobs 12] [--seed 0]

A sweep of jobs runs twice on a SLURM of one node (start.sh, needs root): once undisturbed, once
while jobs are cancelled, their processes killed, and slurmd killed and started again. After one
rerun of the command that the tool prints, every file has to have the same bits.
"""

import argparse
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from filelock import FileLock

from scripts.slurm.cluster import cluster, process_of, queue

QUANTMIA = [sys.executable, "-m", "quantmia.cli"]
SWEEP = [
    "run", "-m", "+experiment=synthetic", "dataset.size=200", "dataset.dimension=16",
    "training.epochs=300", "training.stack=2", "runs=8", "ranking.bootstrap=100",
    "ranking.halves=20", "hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=1", "hydra.launcher.poll_seconds=1",
]  # fmt: skip


def kill_slurmd(slurm: Path) -> None:
    """SIGKILL to the daemon of the node, which is started again a moment later."""
    os.kill(int((slurm / "run" / "slurmd.pid").read_text()), signal.SIGKILL)
    time.sleep(random.uniform(0, 3))
    subprocess.run(["slurmd", "-f", os.environ["SLURM_CONF"]], check=True)


def disturb(driver: subprocess.Popen, slurm: Path, kills: int, jobs: int) -> Counter:
    """Kill while the sweep runs: half of the time a job, each once at most, else slurmd."""
    of_jobs = min(kills // 2, jobs)
    hows = ["SIGKILL of slurmd"] * (kills - of_jobs)
    hows += [random.choice(["scancel", "SIGKILL of the process"]) for _ in range(of_jobs)]
    random.shuffle(hows)
    done, dead = Counter(), set()
    for how in hows:
        time.sleep(random.uniform(0.2, 1.5))
        if how == "SIGKILL of slurmd":
            kill_slurmd(slurm)
            done[how] += 1
        while how != "SIGKILL of slurmd" and driver.poll() is None:
            alive = [each for each in queue("RUNNING") if each not in dead]
            job = random.choice(alive) if alive else None
            process = process_of(job) if job else None
            if job is None or process is None:
                time.sleep(0.1)
                continue
            time.sleep(random.uniform(0, 3))
            try:
                if how == "scancel":
                    subprocess.run(["scancel", job], check=True)
                else:
                    os.kill(process, signal.SIGKILL)
            except ProcessLookupError:  # it was done
                continue
            dead.add(job)
            done[how] += 1
            break
    return done


def contents(folder: Path) -> dict[str, bytes]:
    """Every table and tensor."""
    files = [*folder.rglob("*.safetensors"), *folder.glob("*.csv")]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def main() -> None:
    """Run the sweep undisturbed, disturbed and once more, and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    random.seed(chosen.seed)
    with cluster(port=17917) as slurm, tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        sweep = [*QUANTMIA, *SWEEP, f"seed=range({chosen.jobs})"]
        subprocess.run(
            [*sweep, "hydra.sweep.dir=calm"], cwd=where, stdout=subprocess.DEVNULL, check=True
        )
        driver = subprocess.Popen(
            [*sweep, "hydra.sweep.dir=wild"],
            cwd=where, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        done = disturb(driver, slurm, chosen.kills, chosen.jobs)
        _, said = driver.communicate(timeout=600)
        print(f"{done.total()} kills: {dict(done)}; the driver ended with {driver.returncode}")
        print(said[said.find("jobs did not finish") - 10 :].rstrip())
        again = next(line for line in said.splitlines() if line.startswith("  quantmia run -m"))
        command = [*QUANTMIA, *shlex.split(again)[1:]]
        code = subprocess.run(command, cwd=where, stdout=subprocess.DEVNULL, check=False).returncode
        calm, wild = contents(where / "calm"), contents(where / "wild")
        for lock in (where / "wild").rglob("*.lock"):
            FileLock(lock, timeout=0).acquire()  # raises where somebody holds it
        print(f"after one rerun (exit code {code}): {len(wild)} of {len(calm)} files", end="; ")
        print("all bits equal, no lock held" if wild == calm else "BITS DIFFER")
        if wild != calm or code:
            sys.exit(1)


if __name__ == "__main__":
    main()
