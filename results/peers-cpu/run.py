#!/usr/bin/env python3
"""Times PyTorch and NumPy and `flgpu time --csv -` in turns and writes peers.csv and environment.json beside itself."""

import argparse
import csv
import io
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE.parent.parent / "artifacts/bin/FlGpu.Harness/release/flgpu"
COLUMNS = ["case", "n", "d", "threads", "blas_kernels", "peer", "peer_ms", "flgpu_ms", "ratio", "goal"]

ROWS = [(n, d) for n in (10, 32, 100) for d in (2762, 101770)] + [(100, 1_000_000)]
MANY_ROWS = [(1000, 2762), (1000, 101770)]
WIDE = [(100, 101770), (100, 1_000_000)]

# case: what flgpu is asked for, and the sizes (n, d).
CASES = {
    "coordinate_median": (["--operations", "coordinate_median"], ROWS + MANY_ROWS),
    "trimmed_mean": (["--operations", "trimmed_mean"], ROWS + MANY_ROWS),
    "pairwise_squared_distances": (["--operations", "pairwise_squared_distances"], [(100, 2762)] + WIDE + MANY_ROWS),
    "geometric_median": (["--defenses", "geometric_median:iterations=8"], WIDE),
    "norm_clip": (["--defenses", "norm_clip:clip=10"], WIDE),
    "weighted_sum": (["--operations", "weighted_sum"], WIDE),
    "row_norms": (["--operations", "row_norms"], WIDE),
    "train_clients": (["--operations", "train_clients"], [(100, 2762), (100, 101770)]),
    "evaluate": (["--operations", "evaluate"], [(5, 2762), (100, 101770)]),
}

# What peers do with matrix products: timed with each choice of OpenBLAS's kernels.
BLAS_CASES = ["pairwise_squared_distances", "weighted_sum", "train_clients", "evaluate"]

# The tutorial's compare_defenses: its own four cells, and all attacks x all defenses.
WHOLE = {
    "compare_tutorial_4_cells": ["--attacks", "label_flip", "--defenses", "none,median,trimmed_mean,krum"],
    "compare_tutorial_30_cells": [],
}


def goal(case, n, d, threads, peer):
    """How many times as fast as the peer we want to be; None where nothing was promised."""
    few = n <= 100
    wide = (n, d) in WIDE
    return {
        ("coordinate_median", "torch.stack.median"): (100 if threads == 1 else 80) if few else 60,
        ("coordinate_median", "np.sort"): 12 if few else 15,
        ("trimmed_mean", "torch.sort"): 150 if few else 100,
        ("trimmed_mean", "np.sort"): 12,
        ("pairwise_squared_distances", "torch.cdist"): 15 if wide else None if few else 5,
        ("pairwise_squared_distances", "NumPy Gram"): 2,
        ("geometric_median", "torch Weiszfeld"): 35,
        ("norm_clip", "torch"): 6,
        ("weighted_sum", "torch"): 1.2,
        ("weighted_sum", "NumPy"): 1,
        ("row_norms", "torch"): 1.2,
        ("row_norms", "np.linalg.norm"): 1,
        ("row_norms", "np.einsum"): 1,
        ("train_clients", "tutorial loop"): 80 if d == 2762 else 8,
        ("train_clients", "without DataLoader"): 40 if d == 2762 else None,
        ("evaluate", "tutorial loop"): 5,
        ("compare_tutorial_4_cells", "tutorial_peer.py"): 15,
    }.get((case, peer))


def peer_environments():
    """The environment as it is and, where it forces kernels upon OpenBLAS, the same without: OpenBLAS then takes those of this CPU."""
    forced = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    yield dict(os.environ)
    if any(name in os.environ for name in forced):
        yield {name: value for name, value in os.environ.items() if name not in forced}


