"""step08 in Python, to the last bit: python3 reproducibility.py FOLDER SEED EPOCHS.

Every source of randomness has a stream of its own, as in the program in C++, and with the same rules.
"""
import gzip
import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader


class FashionMnist(torch.utils.data.Dataset):
    def __init__(self, folder, split):
        images, labels = (gzip.open(Path(folder) / f"{split}-{kind}.gz").read()
                          for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        raw = torch.frombuffer(bytearray(images[16:]), dtype=torch.uint8)
        self.pixels = raw.reshape(-1, 1, 28, 28).float() / 255
        self.labels = torch.frombuffer(bytearray(labels[8:]), dtype=torch.uint8).long()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return (self.pixels[index] - 0.2860) / 0.3530, self.labels[index]


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(28 * 28, 128)
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Linear(128, 10)

    def forward(self, images):
        features = torch.relu(self.hidden(images.flatten(1)))
        return self.output(self.dropout(features))


# region streams
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
# endregion


def train_one_epoch(model, loader, optimizer):
    model.train()
    criterion = nn.CrossEntropyLoss()
    total, samples = torch.zeros(()), 0
    for images, labels in loader:
        scores = model(images)
        loss = criterion(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(images)
        samples += len(images)
    return total.item() / samples


def evaluate(model, loader):
    was_training = model.training
    model.eval()
    with torch.no_grad():
        labels = torch.cat([labels for _, labels in loader])
        scores = torch.cat([model(images) for images, _ in loader])
    model.train(was_training)
    loss = nn.functional.cross_entropy(scores, labels).item()
    accuracy = (scores.argmax(1) == labels).float().mean().item()
    return loss, accuracy


torch.set_num_threads(1)
# region run
seed = int(sys.argv[2])
dropout, shuffle = mix_seed(seed, 1), mix_seed(seed, 2)
torch.manual_seed(seed)
net = Mlp()
sgd = torch.optim.SGD(net.parameters(), lr=0.1)
dataset = FashionMnist(sys.argv[1], "train")
for epoch in range(1, int(sys.argv[3]) + 1):
    torch.manual_seed(mix_seed(dropout, epoch))
    order = permutation(shuffle, epoch, len(dataset)).tolist()
    # A generator of the loader's own: without one it would draw from the global stream.
    loader = DataLoader(dataset, batch_size=64, sampler=order, generator=torch.Generator())
    print(f"epoch {epoch}  loss {train_one_epoch(net, loader, sgd):.4f}")
# endregion
test_loader = DataLoader(FashionMnist(sys.argv[1], "t10k"), 64, generator=torch.Generator())
test_loss, test_accuracy = evaluate(net, test_loader)
print(f"test loss {test_loss:.4f}, test accuracy {100 * test_accuracy:.2f} %")
