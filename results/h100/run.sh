#!/usr/bin/env bash
# The one command on a machine with a GPU: checks every kernel, then times them, then PyTorch on the same GPU. Results go to the folder results-GPU
# beside this script. Ends with an error, and times nothing, when a kernel is wrong.
set -euo pipefail
cd "$(dirname "$0")"
flgpu=${FLGPU:-./flgpu/flgpu}
python=${PYTHON:-python3}

# The driver keeps compiled kernels from one process to the next: without this the first call of a case would not show what compiling costs.
export CUDA_CACHE_DISABLE=1
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1

gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader --id=0 | tr -cs 'A-Za-z0-9\n' '-' | sed 's/-*$//')
out=${OUT:-results-$gpu}
mkdir -p "$out"
nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.memory,power.limit --format=csv --id=0 > "$out/nvidia-smi.csv"

echo "== check: every kernel against the reference"
"$flgpu" check --backend cuda | tee "$out/check.txt"

# One `flgpu time` a size of the table; it compares each case with the reference before it times it.
operations=weighted_sum,row_norms,coordinate_median,trimmed_mean,pairwise_squared_distances
defenses='krum;multi_krum;flame;fools_gold;geometric_median'
status=0
for size in "100 1000000" "1000 101770" "1000 1000000" "10000 101770"; do
    read -r clients parameters <<< "$size"
    echo "== time: $clients clients x $parameters parameters"
    "$flgpu" time --backend cuda --operations "$operations" --defenses "$defenses" --clients "$clients" --parameters "$parameters" \
        --out "$out/${clients}x${parameters}" || status=1
done

# Scalability: the same rules from 10 to 10,000 clients, the CPU's vector code beside the GPU.
echo "== time: 10 to 10,000 clients, simd and cuda"
"$flgpu" time --backend simd,cuda --operations "$operations" --defenses 'median;trimmed_mean;krum;multi_krum' --clients 10,100,1000,10000 \
    --parameters 2762 --out "$out/clients" || status=1

echo "== PyTorch on the same GPU"
"$python" peers.py "$out/peers.csv" || status=1

# All samples in one file; the folders keep their summary.csv and environment.json.
awk 'FNR > 1 || !header { print } FNR == 1 { header = 1 }' "$out"/*/timings.csv > "$out/timings.csv"
awk 'FNR > 1 || !header { print } FNR == 1 { header = 1 }' "$out"/*/summary.csv > "$out/summary.csv"
cp "$out/100x1000000/environment.json" "$out/environment.json"
"$python" peers.py --report "$out" > "$out/report.md" && cat "$out/report.md" || status=1
exit "$status"