def thread_environment(threads, environment):
    return environment | {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


class Peers:
    """A process with PyTorch and NumPy on so many threads: OpenBLAS takes their number when it is loaded."""

    def __init__(self, threads, environment):
        self._process = subprocess.Popen(
            [sys.executable, HERE / "peers.py", str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=thread_environment(threads, environment))
        self.versions = self._answer()["versions"]

    def sample(self, case, n, d, seconds, samples):
        self._process.stdin.write(json.dumps({"case": case, "n": n, "d": d, "seconds": seconds, "samples": samples}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self):
        self._process.stdin.close()
        self._process.wait()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"the peers ended with exit code {self._process.wait()}")
        return json.loads(line)


def flgpu(options, arguments):
    return output_of([options.flgpu, *arguments], os.environ)


def output_of(command, environment):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment, cwd=HERE)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def flgpu_samples(options, what, n, d, threads):
    arguments = ["time", *what, "--clients", str(n), "--parameters", str(d), "--threads", str(threads), "--backend", "simd", "--csv", "-"]
    rows = csv.DictReader(io.StringIO(flgpu(options, arguments + (["--quick"] if options.quick else []))))
    times = [float(row["wall_ms"]) for row in rows if row["phase"] == "sample" and row["status"] == "ok"]
    return times or sys.exit(f"flgpu {' '.join(arguments)}: no samples")


def process_ms(command, environment):
    start = time.perf_counter()
    output_of(command, environment)
    return (time.perf_counter() - start) * 1000


def cases_in_turns(options, threads, peers, names):
    seconds, samples = (0.05, 1) if options.quick else (0.5, 5)
    for case, (what, sizes) in CASES.items():
        if case not in names:
            continue
        for n, d in sizes[:1] if options.quick else sizes:
            theirs, ours = {}, []
            for _ in range(options.turns):
                for peer, times in peers.sample(case, n, d, seconds, samples).items():
                    theirs.setdefault(peer, []).append(statistics.median(times))
                ours.append(statistics.median(flgpu_samples(options, what, n, d, threads)))
            for peer, medians in theirs.items():
                yield case, n, d, peer, statistics.median(medians), statistics.median(ours)


def whole_processes(options, threads, environment, names):
    seeds = ["--seeds", "42"]
    environment = thread_environment(threads, environment)
    for case, cells in WHOLE.items():
        if case not in names:
            continue
        few = ["--rounds", "2"] if options.quick else []
        theirs, ours = [], []
        for _ in range(options.turns):
            theirs.append(process_ms([sys.executable, HERE / "tutorial_peer.py", *cells, *few, "--threads", str(threads)], environment))
            ours.append(process_ms(
                [options.flgpu, "compare", "--preset", "tutorial", *cells, *few, *seeds, "--backend", "simd", "--threads", str(threads)], environment))
        yield case, 10, 2762, "tutorial_peer.py", statistics.median(theirs), statistics.median(ours)


def flgpu_environment(options):
    """flgpu's own account of revision, runtime, machine and its peaks on each number of threads."""
    reports = []
    for threads in options.threads:
        with tempfile.TemporaryDirectory() as folder:
            flgpu(options, ["time", "--operations", "signs", "--clients", "1", "--parameters", "1000", "--backend", "simd", "--threads", str(threads), "--quick", "--out", folder])
            reports.append(json.loads((pathlib.Path(folder) / "environment.json").read_text()))
    report = {key: reports[0][key] for key in ("utc", "git", "build", "host")}
    return report | {"peaks": [peaks for r in reports for peaks in r["peaks"]]}


def show(row):
    def number(value):
        return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)

    widths = [26, 6, 9, 7, 12, 22, 10, 10, 8, 6]
    print("  ".join(number(value).ljust(width) for value, width in zip(row, widths)).rstrip(), flush=True)


def main():
    names = [*CASES, *WHOLE]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flgpu", default=PROGRAM, help="the program, built with -c Release [default: %(default)s]")
    parser.add_argument("--threads", default=[1, 2], type=lambda text: [int(t) for t in text.split(",")], help="numbers of threads [default: 1,2]")
    parser.add_argument("--turns", default=3, type=int, help="how often peer and flgpu take turns in each case [default: 3]")
    parser.add_argument("--only", choices=names, metavar="NAME", help=f"one case: {', '.join(names)}")
    parser.add_argument("--out", default=HERE, type=pathlib.Path, help="folder for peers.csv and environment.json [default: this one]")
    parser.add_argument("--quick", action="store_true", help="a smoke run: one turn, the smallest size of each case, two rounds")
    options = parser.parse_args()
    options.turns = 1 if options.quick else options.turns
    options.flgpu = pathlib.Path(options.flgpu).resolve()
    if not options.flgpu.exists():
        sys.exit(f"--flgpu: there is no {options.flgpu}; build it with: dotnet build src/Harness -c Release")

    environment = {"flgpu": flgpu_environment(options), "turns": options.turns, "quick": options.quick, "peers": []}
    options.out.mkdir(parents=True, exist_ok=True)
    show(COLUMNS)
    with open(options.out / "peers.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        chosen = [options.only] if options.only else [*CASES, *WHOLE]
        for threads in options.threads:
            for number, surroundings in enumerate(peer_environments()):
                names = [name for name in chosen if number == 0 or name in BLAS_CASES or name in WHOLE]
                peers = Peers(threads, surroundings)
                environment["peers"].append(peers.versions)
                if not any("openblas" in name or "mkl" in name for name in peers.versions["blas_files"]):
                    sys.exit(f"NumPy's BLAS is {peers.versions['blas_files']}: ratios against reference BLAS mislead; install OpenBLAS (Debian: libopenblas0-pthread)")
                kernels = peers.versions["openblas_kernels"]
                for rows in (cases_in_turns(options, threads, peers, names), whole_processes(options, threads, surroundings, names)):
                    for case, n, d, peer, peer_ms, flgpu_ms in rows:
                        row = [case, n, d, threads, kernels, peer, peer_ms, flgpu_ms, peer_ms / flgpu_ms, goal(case, n, d, threads, peer)]
                        show(row)
                        writer.writerow(row)
                        file.flush()
                peers.close()
    (options.out / "environment.json").write_text(json.dumps(environment, indent=2) + "\n")


if __name__ == "__main__":
    main()
