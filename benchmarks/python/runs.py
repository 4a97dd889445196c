"""The twins of bench_runs in Python: a hand-written loop over whole tensors, or over torch's DataLoader.

The same weights to begin with, the same batches in the same order, one line of JSON.
"""
import argparse
import gzip
import json
import resource
import time
from pathlib import Path

import numpy
import torch
from torch import nn


def load(folder: Path, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    def read(kind: str, header: int) -> torch.Tensor:
        path = folder / f"{split}-{kind}"
        data = path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()
        return torch.from_numpy(numpy.frombuffer(data, dtype=numpy.uint8, offset=header).copy())
    return read("images-idx3-ubyte", 16).reshape(-1, 1, 28, 28), read("labels-idx1-ubyte", 8).long()


def splitmix64(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) % 2**64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
    return x ^ x >> 31


def permutation(seed: int, epoch: int, n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(splitmix64((splitmix64(seed) + epoch) % 2**64))
    return torch.randperm(n, generator=generator)


def make_net(model: str) -> nn.Sequential:
    if model == "linear":
        return nn.Sequential(nn.Linear(784, 10))
    if model == "mlp":
        return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
    return nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 3), nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 784))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--loader", choices=("tensors", "dataloader"), default="tensors")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    images, labels = load(options.data, "train")
    images = images.float().div_(255)
    torch.manual_seed(0)
    net = make_net(options.model)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    result = {"losses": [], "seconds": [], "user": [], "samples": len(labels)}

    def batches(epoch: int):
        if options.loader == "dataloader":
            yield from torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), batch_size=64, shuffle=True)
            return
        order = permutation(0, epoch, len(labels))
        for begin in range(0, len(labels), 64):
            chosen = order[begin:begin + 64]
            yield images[chosen], labels[chosen]

    result["first_batch"] = time.time()
    for epoch in range(options.epochs):
        start, user = time.time(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
        total, steps = 0.0, 0
        for x, y in batches(epoch):
            x = x.flatten(1)
            out = net(x)
            loss = nn.functional.mse_loss(out, x) if options.model == "autoencoder" else nn.functional.cross_entropy(out, y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
            steps += 1
        result["seconds"].append(time.time() - start)
        result["user"].append(resource.getrusage(resource.RUSAGE_SELF).ru_utime - user)
        result["losses"].append(total / len(labels))
        result["steps"] = steps
    result["peak_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result["threads"] = torch.get_num_threads()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
