#!/usr/bin/env python3
"""Times in PyTorch what FlGpu times, on the same GPU: updates resident, warmed up, CUDA events; then sets both beside each other.

peers.py FILE          writes one row a sample: name, peer, clients, parameters, sample, gpu_ms, wall_ms, status, reason
peers.py --report DIR  prints the table of DIR/timings.csv, DIR/peers.csv and the floors of the device, as Markdown
"""
import csv
import statistics
import sys
import time

SIZES = [(100, 1_000_000), (1000, 101_770), (1000, 1_000_000), (10_000, 101_770)]
WARMUPS, SAMPLES, SECONDS = 3, 30, 15
# What an H100 SXM does: bytes per second from memory as measured, fp32 operations per second with a fused multiply-add as two.
BYTES_PER_S, FLOPS_PER_S = 3.0e12, 67e12
GOALS = {  # share of the floor's speed that is the goal, by size; and how many times PyTorch
    "weighted_sum": ([0.85] * 4, 1), "row_norms": ([0.85] * 4, 1), "coordinate_median": ([0.75, 0.5, 0.5, 0.5], 20),
    "trimmed_mean": ([0.7, 0.4, 0.4, 0.35], 20), "pairwise_squared_distances": ([0.65] * 4, 3),
    "krum": (None, 5), "multi_krum": (None, 5), "flame": (None, 5), "fools_gold": (None, 5), "geometric_median": (None, 5),
}


