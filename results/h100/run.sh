#!/usr/bin/env bash
# The one command on a machine with a GPU: checks every kernel and whole runs, then times operations, defenses, training and rounds, then PyTorch on the
# same GPU, and ends with a short table. Results go to the folder results-GPU beside this script (or to $OUT). Each part has a time limit, all together
# nine minutes; what is done is not done again, so that the same command goes on where a limit or a kill ended it.
#
#   ./run.sh [--backend NAME] [--small] [PART...]
#
# Parts: check end-to-end operations clients training round peers report; without any, all that are not done yet. Nothing is timed when a kernel is wrong.
# --backend is cuda; simd or cpu, with --small (tiny sizes), try the script on a machine without a GPU. $PYTHON is a Python with PyTorch.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
flgpu=${FLGPU:-./flgpu/flgpu}
python=${PYTHON:-python3}
backend=cuda
small=
wanted=()
while [ $# -gt 0 ]; do
    case $1 in
        --backend) backend=${2:?--backend needs a name}; shift ;;
        --small) small=--small ;;
        check | end-to-end | operations | clients | training | round | peers | report) wanted+=("$1") ;;
        *) sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2; exit 2 ;;
    esac
    shift
done

# The driver keeps compiled kernels from one process to the next: without this the first call of a case would not show what compiling costs.
export CUDA_CACHE_DISABLE=1
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1

on_gpu=
case $backend in cuda* | opencl*) on_gpu=yes ;; esac
gpu=$backend
if [ -n "$on_gpu" ] && command -v nvidia-smi > /dev/null; then
    gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader --id=0 | tr -cs 'A-Za-z0-9\n' '-' | sed 's/-*$//')
fi
out=${OUT:-results-$gpu}
mkdir -p "$out/done" || exit 1
if [ -n "$on_gpu" ] && command -v nvidia-smi > /dev/null; then
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.memory,power.limit --format=csv --id=0 > "$out/nvidia-smi.csv"
fi

status=0
deadline=0

# What is left of the part's time; at least a second, since 0 means no limit to timeout.
left() { echo $((deadline > SECONDS ? deadline - SECONDS : 1)); }

# One command of a part: ended by SIGTERM when the part's time is over, upon which a sweep closes its files.
limited() { timeout -k 20 "$(left)" "$@"; }

# A folder of timings or rounds: sweep PLAN FOLDER OPTIONS...; goes on with what the folder holds.
sweep() {
    local plan=$1 folder=$2
    shift 2
    limited "$flgpu" sweep --config "$plan" --out "$out/$folder" --resume "$@"
}

check() { limited "$flgpu" check --backend "$backend"; }

end_to_end() {
    local rounds=()
    [ -z "$small" ] || rounds=(--rounds 2)
    limited "$flgpu" check --end-to-end --backend "$backend" "${rounds[@]}" && limited "$flgpu" check --end-to-end --backend "$backend" --preset tutorial "${rounds[@]}"
}

operations() {
    local sizes=("100 1000000" "1000 101770" "1000 1000000" "10000 101770") ended=0 clients parameters
    [ -z "$small" ] || sizes=("10 1000" "20 500")
    for size in "${sizes[@]}"; do
        read -r clients parameters <<< "$size"
        sweep aggregation.json "operations/${clients}x$parameters" --backend "$backend" --clients "$clients" --parameters "$parameters" || ended=$?
    done
    return "$ended"
}

# Scalability: the same rules from 10 to 10,000 clients, the CPU's vector code beside the GPU.
clients() {
    local numbers=10,100,1000,10000
    [ -z "$small" ] || numbers=10,20
    sweep aggregation.json clients --backend "simd,$backend" --clients "$numbers" --parameters 2762 --defenses 'median;trimmed_mean;krum;multi_krum'
}

training() {
    local numbers=(1000,10000,100000 1000,10000) ended=0
    [ -z "$small" ] || numbers=(10,20 2)
    sweep training.json training/32-64-10 --backend "$backend" --parameters 2762 --clients "${numbers[0]}" || ended=$?
    sweep training.json training/784-128-10 --backend "$backend" --parameters 101770 --clients "${numbers[1]}" || ended=$?
    return "$ended"
}

round() {
    local size=()
    [ -z "$small" ] || size=(--clients 20 --rounds 4)
    sweep round.json round --backend "$backend" "${size[@]}"
}

peers() {
    local device=cpu
    [ -z "$on_gpu" ] || device=cuda
    limited "$python" peers.py --device "$device" $small "$out/peers-samples.csv"
}

# All samples in one file; the folders keep their reports. A part that did not run is missing from the tables.
report() {
    local name
    for name in timings.csv summary.csv; do
        find "$out/operations" "$out/clients" "$out/training" -name "$name" 2> /dev/null | sort | xargs -r awk 'FNR > 1 || !header { print } FNR == 1 { header = 1 }' > "$out/$name"
    done
    find "$out" -mindepth 2 -name environment.json | sort | head -n 1 | xargs -r -I{} cp {} "$out/environment.json"
    limited "$python" peers.py --report "$out" --backend "$backend" $small > "$out/report.md"
}

# part NAME SECONDS FUNCTION: what it writes goes to NAME.txt too.
part() {
    local name=$1 seconds=$2 function=$3 ended
    if [ ${#wanted[@]} -gt 0 ]; then
        [[ " ${wanted[*]} " == *" $name "* ]] || [ "$name" = check ] || return 0
    fi
    if [ -e "$out/done/$name" ] && [[ " ${wanted[*]-} " != *" $name "* ]]; then
        return 0
    fi
    echo "== $name (at most $seconds s)"
    deadline=$((SECONDS + seconds))
    "$function" 2>&1 | tee "$out/$name.txt"
    ended=${PIPESTATUS[0]}
    echo "== $name: $((SECONDS - deadline + seconds)) s, exit code $ended"
    case $ended in
        0) touch "$out/done/$name" ;;
        124 | 137) echo "== $name is not finished; './run.sh $name' goes on with it"; status=1 ;;
        *) status=1 ;;
    esac
    return "$ended"
}

part check 100 check || { echo "== A kernel is wrong, or the check did not end: nothing is timed."; exit 1; }
part end-to-end 60 end_to_end
part operations 130 operations
part clients 45 clients
part training 45 training
part round 30 round
part peers 120 peers
# Never done: it is of whatever is there.
rm -f "$out/done/report"
[ ${#wanted[@]} -eq 0 ] || wanted+=(report)
part report 10 report > /dev/null
cat "$out/report.md"
exit "$status"
