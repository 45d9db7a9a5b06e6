#!/usr/bin/env python3
"""Times in PyTorch what FlGpu times, on the same GPU: updates resident, warmed up, CUDA events; then sets both beside each other.

peers.py [--device cuda|cpu] [--small] FILE
    one row a sample: name, peer, clients, parameters, sample, gpu_ms, wall_ms, status, reason. What FILE holds already is not timed again.
peers.py --report DIR [--backend NAME] [--small]
    writes DIR/peers.csv, a row for each of FlGpu's cases and each peer with their ratio, from DIR/timings.csv and DIR/peers-samples.csv, and prints the
    tables of a report as Markdown: operations and defenses beside the floors of the device, training, the profile of a round
"""
import argparse
import copy
import csv
import os
import statistics
import time

SIZES = [(100, 1_000_000), (1000, 101_770), (1000, 1_000_000), (10_000, 101_770)]
SMALL_SIZES = [(10, 1000), (20, 500)]
MODELS = {2762: (32, 64, 10), 101_770: (784, 128, 10)}
TRAINED = {2762: [1000, 10_000, 100_000], 101_770: [1000, 10_000]}
SMALL_TRAINED = {2762: [10, 20], 101_770: [2]}
SAMPLES_PER_CLIENT, EPOCHS, BATCH, LEARNING_RATE = 100, 2, 32, 0.01
# One client after another takes a time in proportion to their number: so many are enough.
LOOP_CLIENTS, SMALL_LOOP_CLIENTS = 100, 2
WARMUPS, SAMPLES, LONGEST_S = 3, 30, 2
# What an H100 SXM does: bytes per second from memory as measured, fp32 operations per second with a fused multiply-add as two.
BYTES_PER_S, FLOPS_PER_S = 3.0e12, 67e12
GOALS = {  # share of the floor's speed that is the goal, by size; and how many times PyTorch
    "weighted_sum": ([0.85] * 4, 1), "row_norms": ([0.85] * 4, 1), "coordinate_median": ([0.75, 0.5, 0.5, 0.5], 20),
    "trimmed_mean": ([0.7, 0.4, 0.4, 0.35], 20), "pairwise_squared_distances": ([0.65] * 4, 3),
    "krum": (None, 5), "multi_krum": (None, 5), "flame": (None, 5), "fools_gold": (None, 5), "geometric_median": (None, 5),
}
CLIENTS_PER_S_GOAL = {2762: 5_000_000, 101_770: 120_000}
LOOP_GOAL, BATCHED_GOAL, ROUND_GOAL_MS = {2762: 10_000}, {2762: 5}, 20
LOOPS = ("loop", "loop without DataLoader")
PHASES = ("train", "attack", "aggregate", "evaluate")


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
        center = torch.zeros_like(x[0])
        for _ in range(3):
            weight = 1 / (x - center).norm(dim=1).clamp(min=0.1)
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


def steps(torch, order):
    """The samples of each step (n x batch) out of each client's order (n x epochs x samples): as in a loop, the last batch of an epoch is short."""
    return [order[:, epoch, first : first + BATCH] for epoch in range(EPOCHS) for first in range(0, SAMPLES_PER_CLIENT, BATCH)]


def initial(torch, widths, device):
    torch.manual_seed(93)
    layers = torch.nn.Sequential(torch.nn.Linear(widths[0], widths[1]), torch.nn.ReLU(), torch.nn.Linear(widths[1], widths[2]))
    return layers.to(device)


def loops(torch, widths, n, device):
    """The tutorial's local training, one client after another, with the samples on the device."""
    model = initial(torch, widths, device)
    x = torch.randn(SAMPLES_PER_CLIENT, widths[0], device=device)
    y = torch.randint(0, widths[2], (SAMPLES_PER_CLIENT,), device=device)
    dataset = torch.utils.data.TensorDataset(x, y)

    def train(batches):
        local = copy.deepcopy(model)
        optimizer = torch.optim.SGD(local.parameters(), lr=LEARNING_RATE)
        local.train()
        for _ in range(EPOCHS):
            for features, labels in batches():
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(local(features), labels).backward()
                optimizer.step()
        return local.state_dict()

    def loader():
        return torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True)

    def slices():
        order = torch.randperm(SAMPLES_PER_CLIENT, device=device)
        return ((x[rows], y[rows]) for rows in order.split(BATCH))

    return {"loop": lambda: [train(loader) for _ in range(n)], "loop without DataLoader": lambda: [train(slices) for _ in range(n)]}


