"""The twins of bench_runs in Python: a hand-written loop over whole tensors, or over torch's DataLoader; or Lightning.

The same weights to begin with, the same batches in the same order, one line of JSON.
"""
import argparse
import contextlib
import gzip
import json
import os
import resource
import tempfile
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
    if model == "wide":
        return nn.Sequential(nn.Linear(784, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1100), nn.ReLU(),
                             nn.Linear(1100, 10))
    if model == "cnn":
        return nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
                             nn.MaxPool2d(2), nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(128 * 7 * 7, 10))
    return nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 3), nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 784))


def loss_of(model: str, net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x = x if model == "cnn" else x.flatten(1)
    out = net(x)
    return nn.functional.mse_loss(out, x) if model == "autoencoder" else nn.functional.cross_entropy(out, y)


class Batches:
    """The batches of bench_runs: epoch after epoch in another order, from data that lie where they are."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, batch: int):
        self.images, self.labels, self.batch, self.epoch = images, labels, batch, -1

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch)

    def __iter__(self):
        self.epoch += 1
        order = permutation(0, self.epoch, len(self.labels)).to(self.images.device)
        for begin in range(0, len(self.labels), self.batch):
            chosen = order[begin:begin + self.batch]
            yield self.images[chosen], self.labels[chosen]


def by_hand(options: argparse.Namespace, net: nn.Module, batches, samples: int, result: dict) -> None:
    net.to(options.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True if options.fused else None)
    on_cpu = options.device.type == "cpu"
    result["first_batch"] = time.time()
    for _ in range(options.epochs):
        start, user = time.time(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
        total, there, steps = 0.0, torch.zeros((), device=options.device), 0
        for x, y in batches:
            x, y = x.to(options.device), y.to(options.device)
            loss = loss_of(options.model, net, x, y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if on_cpu:
                total += loss.item() * len(x)
            else:  # a number is asked for once, and not in every step
                there += loss.detach() * len(x)
            steps += 1
        total = total if on_cpu else there.item()
        result["seconds"].append(time.time() - start)
        result["user"].append(resource.getrusage(resource.RUSAGE_SELF).ru_utime - user)
        result["losses"].append(total / samples)
        result["steps"] = steps


def by_lightning(options: argparse.Namespace, net: nn.Module, batches: Batches, result: dict) -> None:
    import logging
    import warnings

    from lightning.pytorch import Callback, LightningModule, Trainer
    from lightning.pytorch.loggers import CSVLogger
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net

        def training_step(self, batch, _):
            loss = loss_of(options.model, self.net, *batch)
            self.log("train_loss", loss, prog_bar=True, on_step=True, on_epoch=True, batch_size=len(batch[0]))
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-3, fused=True if options.fused else None)

    class Watch(Callback):
        def on_train_start(self, trainer, module):
            result["first_batch"] = self.start = time.time()
            self.user = resource.getrusage(resource.RUSAGE_SELF).ru_utime

        def on_train_epoch_end(self, trainer, module):
            result["losses"].append(trainer.callback_metrics["train_loss_epoch"].item())
            end, user = time.time(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
            result["seconds"].append(end - self.start)
            result["user"].append(user - self.user)
            result["steps"] = trainer.num_training_batches
            self.start, self.user = end, user

    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        trainer = Trainer(accelerator=options.device.type, devices=1, max_epochs=options.epochs, logger=CSVLogger(folder), callbacks=[Watch()],
                          enable_model_summary=False, default_root_dir=folder)
        trainer.fit(Module(), batches)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--loop", choices=("bare", "lightning"), default="bare")
    parser.add_argument("--loader", choices=("tensors", "dataloader"), default="tensors")
    parser.add_argument("--fused", action="store_true", help="Adam's fused kernel")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--keep", action="store_true", help="keep the data on the device")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    images, labels = load(options.data, "train")
    images = images.float().div_(255)
    if options.keep:
        images, labels = images.to(options.device), labels.to(options.device)
    torch.manual_seed(0)
    net = make_net(options.model)
    result = {"losses": [], "seconds": [], "user": [], "samples": len(labels)}
    batches = Batches(images, labels, options.batch)
    if options.loop == "lightning":
        by_lightning(options, net, batches, result)
    elif options.loader == "dataloader":
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), batch_size=options.batch, shuffle=True)
        by_hand(options, net, loader, len(labels), result)
    else:
        by_hand(options, net, batches, len(labels), result)
    result["peak_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result["threads"] = torch.get_num_threads()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
