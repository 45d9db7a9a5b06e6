#!/usr/bin/env bash
# Runs a sweep as a job array on a real Slurm that is started here and stopped at the end: one task is killed and requeued,
# and the merged CSVs must equal those of an unsharded sweep but for the times.
#
#   tests/slurm/run.sh PATH_TO_FLGPU
#
# Needs root and slurmctld, slurmd, sbatch and munged (Debian: slurm-wlm and munge); --can-run says whether they are there. Ends with
# "N passed, N failed" and exit code 0 or 1; 3 when it cannot run here.
set -uo pipefail

missing() {
    [ "$(id -u)" -eq 0 ] || { echo "root"; return; }
    local program
    for program in slurmctld slurmd sbatch scontrol squeue munged mungekey python3; do
        PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || { echo "$program"; return; }
    done
    if pgrep -x slurmctld >/dev/null || pgrep -x slurmd >/dev/null; then echo "a machine without a Slurm of its own"; fi
}

lacking=$(missing)
if [ -n "$lacking" ]; then echo "Slurm cannot be tried here: it needs $lacking."; exit 3; fi
[ "${1:-}" != "--can-run" ] || exit 0

export PATH="$PATH:/usr/sbin"
flgpu=$(readlink -f "${1:?the path of flgpu is needed}")
here=$(mktemp -d "${TMPDIR:-/tmp}/flgpu-slurm.XXXXXX")
export SLURM_CONF="$here/slurm.conf"
pids=()
passed=0
failed=0

stop() {
    scancel --state=RUNNING,PENDING --user=root >/dev/null 2>&1
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${pids[@]}"; do
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$pid" 2>/dev/null
    done
    rm -rf "$here"
}
trap stop EXIT
trap 'exit 1' INT TERM

check() { # what it is, then a command
    local what=$1
    shift
    if "$@"; then passed=$((passed + 1)); echo "ok: $what"; else failed=$((failed + 1)); echo "FAILED: $what"; fi
}

wait_for() { # seconds, then a command that ends well at last
    local end=$((SECONDS + $1))
    shift
    until "$@" 2>/dev/null; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}

start() { # munge, the controller and one node, all in the foreground of a background job so that their pids are known
    mkdir -p "$here/state" "$here/spool" "$here/munge"
    chmod 755 "$here"
    mungekey --create --keyfile="$here/munge/key" >/dev/null
    munged --foreground --force --key-file="$here/munge/key" --socket="$here/munge/socket" --pid-file="$here/munge/pid" \
        --log-file="$here/munge/log" --seed-file="$here/munge/seed" >/dev/null 2>&1 &
    pids+=($!)
    cat > "$SLURM_CONF" <<CONF
ClusterName=flgpu
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$here/munge/socket
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1
ReturnToService=2
KillWait=5
StateSaveLocation=$here/state
SlurmdSpoolDir=$here/spool
SlurmctldPidFile=$here/slurmctld.pid
SlurmdPidFile=$here/slurmd.pid
SlurmctldLogFile=$here/slurmctld.log
SlurmdLogFile=$here/slurmd.log
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    wait_for 10 test -S "$here/munge/socket" || return 1
    slurmctld -D -i >/dev/null 2>&1 &
    pids+=($!)
    slurmd -D -N "$(hostname -s)" >/dev/null 2>&1 &
    pids+=($!)
    wait_for 30 sh -c 'sinfo --noheader --format=%T | grep -qx idle'
}

rows() { cat "$here/out/shard-$1-of-3/accuracy.csv" 2>/dev/null | wc -l; }
has_rows() { [ "$(rows "$1")" -ge "$2" ]; }
ended() { [ -z "$(squeue --noheader --job="$1")" ]; }
restarted_and_running() { scontrol show job "$1" | grep -q 'Restarts=[1-9]' && scontrol show job "$1" | grep -q 'JobState=RUNNING'; }

same() { # two folders: their CSVs but for what is a time or follows from one
    python3 - "$1" "$2" <<'PYTHON'
import csv, sys

def timeless(folder, name):
    with open(f"{folder}/{name}.csv") as file:
        rows = list(csv.DictReader(file))
    return [{key: value for key, value in row.items() if not key.endswith(("_ms", "_per_s")) and key not in ("relative_iqr", "percent_of_peak")} for row in rows]

for name in ("accuracy", "timings", "summary"):
    left, right = timeless(sys.argv[1], name), timeless(sys.argv[2], name)
    if left != right or not left:
        sys.exit(f"{name}.csv: {len(left)} and {len(right)} rows, not the same")
PYTHON
}

cd "$here" || exit 1
cat > sweep.json <<'JSON'
{
  "clients": [10, 20],
  "malicious": [0.2, 3],
  "attacks": ["none", "sign_flip:scale_factor=5"],
  "defenses": ["none", "median", "krum", "fools_gold"],
  "pre_aggregations": ["none", "nnm"],
  "rounds": 40,
  "seeds": [1, 2],
  "backends": ["simd"],
}
JSON

if ! start; then
    echo "Slurm did not start:"
    tail -n 5 "$here"/*.log "$here/munge/log"
    echo "0 passed, 1 failed"
    exit 1
fi

"$flgpu" cluster slurm --config sweep.json --out "$here/out" --tasks 3 --cpus 1 > job.sh || exit 1
job=$(sbatch --parsable job.sh) || exit 1
check "the first task of the array runs and writes cases" wait_for 60 has_rows 1 100
check "a task that is killed in the middle of a case" kill -9 "$(pgrep -f -- "--shard 1/3" | head -n 1)"
# A batch script that a signal ended has failed, and is not requeued by itself; one whose machine went away is.
check "is put back into the queue" wait_for 60 scontrol requeue "${job}_1"
before=$(rows 1)
# Slurm waits two minutes before it starts a requeued task; this one need not. In the second of the kill, though, the node takes it for the killed one.
sleep 2
wait_for 30 scontrol update job="${job}_1" StartTime=now
check "starts again" wait_for 180 restarted_and_running "${job}_1"
check "and the array comes to its end" wait_for 300 ended "$job"
check "with the cases of before the kill kept ($before lines)" grep -q "cases are done already" slurm-*_1.out
check "its shards join" "$flgpu" merge merged out/shard-*-of-3
check "the sweep runs in one piece" sh -c "'$flgpu' sweep --config sweep.json --out whole --threads 1 >/dev/null 2>&1"
check "and both have the same rows but for the times" same merged whole

# The same without --shard: Slurm's own variables choose it.
cat > small.json <<'JSON'
{ "clients": 5, "malicious": 1, "attacks": "none", "defenses": ["none", "median"], "rounds": 2, "seeds": [1, 2], "backends": "simd" }
JSON
job=$(sbatch --parsable --array=5-9:2 --wrap "'$flgpu' sweep --config small.json --out $here/environment --threads 1") || exit 1
check "an array that gives no --shard comes to its end" wait_for 120 ended "$job"
check "its three tasks took a shard each" test -f environment/shard-1-of-3/summary.csv -a -f environment/shard-2-of-3/summary.csv -a -f environment/shard-3-of-3/summary.csv
check "which join" "$flgpu" merge environment/merged environment/shard-*-of-3

if [ "$failed" -gt 0 ]; then tail -n 8 "$here"/*.log "$here"/slurm-*.out; fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