def gradients_of_all(torch):
    """vmap and grad over functions of (parameters, features, labels), or None where this PyTorch has neither."""
    try:
        from torch.func import grad, vmap
    except ImportError:
        try:
            from functorch import grad, vmap
        except ImportError:
            return None

    def loss(parameters, x, y):
        w1, b1, w2, b2 = parameters
        hidden = torch.relu(x @ w1 + b1)
        return torch.nn.functional.cross_entropy(hidden @ w2 + b2, y)

    return vmap(grad(loss))


def batched(torch, widths, n, device):
    """All clients in each step at once: weights are n x inputs x outputs, and each client has its own order of the shared samples."""
    model = initial(torch, widths, device)
    start = [p.detach() for p in (model[0].weight.T, model[0].bias, model[2].weight.T, model[2].bias)]
    pool = SAMPLES_PER_CLIENT * min(n, 10)
    x = torch.randn(pool, widths[0], device=device)
    y = torch.randint(0, widths[2], (pool,), device=device)
    order = torch.randint(0, pool, (n, EPOCHS, SAMPLES_PER_CLIENT), device=device)

    def train(gradients):
        parameters = [p.expand(n, *p.shape).contiguous() for p in start]
        for rows in steps(torch, order):
            for p, g in zip(parameters, gradients(parameters, x[rows], y[rows])):
                p.sub_(g, alpha=LEARNING_RATE)
        return [p - s for p, s in zip(parameters, start)]

    def by_hand(parameters, features, labels):
        w1, b1, w2, b2 = parameters
        hidden = torch.baddbmm(b1[:, None], features, w1).relu_()
        back = torch.softmax(torch.baddbmm(b2[:, None], hidden, w2), -1)
        back.scatter_add_(2, labels[:, :, None], torch.full_like(back[:, :, :1], -1)).div_(labels.shape[1])
        hidden_back = torch.bmm(back, w2.transpose(1, 2)) * (hidden > 0)
        return torch.bmm(features.transpose(1, 2), hidden_back), hidden_back.sum(1), torch.bmm(hidden.transpose(1, 2), back), back.sum(1)

    peers = {"batched, bmm by hand": lambda: train(by_hand)}
    if of_all := gradients_of_all(torch):
        peers["batched, vmap(grad)"] = lambda: train(lambda p, features, labels: of_all(tuple(p), features, labels))
    if len(peers) == 2 and n <= 1000:
        # What is compared must be the same: the hand-written gradients are those of autograd.
        small = [[p[:2] for p in train(g)] for g in (by_hand, lambda p, features, labels: of_all(tuple(p), features, labels))]
        for ours, theirs in zip(*small):
            assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-5), "the batched trainings differ"
    return peers


def samples(torch, run, device):
    def synchronize():
        if device == "cuda":
            torch.cuda.synchronize()

    begin = time.perf_counter()
    for _ in range(WARMUPS):
        run()
        synchronize()
        if time.perf_counter() - begin > LONGEST_S:
            break
    begin = time.perf_counter()
    taken = []
    while len(taken) < SAMPLES and (not taken or time.perf_counter() - begin < LONGEST_S):
        events = [torch.cuda.Event(enable_timing=True) for _ in range(2)] if device == "cuda" else None
        synchronize()
        wall = time.perf_counter()
        if events:
            events[0].record()
        run()
        if events:
            events[1].record()
        synchronize()
        wall_ms = (time.perf_counter() - wall) * 1000
        taken.append((f"{events[0].elapsed_time(events[1]):.5f}" if events else "", f"{wall_ms:.5f}"))
    return taken


