"""Step 12's autoencoder in Python, by hand: python3 autoencoder.py FOLDER SEED EPOCHS."""
import gzip
import sys
from pathlib import Path

import torch
from torch import nn


def load(folder, split):
    raw = gzip.open(Path(folder) / f"{split}-images-idx3-ubyte.gz").read()
    return torch.frombuffer(bytearray(raw[16:]), dtype=torch.uint8).reshape(-1, 784).float().div_(255)


# Streams of random numbers, as in step 08.
def splitmix64(x):
    mask = 2**64 - 1
    x = (x + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def mix_seed(seed, stream):
    return splitmix64((splitmix64(seed) + stream) % 2**64)


def permutation(seed, epoch, n):
    generator = torch.Generator().manual_seed(mix_seed(seed, epoch))
    return torch.randperm(n, generator=generator)


# region loop
def train(images, test, seed, epochs):
    """The loop that the Trainer takes over, with all that is in it."""
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 3))
    decoder = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 784))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    images = images[permutation(mix_seed(seed, 4), 0, len(images))]  # the split, of which nothing is held out
    for epoch in range(epochs):
        total = 0.0
        for rows in permutation(mix_seed(seed, 2), epoch + 1, len(images)).split(64):
            batch = images[rows]
            loss = nn.functional.mse_loss(decoder(encoder(batch)), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        with torch.no_grad():
            test_loss = nn.functional.mse_loss(decoder(encoder(test)), test).item()
        print(f"epoch {epoch} train_loss {total / len(images):.7f} val_loss {test_loss:.7f}")
# endregion


if __name__ == "__main__":
    train(load(sys.argv[1], "train"), load(sys.argv[1], "t10k"), int(sys.argv[2]), int(sys.argv[3]))
