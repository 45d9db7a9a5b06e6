#!/usr/bin/env python3
"""The tutorial's compare_defenses in PyTorch as a whole process: what `flgpu compare --preset tutorial` is timed against.

Clients, model, attacks and aggregation are those of Tutorial 093, "FL Data Poisoning Defense" (Unbitrium contributors, EUPL-1.2), with its
data set, DataLoader, SGD and state dicts, and without its output each tenth round.
"""

import argparse
import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

ATTACKS = ["none", "label_flip", "random_noise", "gradient_scale", "sign_flip"]
DEFENSES = ["none", "median", "trimmed_mean", "krum", "multi_krum", "norm_clip"]
CLIENTS, MALICIOUS, INPUTS, HIDDEN, CLASSES = 10, 2, 32, 64, 10
EPOCHS, BATCH, LEARNING_RATE = 2, 32, 0.01
SCALE_FACTOR, TRIM_RATIO, KRUM_KEEP, CLIP_NORM = 10.0, 0.2, 3, 10.0


class Samples(Dataset):
    def __init__(self, features, labels, flipped=False):
        self.features = torch.FloatTensor(features)
        self.labels = torch.LongTensor(labels)
        if flipped:
            self.labels = (self.labels + 1) % CLASSES

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.features[index], self.labels[index]


def draw(count):
    x = np.random.randn(count, INPUTS).astype(np.float32)
    y = np.random.randint(0, CLASSES, count)
    for j in range(count):
        x[j, y[j] % INPUTS] += 2.0
    return x, y


def train(model, samples, malicious, attack):
    local = copy.deepcopy(model)
    optimizer = torch.optim.SGD(local.parameters(), lr=LEARNING_RATE)
    loader = DataLoader(samples, batch_size=BATCH, shuffle=True)
    local.train()
    for _ in range(EPOCHS):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(local(x), y)
            loss.backward()
            optimizer.step()

    state = {k: v.cpu() for k, v in local.state_dict().items()}
    if malicious:
        if attack == "gradient_scale":
            state = {k: v * SCALE_FACTOR for k, v in state.items()}
        elif attack == "sign_flip":
            state = {k: -v for k, v in state.items()}
        elif attack == "random_noise":
            state = {k: v + torch.randn_like(v) * 5.0 for k, v in state.items()}
    return state, len(samples)


def flatten(state):
    return torch.cat([v.flatten() for v in state.values()])


def unflatten(flat, template):
    result, offset = {}, 0
    for name, value in template.items():
        result[name] = flat[offset:offset + value.numel()].view(value.shape)
        offset += value.numel()
    return result


def krum_scores(flat):
    n = len(flat)
    scores = []
    for i in range(n):
        distances = sorted(torch.norm(flat[i] - flat[j]).item() for j in range(n) if i != j)
        scores.append(sum(distances[:n - MALICIOUS - 2]))
    return scores


def aggregate(defense, updates):
    states = [state for state, _ in updates]
    if defense == "none":
        total = sum(count for _, count in updates)
        return {key: sum((count / total) * state[key].float() for state, count in updates) for key in states[0]}

    flat = [flatten(state) for state in states]
    if defense == "median":
        result = torch.stack(flat).median(dim=0).values
    elif defense == "trimmed_mean":
        trim = int(len(flat) * TRIM_RATIO)
        result = torch.stack(flat).sort(dim=0)[0][trim:len(flat) - trim].mean(dim=0)
    elif defense == "krum":
        result = flat[np.argmin(krum_scores(flat))]
    elif defense == "multi_krum":
        result = torch.stack([flat[i] for i in np.argsort(krum_scores(flat))[:KRUM_KEEP]]).mean(dim=0)
    else:
        clipped = []
        for row in flat:
            norm = torch.norm(row)
            clipped.append(row * (CLIP_NORM / norm) if norm > CLIP_NORM else row)
        result = torch.stack(clipped).mean(dim=0)
    return unflatten(result, states[0])


def evaluate(model, test):
    model.eval()
    correct, total = 0, 0
    with torch.no_grad():
        for x, y in DataLoader(test, batch_size=128):
            correct += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    return correct / total


def final_accuracy(attack, defense, rounds, seed):
    torch.manual_seed(seed)
    np.random.seed(seed)
    clients = []
    for i in range(CLIENTS):
        malicious = i < MALICIOUS
        clients.append((Samples(*draw(np.random.randint(80, 120)), flipped=malicious and attack == "label_flip"), malicious))
    test = Samples(*draw(500))
    model = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
    accuracy = 0.0
    for _ in range(rounds):
        chosen = np.random.choice(CLIENTS, CLIENTS, replace=False)
        updates = [train(model, *clients[i], attack) for i in chosen]
        model.load_state_dict(aggregate(defense, updates))
        accuracy = evaluate(model, test)
    return accuracy


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attacks", default=",".join(ATTACKS))
    parser.add_argument("--defenses", default=",".join(DEFENSES))
    parser.add_argument("--rounds", default=30, type=int)
    parser.add_argument("--seed", default=42, type=int)
    parser.add_argument("--threads", default=torch.get_num_threads(), type=int)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    defenses = options.defenses.split(",")
    print("attack".ljust(16) + "".join(defense.rjust(14) for defense in defenses))
    for attack in options.attacks.split(","):
        accuracies = [final_accuracy(attack, defense, options.rounds, options.seed) for defense in defenses]
        print(attack.ljust(16) + "".join(f"{accuracy:14.4f}" for accuracy in accuracies), flush=True)


if __name__ == "__main__":
    main()