def measure(path, device, small):
    import torch

    # Single precision as FlGpu computes, not TF32.
    torch.backends.cuda.matmul.allow_tf32 = False
    columns = ["name", "peer", "clients", "parameters", "sample", "gpu_ms", "wall_ms", "status", "reason"]
    done = set()
    if os.path.exists(path):
        with open(path, newline="") as file:
            done = {tuple(row[c] for c in columns[:4]) for row in csv.DictReader(file)}
    with open(path, "a", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        if not done:
            table.writerow(columns)

        def time_all(name, peers, n, d):
            """All samples of a case are written at once: a case is there whole or not at all."""
            for peer, run in peers.items():
                case = (name, f"PyTorch {torch.__version__} {peer}", str(n), str(d))
                if case in done:
                    continue
                try:
                    table.writerows([*case, i, gpu_ms, wall_ms, "ok", ""] for i, (gpu_ms, wall_ms) in enumerate(samples(torch, run, device)))
                except RuntimeError as error:  # out of memory, or a size that a kernel of PyTorch cannot launch
                    table.writerow([*case, "", "", "", "failed", str(error).splitlines()[0]])
                file.flush()
                print(name, peer, n, d, flush=True)
                if device == "cuda":
                    torch.cuda.empty_cache()

        def guarded(make):
            try:
                return make()
            except RuntimeError as error:
                print("failed:", str(error).splitlines()[0], flush=True)
                return {}

        for d, numbers in (SMALL_TRAINED if small else TRAINED).items():
            loop_clients = SMALL_LOOP_CLIENTS if small else LOOP_CLIENTS
            time_all("train_clients", loops(torch, MODELS[d], loop_clients, device), loop_clients, d)
            for n in numbers:
                time_all("train_clients", guarded(lambda: batched(torch, MODELS[d], n, device)), n, d)
        for n, d in SMALL_SIZES if small else SIZES:
            x = torch.randn(n, d, device=device, generator=torch.Generator(device).manual_seed(93))
            w = torch.full((n,), 1 / n, device=device)
            # Made anew for each size: what a rule remembers of earlier calls does not outlive its size.
            for name, peers in rules(torch).items():
                time_all(name, {peer: lambda rule=rule: rule(x, w) for peer, rule in peers}, n, d)
            del x


def floor_ms(row):
    """The time that memory or arithmetic alone would take, from the work that FlGpu declares."""
    return 1000 * max((int(row["bytes_read"]) + int(row["bytes_written"])) / BYTES_PER_S, int(row["flops"]) / FLOPS_PER_S)


def rows_of(path):
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def medians(rows):
    """The median of the device's own times, or of wall times where there are none, for each case."""
    times = {}
    for key, row in rows:
        times.setdefault(key, []).append(float(row["gpu_ms"] or row["wall_ms"]))
    return {key: statistics.median(taken) for key, taken in times.items()}


class Results:
    """A folder's medians in ms: ours by (name, clients, parameters), the peers' by the same and by peer."""

    def __init__(self, folder, backend):
        timed = [row for row in rows_of(f"{folder}/timings.csv") if row["phase"] == "sample" and row["status"] == "ok" and row["backend"].startswith(backend)]
        peer_samples = [row for row in rows_of(f"{folder}/peers-samples.csv") if row["status"] == "ok"]
        case = lambda row: (row["name"], int(row["clients"]), int(row["parameters"]))
        self.ours = medians((case(row), row) for row in timed)
        self.floors = {case(row): floor_ms(row) for row in timed}
        self.flops = {case(row): int(row["flops"]) for row in timed}
        self.peers = {}
        for (key, peer), ms in medians(((case(row), row["peer"]), row) for row in peer_samples).items():
            self.peers.setdefault(key, {})[peer] = ms

    def loops(self, d):
        """Milliseconds a client of each loop, whose number of clients does not matter."""
        return {peer: ms / n for (name, n, size), peers in self.peers.items() if name == "train_clients" and size == d for peer, ms in peers.items() if peer.endswith(LOOPS)}

    def batched(self, n, d):
        return {peer: ms for peer, ms in self.peers.get(("train_clients", n, d), {}).items() if not peer.endswith(LOOPS)}


def goal_of(name, d, peer):
    if name != "train_clients":
        return GOALS[name][1] if name in GOALS else ""
    return (LOOP_GOAL if peer.endswith(LOOPS) else BATCHED_GOAL).get(d, "")


def write_ratios(folder, results):
    with open(f"{folder}/peers.csv", "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["name", "clients", "parameters", "peer", "peer_ms", "flgpu_ms", "ratio", "goal"])
        for (name, n, d), ms in results.ours.items():
            peers = results.batched(n, d) if name == "train_clients" else results.peers.get((name, n, d), {})
            loops_ms = {peer: per_client * n for peer, per_client in results.loops(d).items()} if name == "train_clients" else {}
            for peer, peer_ms in {**peers, **loops_ms}.items():
                table.writerow([name, n, d, peer, f"{peer_ms:.5f}", f"{ms:.5f}", f"{peer_ms / ms:.3f}", goal_of(name, d, peer)])


def table(title, columns, rows):
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def report_operations(results, sizes):
    rows = []
    for name, (shares, times) in GOALS.items():
        for i, (n, d) in enumerate(sizes):
            case = (name, n, d)
            if case not in results.ours:
                rows.append([name, f"{n:,}", f"{d:,}", "not timed", *[""] * 7])
                continue
            ms = results.ours[case]
            share, goal = (f"{results.floors[case] / ms:.0%}", f"{shares[i]:.0%}") if shares else ("", "")
            # The product's shortcut is another result where updates are near each other: it counts for whole rules, not for the distances.
            candidates = {p: t for p, t in results.peers.get(case, {}).items() if not (name == "pairwise_squared_distances" and "product" in p)}
            peer = min(candidates, key=candidates.get) if candidates else None
            beside = [peer, f"{candidates[peer]:.3f}", f"{candidates[peer] / ms:.1f}"] if peer else ["did not run", "", ""]
            rows.append([name, f"{n:,}", f"{d:,}", f"{ms:.3f}", f"{results.floors[case]:.3f}", share, goal, *beside, str(times)])
    table(
        "Operations and defenses; medians of the device's own times. Floor: memory at 3.0 TB/s or fp32 at 67 TFLOP/s, whichever takes longer (an H100).",
        ["name", "clients", "parameters", "ms", "floor ms", "of the floor", "goal", "fastest PyTorch", "ms", "times", "goal"], rows)


def report_training(results, trained):
    rows = []
    for d, numbers in trained.items():
        model = "-".join(map(str, MODELS[d]))
        for n in numbers:
            ms = results.ours.get(("train_clients", n, d))
            if ms is None:
                rows.append([model, f"{n:,}", "not timed", *[""] * 7])
                continue
            cells = [model, f"{n:,}", f"{ms:.3f}", f"{n / ms * 1000:,.0f}", f"{CLIENTS_PER_S_GOAL[d]:,}", f"{results.flops['train_clients', n, d] / ms * 1000 / FLOPS_PER_S:.0%}"]
            loop = min((per_client * n for peer, per_client in results.loops(d).items() if peer.endswith("loop")), default=None)
            batched_ms = min(results.batched(n, d).values(), default=None)
            for peer_ms, goal in ((loop, LOOP_GOAL.get(d)), (batched_ms, BATCHED_GOAL.get(d))):
                cells += ["did not run" if peer_ms is None else f"{peer_ms / ms:,.1f}", f"{goal:,}" if goal else ""]
            rows.append(cells)
    table(
        f"Training, {SAMPLES_PER_CLIENT} samples, {EPOCHS} epochs. The loop is the tutorial's, one client after another; batched is the fastest of bmm by hand and vmap(grad).",
        ["model", "clients", "ms", "clients/s", "goal", "of fp32", "times the loop", "goal", "times batched", "goal"], rows)


def report_round(folder, backend):
    rounds = {}
    for row in rows_of(f"{folder}/round/accuracy.csv"):
        # The first round compiles and loads code.
        if row["status"] == "ok" and row["backend"].startswith(backend) and int(row["round"]) > 1:
            rounds.setdefault((int(row["clients"]), row["attack"], row["defense"]), []).append([float(row[f"{phase}_ms"]) for phase in PHASES])
    rows = [
        [f"{n:,}", attack, defense, *(f"{statistics.median(column):.2f}" for column in zip(*taken)), f"{statistics.median(map(sum, taken)):.2f}",
         str(ROUND_GOAL_MS) if n == 10_000 else ""]
        for (n, attack, defense), taken in rounds.items()]
    table(
        "A whole round of 32-64-10, wall milliseconds, medians of all rounds but the first.",
        ["clients", "attack", "defense", *PHASES, "whole", "goal"], rows or [["not run", *[""] * 8]])


def report(folder, backend, small):
    results = Results(folder, backend)
    write_ratios(folder, results)
    for name in ("check", "end-to-end"):
        done = os.path.exists(f"{folder}/done/{name}")
        print(f"- {name}: {'passed' if done else f'NOT PASSED, or not finished: see {name}.txt'}")
    report_operations(results, SMALL_SIZES if small else SIZES)
    report_training(results, SMALL_TRAINED if small else TRAINED)
    report_round(folder, backend)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("file", nargs="?")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--report")
    parser.add_argument("--backend", default="cuda")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    if (options.report is None) == (options.file is None):
        parser.error("either FILE or --report DIR is needed")
    if options.report is not None:
        report(options.report, options.backend, options.small)
    else:
        measure(options.file, options.device, options.small)


if __name__ == "__main__":
    main()
