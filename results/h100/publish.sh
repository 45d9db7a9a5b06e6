#!/usr/bin/env bash
# Makes the folder that goes to a machine with a GPU: the program with its own .NET, this folder's scripts, nothing else to install but PyTorch.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: publish.sh FOLDER}
# Not trimmed: ILGPU reads the kernels' code by reflection, and a trimmed program lacks what it looks for.
dotnet publish "$here/../../src/Harness" -c Release -r linux-x64 --self-contained -p:KernelRuntime=ilgpu -p:PublishTrimmed=false -o "$out/flgpu"
cp "$here/run.sh" "$here/peers.py" "$here"/*.json "$out/"
echo "Copy $out to the machine with the GPU and run: ./run.sh"
