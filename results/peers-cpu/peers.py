"""The peers: what a PyTorch or NumPy user would write for each operation. Runs as a child of run.py and times what it is told to."""

import copy
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

ITERATIONS = 8
CLIP = 10.0
SAMPLES_PER_CLIENT = 100
EPOCHS, BATCH, LEARNING_RATE = 2, 32, 0.01
WIDTHS = {2762: (32, 64, 10), 101770: (784, 128, 10)}


def updates(n, d):
    return np.random.default_rng(93).standard_normal((n, d), dtype=np.float32)


def middle(column_sorted):
    n = len(column_sorted)
    return (column_sorted[(n - 1) // 2] + column_sorted[n // 2]) / 2


def sorted_into(x):
    """np.sort without the page faults of a fresh result: sorts in a copy that is kept."""
    y = np.empty_like(x)

    def run():
        np.copyto(y, x)
        y.sort(axis=0)
        return y

    return run


def coordinate_median(n, d):
    x = updates(n, d)
    stacked = torch.from_numpy(x)
    rows = list(stacked.unbind(0))
    in_copy = sorted_into(x)
    return {
        "torch.stack.median": lambda: torch.stack(rows).median(0).values,
        "torch.median stacked": lambda: stacked.median(0).values,
        "np.median": lambda: np.median(x, axis=0),
        "np.sort": lambda: middle(in_copy()),
    }


def trimmed_mean(n, d):
    x = updates(n, d)
    stacked = torch.from_numpy(x)
    trim = n // 5
    in_copy = sorted_into(x)
    return {
        "torch.sort": lambda: stacked.sort(0).values[trim:n - trim].mean(0),
        "np.sort": lambda: in_copy()[trim:n - trim].mean(axis=0),
    }


def pairwise_squared_distances(n, d):
    x = updates(n, d)
    stacked = torch.from_numpy(x)

    def gram():
        products = x @ x.T
        squares = products.diagonal()
        return squares[:, None] + squares[None, :] - 2 * products

    return {"torch.cdist": lambda: torch.cdist(stacked, stacked).square(), "NumPy Gram": gram}


def geometric_median(n, d):
    x = torch.from_numpy(updates(n, d))

    def weiszfeld():
        z = torch.zeros(d)
        for _ in range(ITERATIONS):
            weights = 1 / (x - z).norm(dim=1).clamp(min=0.1)
            z = (weights / weights.sum()) @ x
        return z

    return {"torch Weiszfeld": weiszfeld}


def norm_clip(n, d):
    x = torch.from_numpy(updates(n, d))
    return {"torch": lambda: (x * (CLIP / x.norm(dim=1)).clamp(max=1)[:, None]).mean(0)}


def weighted_sum(n, d):
    x = updates(n, d)
    w = np.full(n, 1 / n, dtype=np.float32)
    stacked, weights = torch.from_numpy(x), torch.from_numpy(w)
    return {"torch": lambda: weights @ stacked, "torch.mean": lambda: stacked.mean(0), "NumPy": lambda: w @ x}


def row_norms(n, d):
    x = updates(n, d)
    stacked = torch.from_numpy(x)
    return {
        "torch": lambda: stacked.norm(dim=1),
        "np.linalg.norm": lambda: np.linalg.norm(x, axis=1),
        "np.einsum": lambda: np.sqrt(np.einsum("ij,ij->i", x, x)),
    }


def model_and_samples(d, count):
    inputs, hidden, classes = WIDTHS[d]
    torch.manual_seed(93)
    model = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))
    return model, torch.randn(count, inputs), torch.randint(0, classes, (count,))


def train_clients(n, d):
    model, x, y = model_and_samples(d, SAMPLES_PER_CLIENT)
    dataset = TensorDataset(x, y)

    def train(batches):
        local = copy.deepcopy(model)
        optimizer = torch.optim.SGD(local.parameters(), lr=LEARNING_RATE)
        local.train()
        for _ in range(EPOCHS):
            for features, labels in batches():
                optimizer.zero_grad()
                F.cross_entropy(local(features), labels).backward()
                optimizer.step()
        return local.state_dict()

    def loader():
        return DataLoader(dataset, batch_size=BATCH, shuffle=True)

    def slices():
        order = torch.randperm(len(y))
        return ((x[rows], y[rows]) for rows in order.split(BATCH))

    return {
        "tutorial loop": lambda: [train(loader) for _ in range(n)],
        "without DataLoader": lambda: [train(slices) for _ in range(n)],
    }


def evaluate(n, d):
    model, x, y = model_and_samples(d, n * SAMPLES_PER_CLIENT)
    model.eval()
    dataset = TensorDataset(x, y)

    def tutorial():
        correct = 0
        with torch.no_grad():
            for features, labels in DataLoader(dataset, batch_size=128):
                correct += (model(features).argmax(1) == labels).sum().item()
        return correct / len(y)

    def at_once():
        with torch.no_grad():
            logits = model(x)
            return (logits.argmax(1) == y).sum().item(), F.cross_entropy(logits, y).item()

    return {"tutorial loop": tutorial, "one batch": at_once}


CASES = [
    coordinate_median, trimmed_mean, pairwise_squared_distances, geometric_median, norm_clip, weighted_sum, row_norms, train_clients, evaluate,
]


def sample(run, seconds, fewest):
    """Milliseconds of each call: at least so many calls and seconds, after one that is not counted (page faults, thread pools)."""
    run()
    times = []
    while len(times) < fewest or sum(times) < seconds * 1000:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1000)
    return times


def main():
    threads = int(sys.argv[1])
    torch.set_num_threads(threads)
    named = {case.__name__: case for case in CASES}
    current, peers = None, {}
    print(json.dumps({"versions": versions()}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        key = (request["case"], request["n"], request["d"])
        if key != current:
            peers = {}
            peers = named[request["case"]](request["n"], request["d"])
            current = key
        times = {name: sample(run, request["seconds"], request["samples"]) for name, run in peers.items()}
        print(json.dumps(times), flush=True)


def versions():
    np.dot(np.ones((2, 2), np.float32), np.ones((2, 2), np.float32))
    with open("/proc/self/maps") as maps:
        files = {line.split("/")[-1].strip() for line in maps if "/" in line}
    blas = sorted(f for f in files if any(name in f.lower() for name in ("openblas", "mkl", "blis", "libblas", "libcblas")))
    return {
        "python": sys.version.split()[0], "torch": torch.__version__, "torch_threads": torch.get_num_threads(), "numpy": np.__version__,
        "blas_files": blas, "openblas": ask_openblas("openblas_get_config"), "openblas_kernels": ask_openblas("openblas_get_corename"),
    }


def ask_openblas(question):
    import ctypes
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "libopenblas" in line}
    for path in sorted(paths):
        library = ctypes.CDLL(path)
        for name in (question, question + "64_"):
            if hasattr(library, name):
                function = getattr(library, name)
                function.restype = ctypes.c_char_p
                return function().decode()
    return None


if __name__ == "__main__":
    main()
