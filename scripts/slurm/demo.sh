#!/usr/bin/env bash
# A sweep of 8 jobs on a SLURM of one node: two are killed, rerun, and everything is ranked.
#
# demo.sh QUANTMIA [DIR]: the program, and where the results go (outputs/slurm-demo). Needs root on
# Debian or Ubuntu, where start.sh installs what is missing. CPUs of the node are imaginary beyond
# those of the machine, so that four jobs run at a time.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
quantmia=$1
dir=${2:-outputs/slurm-demo}
cluster=/tmp/quantmia-slurm
export QSLURM_CPUS=4 OMP_NUM_THREADS=1

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() { echo "\$ $*"; "$@"; }

say "Start SLURM"
eval "$("$here/start.sh" "$cluster" | tail -n 1)"
trap '"$here/stop.sh" "$cluster"' EXIT
show sinfo
rm -rf "$dir"

say "A sweep of 8 jobs: two data sets, 40 runs of each in four shards"
sweep=(run -m +experiment=synthetic,diabetes runs=40 training.stack=5 shards=4 'shard=range(4)'
    hydra/launcher=slurm hydra.launcher.cpus_per_task=1 hydra.launcher.mem_gb=1
    "hydra.sweep.dir=$dir")
"$quantmia" "${sweep[@]}" &
driver=$!

running() { squeue --me --noheader --states=RUNNING --array --format=%i; }
until [ "$(running | wc -l)" -ge 4 ]; do sleep 0.2; done
show squeue --me --array

say "Cancel one job, and kill the process of another"
until [ -n "$(find "$dir" -name manifest.json -print -quit 2>/dev/null)" ]; do sleep 0.2; done
mapfile -t jobs < <(running)
show scancel --signal=KILL "${jobs[0]}"
show scancel "${jobs[1]}"
wait "$driver" && { echo "no job was killed in time" >&2; exit 1; }

say "How they stand"
show "$quantmia" status "$dir"

say "Run what is left"
show "$quantmia" "${sweep[@]}" resume=true
show "$quantmia" status "$dir"
say "Stop SLURM"