def rules(torch):
    """The same results as FlGpu's operations and defenses, written as one would in PyTorch; f is a fifth of the clients."""

    def distances(x):
        # Exact differences, as FlGpu takes them: the shortcut by a matrix product loses the digits of near-equal updates.
        return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").square()

    def distances_by_product(x):
        return torch.cdist(x, x, compute_mode="use_mm_for_euclid_dist").square()

    def trimmed(x):
        trim = x.shape[0] // 5
        return torch.sort(x, dim=0).values[trim : x.shape[0] - trim].mean(0)

    def scores(x):
        n = x.shape[0]
        f = n // 5
        return torch.sort(distances_by_product(x), dim=1).values[:, 1 : n - f - 1].sum(1)

    def krum(x):
        return x[scores(x).argmin()]

    def multi_krum(x):
        n = x.shape[0]
        return x[scores(x).topk(n - n // 5, largest=False).indices].mean(0)

    history = {}

    def fools_gold(x):
        history.setdefault(x.shape, torch.zeros_like(x)).add_(x)
        unit = torch.nn.functional.normalize(history[x.shape])
        cosine = unit @ unit.T
        cosine.fill_diagonal_(-1)
        most = cosine.max(1).values
        pardon = torch.where(most[:, None] < most[None, :], most[:, None] / most[None, :], torch.ones_like(cosine))
        weight = (1 - (cosine * pardon).max(1).values).clamp(0, 1)
        weight = weight / weight.max()
        weight = torch.where(weight == 1, torch.full_like(weight, 0.99), weight)
        weight = (torch.log(weight / (1 - weight)) + 0.5).clamp(0, 1)
        return (weight * (1 / x.norm(dim=1)).clamp(max=1)) @ x

    def flame(x):
        # The clustering on n x n cosines is done on the host by everybody and is left out here: PyTorch's part is a lower bound.
        unit = torch.nn.functional.normalize(x)
        (1 - unit @ unit.T).cpu()
        norms = x.norm(dim=1)
        clip = norms.median()
        mean = (x * (clip / norms).clamp(max=1)[:, None]).mean(0)
        return mean + torch.randn_like(mean) * (0.001 * clip)

    def geometric_median(x):
        center = x.mean(0)
        for _ in range(3):
            weight = 1 / (x - center).norm(dim=1).clamp(min=1e-6)
            center = (weight / weight.sum()) @ x
        return center

    return {
        "weighted_sum": [("weights @ x", lambda x, w: w @ x)],
        "row_norms": [("norm", lambda x, w: x.norm(dim=1))],
        "coordinate_median": [("median", lambda x, w: x.median(dim=0).values), ("sort", lambda x, w: torch.sort(x, dim=0).values[(x.shape[0] - 1) // 2])],
        "trimmed_mean": [("sort", lambda x, w: trimmed(x))],
        "pairwise_squared_distances": [("cdist", lambda x, w: distances(x)), ("cdist by product", lambda x, w: distances_by_product(x))],
        "krum": [("cdist by product", lambda x, w: krum(x))],
        "multi_krum": [("cdist by product", lambda x, w: multi_krum(x))],
        "flame": [("without clustering", lambda x, w: flame(x))],
        "fools_gold": [("matmul", lambda x, w: fools_gold(x))],
        "geometric_median": [("3 iterations", lambda x, w: geometric_median(x))],
    }


def samples(torch, run):
    begin = time.perf_counter()
    for _ in range(WARMUPS):
        run()
        torch.cuda.synchronize()
        if time.perf_counter() - begin > SECONDS:
            break
    begin = time.perf_counter()
    taken = []
    while len(taken) < SAMPLES and (not taken or time.perf_counter() - begin < SECONDS):
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        wall = time.perf_counter()
        start.record()
        run()
        stop.record()
        torch.cuda.synchronize()
        taken.append((start.elapsed_time(stop), (time.perf_counter() - wall) * 1000))
    return taken


def measure(path):
    import torch

    # Single precision as FlGpu computes, not TF32.
    torch.backends.cuda.matmul.allow_tf32 = False
    with open(path, "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["name", "peer", "clients", "parameters", "sample", "gpu_ms", "wall_ms", "status", "reason"])
        for n, d in SIZES:
            x = torch.randn(n, d, device="cuda", generator=torch.Generator("cuda").manual_seed(93))
            w = torch.full((n,), 1 / n, device="cuda")
            # Made anew for each size: what a rule remembers of earlier calls does not outlive its size.
            for name, peers in rules(torch).items():
                for peer, rule in peers:
                    label = f"PyTorch {torch.__version__} {peer}"
                    try:
                        for i, (gpu_ms, wall_ms) in enumerate(samples(torch, lambda: rule(x, w))):
                            table.writerow([name, label, n, d, i, f"{gpu_ms:.5f}", f"{wall_ms:.5f}", "ok", ""])
                    except RuntimeError as error:  # out of memory, or a size that a kernel of PyTorch cannot launch
                        table.writerow([name, label, n, d, "", "", "", "failed", str(error).splitlines()[0]])
                        torch.cuda.empty_cache()
                    file.flush()
            del x
            torch.cuda.empty_cache()


def floor_ms(row):
    """The time that memory or arithmetic alone would take, from the work that FlGpu declares."""
    return 1000 * max((int(row["bytes_read"]) + int(row["bytes_written"])) / BYTES_PER_S, int(row["flops"]) / FLOPS_PER_S)


def report(folder):
    ours, floors, peers = {}, {}, {}
    with open(f"{folder}/timings.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["phase"] == "sample" and row["status"] == "ok" and row["backend"].startswith("cuda"):
                case = (row["name"], int(row["clients"]), int(row["parameters"]))
                ours.setdefault(case, []).append(float(row["gpu_ms"] or row["wall_ms"]))
                floors[case] = floor_ms(row)
    with open(f"{folder}/peers.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["status"] == "ok":
                peers.setdefault((row["name"], int(row["clients"]), int(row["parameters"])), {}).setdefault(row["peer"], []).append(float(row["gpu_ms"]))
    print("Medians of the device's own times. Floor: memory at 3.0 TB/s or fp32 at 67 TFLOP/s, whichever takes longer; the goals are those of an H100.\n")
    print("| name | clients | parameters | ms | floor ms | of the floor | goal | fastest PyTorch | ms | times | goal |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, (shares, times) in GOALS.items():
        for i, (n, d) in enumerate(SIZES):
            case = (name, n, d)
            if case not in ours:
                print(f"| {name} | {n} | {d} | not timed | | | | | | | |")
                continue
            ms = statistics.median(ours[case])
            share, goal = (f"{floors[case] / ms:.0%}", f"{shares[i]:.0%}") if shares else ("", "")
            # The product's shortcut is another result where updates are near each other: it counts for whole rules, not for the distances.
            candidates = {p: statistics.median(t) for p, t in peers.get(case, {}).items() if not (name == "pairwise_squared_distances" and "product" in p)}
            peer = min(candidates, key=candidates.get) if candidates else None
            beside = f"{peer} | {candidates[peer]:.3f} | {candidates[peer] / ms:.1f}" if peer else "did not run | |"
            print(f"| {name} | {n} | {d} | {ms:.3f} | {floors[case]:.3f} | {share} | {goal} | {beside} | {times} |")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--report":
        report(sys.argv[2])
    elif len(sys.argv) == 2 and not sys.argv[1].startswith("-"):
        measure(sys.argv[1])
    else:
        sys.exit(__doc__)
